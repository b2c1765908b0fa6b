"""What Plumbline must know of a venue beyond ccxt; to add one, copy the smallest entry.

A field is a path into ccxt's unified ticker. Under `info` stands what the venue itself sent, so a
price that the venue sends as text is read as that text. Where a venue sends JSON numbers ccxt has
floats: their shortest repr gives back the venue's digits up to 15 significant ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from oracle.model.errors import ConfigError

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Fields:
    """Where one kind of ticker keeps its prices; None where the venue never sends that field."""

    bid: Path | None
    ask: Path | None
    last: Path | None
    venue_time: bool = True
    """False: the venue states no time and the tick's event time is when it was received. Such a
    source cannot show that it is frozen while it still answers; the receive time looks fresh."""


@dataclass(frozen=True)
class Call:
    """A ccxt method for all symbols in one call, or `each` of them."""

    method: str
    fields: Fields
    each: bool = False
    all_symbols: bool = False
    """The method takes no list: it answers for every symbol of the venue."""


@dataclass(frozen=True)
class Venue:
    """One ccxt exchange id: how it is watched, polled and pointed at another address."""

    id: str
    watch: Call
    fetch: Call
    rest_urls: Callable[[str], dict[str, Any]]
    """ccxt's `urls.api` entries for a REST base address without a trailing slash."""
    ws_urls: Callable[[str], Any]
    """ccxt's `urls.api.ws` entry for a WebSocket base address without a trailing slash."""
    cache: str = "tickers"
    """The ccxt attribute that the watch method's parser fills."""
    options: Mapping[str, Any] = field(default_factory=dict)


_BINANCE_POLL: Final = Fields(
    ("info", "bidPrice"), ("info", "askPrice"), ("info", "lastPrice"), venue_time=True
)
_CRYPTOCOM: Final = Fields(("info", "b"), ("info", "k"), ("info", "a"))
_OKX: Final = Fields(("info", "bidPx"), ("info", "askPx"), ("info", "last"))

VENUES: Final[dict[str, Venue]] = {
    venue.id: venue
    for venue in (
        Venue(
            "okx",
            # The `tickers` channel: bid, ask and last at once, with the venue's time; at most
            # every 100 ms. `bbo-tbt` is faster and has neither last nor text prices in ccxt.
            watch=Call("watch_tickers", _OKX),
            fetch=Call("fetch_tickers", _OKX),
            rest_urls=lambda base: {"rest": base},
            ws_urls=lambda base: f"{base}/ws/v5",
            options={"fetchMarkets": {"types": ["spot"]}},
        ),
        Venue(
            "cryptocom",
            watch=Call("watch_tickers", _CRYPTOCOM),
            # get-tickers takes one instrument or none; one call for all costs one request.
            fetch=Call("fetch_tickers", _CRYPTOCOM, all_symbols=True),
            rest_urls=lambda base: {"v1": f"{base}/exchange/v1"},
            ws_urls=lambda base: {"public": f"{base}/exchange/v1/market"},
        ),
        Venue(
            "kraken",
            # v2 sends JSON numbers, and its ticker has no time.
            watch=Call(
                "watch_bids_asks",
                Fields(("info", "bid"), ("info", "ask"), ("info", "last"), venue_time=False),
            ),
            fetch=Call(
                "fetch_tickers",
                Fields(("info", "b", 0), ("info", "a", 0), ("info", "c", 0), venue_time=False),
            ),
            rest_urls=lambda base: {"public": base},
            ws_urls=lambda base: {"publicV2": f"{base}/v2"},
        ),
        Venue(
            "coinbase",
            # `ticker` per symbol: ccxt's multi-symbol call takes `ticker_batch`, one in 5 s.
            watch=Call(
                "watch_ticker",
                Fields(("info", "best_bid"), ("info", "best_ask"), ("info", "price")),
                each=True,
            ),
            # ccxt keeps only the newest trade under `info`; bid and ask are its floats.
            fetch=Call("fetch_ticker", Fields(("bid",), ("ask",), ("info", "price")), each=True),
            rest_urls=lambda base: {"rest": base},
            ws_urls=lambda base: base,
        ),
        Venue(
            "binance",
            # Spot bookTicker states no time; it is sent when best bid or ask changes.
            watch=Call(
                "watch_bids_asks", Fields(("info", "b"), ("info", "a"), None, venue_time=False)
            ),
            fetch=Call("fetch_tickers", _BINANCE_POLL),
            cache="bidsasks",
            rest_urls=lambda base: {"public": f"{base}/api/v3"},
            ws_urls=lambda base: {"spot": f"{base}/ws"},
            options={"fetchMarkets": {"types": ["spot"]}},
        ),
        Venue(
            "binanceusdm",
            watch=Call("watch_bids_asks", Fields(("info", "b"), ("info", "a"), None)),
            fetch=Call("fetch_bids_asks", Fields(("info", "bidPrice"), ("info", "askPrice"), None)),
            cache="bidsasks",
            rest_urls=lambda base: {"fapiPublic": f"{base}/fapi/v1"},
            ws_urls=lambda base: {"linear": f"{base}/ws"},
        ),
    )
}


def venue_named(venue_id: str) -> Venue:
    """Look a venue up.

    Raises:
        ConfigError: no such venue is registered.
    """
    try:
        return VENUES[venue_id]
    except KeyError:
        raise ConfigError(
            f"venue {venue_id!r} is not known; use one of {', '.join(sorted(VENUES))}, "
            "or register it in feeds/cex/venues.py"
        ) from None
