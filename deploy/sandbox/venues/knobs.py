"""Trouble on demand: what an incident does to a venue, or to what an asset is worth.

A knob names a venue and a symbol; without a symbol it turns the whole venue. `for_s` is how long
it lasts; without it, until `clear`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from deploy.sandbox.venues.listings import ASSETS, LISTINGS, Listing
from deploy.sandbox.venues.market import Market, Quote
from oracle.model.errors import ConfigError


class Garbage(StrEnum):
    """Kinds of nonsense a venue can send."""

    MALFORMED = "malformed"
    ZERO = "zero"
    NEGATIVE = "negative"
    CROSSED = "crossed"


@dataclass(frozen=True)
class _Turned:
    """One knob in force during [from_ms, until_ms)."""

    from_ms: int
    until_ms: float
    value: float = 0.0
    kind: Garbage | None = None

    def on(self, now_ms: int) -> bool:
        return self.from_ms <= now_ms < self.until_ms


_Key = tuple[str, str, str | None]


class Knobs:
    """The knobs of one sandbox."""

    def __init__(self, market: Market, now_ms: Callable[[], int]) -> None:
        self._market = market
        self._now_ms = now_ms
        self._turned: dict[_Key, _Turned] = {}

    def wick(
        self, venue: str, symbol: str | None, percent: float, *, for_s: float | None = None
    ) -> None:
        """Show prices that are `percent` away from the true ones."""
        self._turn("wick", venue, symbol, for_s, value=percent)

    def freeze(self, venue: str, symbol: str | None = None, *, for_s: float | None = None) -> None:
        """Stand still: connected, answering, and showing the quote of now with its time."""
        self._turn("freeze", venue, symbol, for_s)

    def delay(
        self, venue: str, symbol: str | None, delay_ms: float, *, for_s: float | None = None
    ) -> None:
        """Deliver every quote late, with the time it had."""
        self._turn("delay", venue, symbol, for_s, value=delay_ms)

    def garbage(
        self, venue: str, symbol: str | None, kind: str, *, for_s: float | None = None
    ) -> None:
        """Send nonsense: `malformed`, `zero`, `negative` or `crossed`."""
        if kind not in set(Garbage):
            raise ConfigError(f"garbage {kind!r}: use one of {', '.join(Garbage)}")
        self._turn("garbage", venue, symbol, for_s, kind=Garbage(kind))

    def disconnect(self, venue: str, *, for_s: float | None = None) -> None:
        """Drop every connection and refuse new ones."""
        self._turn("disconnect", venue, None, for_s)

    def mute(self, venue: str, channel: str, *, for_s: float | None = None) -> None:
        """Say no to one channel, or drop the connections whose address names it."""
        self._turn("mute", venue, None, for_s, key=channel)

    def shift(self, asset: str, percent: float, *, over_s: float = 0.0) -> None:
        """Move the asset's true price at every venue, for good."""
        _require_asset(asset)
        self._market.shift(asset, percent, at_ms=self._now_ms(), over_ms=int(over_s * 1000))

    def depeg(self, asset: str, to_usd: float, *, over_s: float = 0.0) -> None:
        """Take the asset to `to_usd`: its own markets show it, and prices quoted in it rise."""
        _require_asset(asset)
        if not to_usd > 0:
            raise ConfigError(f"depeg of {asset} to {to_usd}: give a price above 0")
        self._market.depeg(asset, to_usd, at_ms=self._now_ms(), over_ms=int(over_s * 1000))

    def clear(self, venue: str | None = None) -> None:
        """Turn back every knob of a venue, or of all. Moves of true prices stay."""
        self._turned = {
            key: turned
            for key, turned in self._turned.items()
            if venue is not None and key[1] != venue
        }

    def in_force(self) -> list[dict[str, object]]:
        """List the knobs that are turned now."""
        now_ms = self._now_ms()
        return [
            {
                "knob": knob,
                "venue": venue,
                "symbol": symbol,
                "value": turned.kind or turned.value,
                "ends_in_s": None
                if math.isinf(turned.until_ms)
                else (turned.until_ms - now_ms) / 1000,
            }
            for (knob, venue, symbol), turned in self._turned.items()
            if turned.on(now_ms)
        ]

    def is_down(self, venue: str) -> bool:
        """Whether the venue refuses connections."""
        return self._find("disconnect", venue, None) is not None

    def is_mute(self, venue: str, channel: str) -> bool:
        """Whether the venue refuses a channel."""
        turned = self._turned.get(("mute", venue, channel))
        return turned is not None and turned.on(self._now_ms())

    def garbage_of(self, venue: str, symbol: str) -> Garbage | None:
        """Give the kind of nonsense the venue sends for a symbol now."""
        found = self._find("garbage", venue, symbol)
        return found.kind if found else None

    def quote(self, venue: str, symbol: str) -> Quote:
        """Give what the venue shows now, every knob applied but malformed frames."""
        t_ms = self._now_ms()
        late = self._find("delay", venue, symbol)
        if late:
            t_ms -= int(late.value)
        frozen = self._find("freeze", venue, symbol)
        if frozen:
            t_ms = min(t_ms, frozen.from_ms)
        wick = self._turned_at("wick", venue, symbol, t_ms)
        factor = 1 + wick.value / 100 if wick else 1.0
        return _spoiled(
            self._market.quote(venue, symbol, t_ms, factor=factor), self.garbage_of(venue, symbol)
        )

    def index_price(self, listing: Listing) -> float:
        """Give the true price now under a perpetual."""
        return self._market.true_price(listing.spot, self._now_ms())

    def _turn(
        self,
        knob: str,
        venue: str,
        symbol: str | None,
        for_s: float | None,
        *,
        value: float = 0.0,
        kind: Garbage | None = None,
        key: str | None = None,
    ) -> None:
        listed = LISTINGS.get(venue)
        if listed is None:
            raise ConfigError(f"venue {venue!r}: use one of {', '.join(LISTINGS)}")
        if symbol is not None and symbol not in listed:
            raise ConfigError(f"{venue} lists no {symbol!r}: use one of {', '.join(listed)}")
        now_ms = self._now_ms()
        until_ms = math.inf if for_s is None else now_ms + for_s * 1000
        self._turned[knob, venue, key or symbol] = _Turned(now_ms, until_ms, value, kind)

    def _find(self, knob: str, venue: str, symbol: str | None) -> _Turned | None:
        return self._turned_at(knob, venue, symbol, self._now_ms())

    def _turned_at(self, knob: str, venue: str, symbol: str | None, t_ms: int) -> _Turned | None:
        """Find a knob of the symbol, or else of its whole venue."""
        for key in ((knob, venue, symbol), (knob, venue, None)):
            turned = self._turned.get(key)
            if turned is not None and turned.on(t_ms):
                return turned
        return None


def _spoiled(quote: Quote, kind: Garbage | None) -> Quote:
    match kind:
        case Garbage.ZERO:
            return replace(quote, bid="0", ask="0", last="0")
        case Garbage.NEGATIVE:
            return replace(quote, bid=f"-{quote.bid}", ask=f"-{quote.ask}", last=f"-{quote.last}")
        case Garbage.CROSSED:
            return replace(quote, bid=quote.ask, ask=quote.bid)
        case _:
            return quote


def _require_asset(asset: str) -> None:
    if asset not in ASSETS:
        raise ConfigError(f"asset {asset!r}: use one of {', '.join(ASSETS)}")
