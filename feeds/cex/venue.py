"""What Plumbline must know of a venue beyond ccxt: which calls it answers, and where fields stand.

A field is a path into what ccxt parsed. Under `info` stands what the venue itself sent, so a price
that the venue sends as text is read as that text. Where a venue sends JSON numbers, and in ccxt's
order books, there are floats: their shortest repr gives back the venue's digits up to 15
significant ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

Path = tuple[str | int, ...]
Market = Mapping[str, Any]
"""ccxt's description of one instrument."""

SPOT: Final = frozenset({"spot"})
PERPS: Final = frozenset({"swap"})
CONTRACTS: Final = frozenset({"swap", "future"})
ALL: Final = SPOT | CONTRACTS
"""ccxt's types of markets; options are not read."""

CCXT_TIME: Final[Path] = ("timestamp",)
"""Where ccxt puts the venue's time, in milliseconds."""

FUNDING_POLL_S: Final = 15.0
"""A rate is for hours; venues ban who asks too often."""


@dataclass(frozen=True)
class Fields:
    """Where one kind of message keeps its fields; None where the venue never sends that field.

    Sizes are in the unit the venue states them in. `last_size` is only for messages that tell each
    trade once: a ticker repeats the last one, and its size would be counted again and again.
    """

    bid: Path | None = None
    ask: Path | None = None
    last: Path | None = None
    bid_size: Path | None = None
    ask_size: Path | None = None
    last_size: Path | None = None
    funding: Path | None = None
    """The current rate for the venue's own interval."""
    time: Path | None = CCXT_TIME
    """None: the venue states no time and the tick's event time is when it was received. Such a
    source cannot show that it is frozen while it still answers; the receive time looks fresh."""


@dataclass(frozen=True)
class Call:
    """A ccxt method for all symbols in one call, or `each` of them.

    A `watch_` method subscribes; a `fetch_` method is polled, also beside subscriptions.
    """

    method: str
    fields: Fields
    fills: str = "tickers"
    """The ccxt attribute that the parser of a `watch_` method fills."""
    kinds: frozenset[str] = ALL
    """The types of markets it is called for."""
    each: bool = False
    all_symbols: bool = False
    """The method takes no list: it answers for every symbol of the venue."""
    every_s: float = 0.0
    """A poll is not more frequent than this."""
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def polled(self) -> bool:
        """Whether it asks instead of subscribing."""
        return self.method.startswith("fetch_")

    @property
    def quotes(self) -> bool:
        """Whether it brings bid and ask, which are what a connection lives by."""
        return self.fields.bid is not None


@dataclass(frozen=True)
class Venue:
    """One ccxt exchange id: how it is watched, polled and pointed at another address."""

    id: str
    watch: tuple[Call, ...]
    trades: Call
    """Every trade once, with its size."""
    fetch: tuple[Call, ...]
    rest_urls: Callable[[str], dict[str, Any]]
    """ccxt's `urls.api` entries for a REST base address without a trailing slash."""
    ws_urls: Callable[[str], Any]
    """ccxt's `urls.api.ws` entry for a WebSocket base address without a trailing slash."""
    options: Mapping[str, Any] = field(default_factory=dict)

    def calls(self, mode: str, market: Market, *, trades: bool) -> tuple[Call, ...]:
        """Give the calls that serve one market; empty where the venue is not read for its type.

        With `trades` the last price is that of each trade. A perpetual whose quotes state no last
        price has its trades watched anyway: marks need it.
        """
        kind = market["type"]
        offered = self.fetch if mode == "rest" else self.watch
        calls = [_of_kind(call, kind) for call in offered if kind in call.kinds]
        if not any(call.quotes for call in calls):
            return ()
        lacks_last = kind in PERPS and not any(call.fields.last for call in calls)
        if mode == "ws" and kind in self.trades.kinds and (trades or lacks_last):
            quotes = [replace(call, fields=replace(call.fields, last=None)) for call in calls]
            calls = [*quotes, self.trades]
        return tuple(calls)


def _of_kind(call: Call, kind: str) -> Call:
    """Leave the funding rate out where there is none: only perpetuals have one."""
    return call if kind in PERPS else replace(call, fields=replace(call.fields, funding=None))
