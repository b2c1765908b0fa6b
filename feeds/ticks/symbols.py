"""A recorder's exchange and symbol to our source, e.g. binance POLUSDT to binance:POL/USDT.

Sources are named as ccxt unifies them: `venue:BASE/QUOTE` for spot, `:SETTLE` behind it for a
perpetual, `-YYMMDD` behind that for a dated future. `EXCHANGES` is where an exchange is added.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from oracle.model.errors import ConfigError

QUOTES: Final = (
    *("FDUSD", "USDT", "USDC", "USDE", "TUSD", "BUSD", "GUSD", "RLUSD", "PYUSD", "USD"),
    *("EUR", "GBP", "AUD", "BRL", "TRY", "JPY", "SGD", "DAI", "BTC", "ETH", "BNB", "SOL"),
)
"""Quote currencies of symbols written without a separator; the longest that fits is taken."""

_RENAMED: Final = {"XBT": "BTC", "XDG": "DOGE"}
_Unify = Callable[[str], str | None]


class Exchange(NamedTuple):
    """The venue as ccxt names it, and how its symbols are unified (None: not one of its kind)."""

    venue: str
    unify: _Unify


def _split(symbol: str, separator: str) -> tuple[str, str] | None:
    if separator:
        base, _, quote = symbol.partition(separator)
    else:
        fitting = [quote for quote in QUOTES if symbol.endswith(quote)]
        quote = max(fitting, key=len, default="")
        base = symbol.removesuffix(quote)
    if not re.fullmatch(r"[A-Z0-9]{1,20}", base) or not re.fullmatch(r"[A-Z0-9]{2,10}", quote):
        return None
    return _RENAMED.get(base, base), _RENAMED.get(quote, quote)


def _spot(separator: str) -> _Unify:
    def unify(symbol: str) -> str | None:
        pair = _split(symbol, separator)
        return None if pair is None else "/".join(pair)

    return unify


def _future(pattern: str, separator: str, settle: Callable[[str, str], str]) -> _Unify:
    """Futures whose symbol matches `pattern`: group `pair`, and group `date` when it is dated."""

    def unify(symbol: str) -> str | None:
        match = re.fullmatch(pattern, symbol)
        pair = _split(match["pair"], separator) if match else None
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


_DATE: Final = r"(?P<date>\d{6})"
EXCHANGES: Final[Mapping[str, Exchange]] = {
    "binance": Exchange("binance", _spot("")),
    "binance-us": Exchange("binanceus", _spot("")),
    "binance-futures": Exchange(
        "binanceusdm", _future(rf"(?P<pair>[A-Z0-9]+)(?:_{_DATE})?", "", _in_quote)
    ),
    "binance-delivery": Exchange(
        "binancecoinm", _future(rf"(?P<pair>[A-Z0-9]+)_(?:PERP|{_DATE})", "", _in_base)
    ),
    "bitstamp": Exchange("bitstamp", _spot("")),
    "bybit-spot": Exchange("bybit", _spot("")),
    "coinbase": Exchange("coinbase", _spot("-")),
    "gate-io": Exchange("gate", _spot("_")),
    "gemini": Exchange("gemini", _spot("")),
    "kraken": Exchange("kraken", _spot("/")),
    "kucoin": Exchange("kucoin", _spot("-")),
    "okex": Exchange("okx", _spot("-")),
    "okex-swap": Exchange(
        "okx", _future(r"(?P<pair>[A-Z0-9]+-[A-Z0-9]+)-SWAP(?P<date>)", "-", _inverse_in_usd)
    ),
}


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
