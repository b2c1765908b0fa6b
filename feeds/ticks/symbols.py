"""A recorder's exchange and symbol to our source, e.g. binance POLUSDT to binance:POL/USDT.

Sources are named as ccxt unifies them: `venue:BASE/QUOTE` for spot, `:SETTLE` behind it for a
perpetual, `-YYMMDD` behind that for a dated future. `EXCHANGES` is where an exchange is added.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from feeds.ticks.pairs import QUOTES, split
from oracle.config.markets import SOURCE_PATTERN
from oracle.model.errors import ConfigError

_NO_USD: Final = tuple(quote for quote in QUOTES if quote != "USD")
"""Of venues that quote nothing in USD: there DOTTUSD can only be DOT/TUSD."""

_Unify = Callable[[str], str | None]


class Exchange(NamedTuple):
    """The venue as ccxt names it, and how its symbols are unified (None: not one of its kind)."""

    venue: str
    unify: _Unify
    sizes_in_base: bool = True
    """False where amounts count contracts whose worth the symbol does not tell."""


def _spot(separator: str, quotes: Collection[str] = QUOTES) -> _Unify:
    def unify(symbol: str) -> str | None:
        pair = split(symbol, separator, quotes)
        return None if pair is None else "/".join(pair)

    return unify


def _future(
    pattern: str,
    separator: str,
    settle: Callable[[str, str], str],
    quotes: Collection[str] = QUOTES,
) -> _Unify:
    """Futures whose symbol matches `pattern`: group `pair`, and group `date` when it is dated."""

    def unify(symbol: str) -> str | None:
        match = re.fullmatch(pattern, symbol)
        pair = split(match["pair"], separator, quotes) if match else None
        if match is None or pair is None:
            return None
        date = match["date"]
        return f"{pair[0]}/{pair[1]}:{settle(*pair)}" + (f"-{date}" if date else "")

    return unify


def _in_base(base: str, _: str) -> str:
    return base


def _in_quote(_: str, quote: str) -> str:
    return quote


def _inverse_in_usd(base: str, quote: str) -> str:
    return base if quote == "USD" else quote


def _bybit(symbol: str) -> str | None:
    """Unify a linear or inverse perpetual; `BTCPERP` is the one that settles in USDC."""
    pair = split(symbol.removesuffix("PERP") + "USDC" if symbol.endswith("PERP") else symbol, "")
    return None if pair is None else f"{pair[0]}/{pair[1]}:{_inverse_in_usd(*pair)}"


def _deribit(symbol: str) -> str | None:
    """Unify a perpetual: `BTC-PERPETUAL` is inverse, `SOL_USDC-PERPETUAL` linear."""
    base, _, quote = symbol.removesuffix("-PERPETUAL").partition("_")
    pair = split(f"{base}-{quote or 'USD'}", "-")
    if pair is None or not symbol.endswith("-PERPETUAL"):
        return None
    return f"{pair[0]}/{pair[1]}:{_inverse_in_usd(*pair)}"


def _hyperliquid(coin: str) -> str | None:
    """Unify a perpetual's coin. One of a builder's dex (`XYZ:TSLA`) does not tell its quote."""
    if re.fullmatch(r"[A-Z0-9]{1,20}", coin):
        return f"{coin}/USDC:USDC"
    return coin.replace(":", "-") if re.fullmatch(r"[A-Z0-9]{1,10}:[A-Z0-9]{1,20}", coin) else None


_DATE: Final = r"(?P<date>\d{6})"
_PAIR: Final = r"(?P<pair>[A-Z0-9]+-[A-Z0-9]+)"
EXCHANGES: Final[Mapping[str, Exchange]] = {
    "binance": Exchange("binance", _spot("", _NO_USD)),
    "binance-us": Exchange("binanceus", _spot("")),
    "binance-futures": Exchange(
        "binanceusdm", _future(rf"(?P<pair>[A-Z0-9]+)(?:_{_DATE})?", "", _in_quote, _NO_USD)
    ),
    "binance-delivery": Exchange(
        "binancecoinm", _future(rf"(?P<pair>[A-Z0-9]+)_(?:PERP|{_DATE})", "", _in_base, ("USD",))
    ),
    "bitmex": Exchange(
        "bitmex",
        _future(r"(?P<pair>[A-Z0-9]+)(?P<date>)", "", _inverse_in_usd),
        sizes_in_base=False,
    ),
    "bitstamp": Exchange("bitstamp", _spot("")),
    "bybit": Exchange("bybit", _bybit),
    "bybit-spot": Exchange("bybit", _spot("")),
    "coinbase": Exchange("coinbase", _spot("-")),
    "crypto-com": Exchange("cryptocom", _spot("_")),
    "deribit": Exchange("deribit", _deribit),
    "gate-io": Exchange("gate", _spot("_")),
    "gemini": Exchange("gemini", _spot("")),
    "hyperliquid": Exchange("hyperliquid", _hyperliquid),
    "kraken": Exchange("kraken", _spot("/")),
    "kucoin": Exchange("kucoin", _spot("-")),
    "okex": Exchange("okx", _spot("-")),
    "okex-futures": Exchange(
        "okx", _future(rf"{_PAIR}-{_DATE}", "-", _inverse_in_usd), sizes_in_base=False
    ),
    "okex-swap": Exchange(
        "okx", _future(rf"{_PAIR}-SWAP(?P<date>)", "-", _inverse_in_usd), sizes_in_base=False
    ),
}


@lru_cache(maxsize=4096)
def source_of(exchange: str, symbol: str) -> str:
    """Return `venue:SYMBOL` of a Tardis exchange and symbol.

    Raises:
        ConfigError: an exchange or a kind of symbol that is not known.
    """
    known = EXCHANGES.get(exchange)
    if known is None:
        raise ConfigError(f"unknown exchange {exchange!r}; known are {', '.join(EXCHANGES)}")
    unified = known.unify(symbol.upper())
    if unified is None:
        raise ConfigError(f"symbol {symbol!r} of {exchange} is not understood")
    return f"{known.venue}:{unified}"


def sizes_in_base(exchange: str, source: str) -> bool:
    """Whether an exchange's amounts of a source are in its base currency, not in contracts."""
    return EXCHANGES[exchange].sizes_in_base and not is_inverse(source)


def is_inverse(source: str) -> bool:
    """Whether a source is a contract that settles in its base currency, and so counts quote."""
    match = re.fullmatch(r"[a-z0-9]+:([A-Z0-9]+)/[A-Z0-9]+:([A-Z0-9]+)(-\d{6})?", source)
    return match is not None and match[1] == match[2]


def published(source: str, kind: str) -> str:
    """Return the name of what a venue publishes about a source: its `mark`, its `index`.

    The venue's name differs, so that nobody takes it for a price that was quoted or traded.
    """
    venue, _, symbol = source.partition(":")
    return f"{venue}{kind}:{symbol}"


def is_source(name: str) -> bool:
    """Whether a name is of the form `venue:SYMBOL`."""
    return SOURCE_PATTERN.fullmatch(name) is not None
