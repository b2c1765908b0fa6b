"""Section 1: what is taken of a source's ticks, and by what name the rest is refused."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from oracle.engine.spec import EngineSpec, MarketSpec
from oracle.model.fixed import float_nearest
from oracle.model.ticks import FUNDING_ONE, Tick, TickBatch

LOWEST, BEYOND = 1e-18, 1e21
Stamp = tuple[int, int]
"""Event time and sequence: the order of one source's ticks."""


@dataclass(frozen=True)
class Quote:
    """Both sides of a quote."""

    stamp: Stamp
    bid: float
    ask: float

    @property
    def mid(self) -> float:
        """The middle."""
        return (self.bid + self.ask) / 2.0


@dataclass(frozen=True)
class Number:
    """A trade's price, or a funding rate."""

    stamp: Stamp
    value: float


@dataclass
class Bounds:
    """The strictest admission of the markets that use a source, and its longest age."""

    max_future_ns: float = math.inf
    max_spread_bps: float = math.inf
    max_age_ns: int = 0
    window_ns: float = math.inf

    def tighten(self, market: MarketSpec, max_age_ns: int) -> None:
        """Count in one more market."""
        self.max_future_ns = min(self.max_future_ns, market.admission.max_future_ns)
        self.max_spread_bps = min(self.max_spread_bps, market.admission.max_spread_bps)
        self.max_age_ns = max(self.max_age_ns, max_age_ns)
        self.window_ns = min(self.window_ns, market.weights.window_ns)


@dataclass
class Source:
    """What is known of one source."""

    bounds: Bounds = field(default_factory=Bounds)
    quote: Quote | None = None
    trade: Number | None = None
    funding: Number | None = None
    refusal: str = ""
    refused_ns: int | None = None
    volume: float = 0.0
    volume_ns: int = 0
    depth: float = math.nan
    """Average of what stood before the size that stands."""
    standing: float = math.nan
    standing_ns: int = 0

    @property
    def newest_ns(self) -> int | None:
        """Return the event time of the newest price taken."""
        parts = (self.quote, self.trade)
        return max((part.stamp[0] for part in parts if part is not None), default=None)

    def volume_at(self, now_ns: int) -> float:
        """Return the decayed sum of trade sizes."""
        return self.volume * self._kept(now_ns - self.volume_ns)

    def depth_at(self, now_ns: int) -> float:
        """Return the average of the smaller side, each size for as long as it stood; or NaN."""
        if math.isnan(self.depth):
            return self.standing
        kept = self._kept(now_ns - self.standing_ns)
        return self.depth * kept + self.standing * (1 - kept)

    def take_volume(self, tick: Tick) -> None:
        """Let the size of a new trade into the volume."""
        if tick.last_size is not None and tick.last_size.mantissa > 0:
            self.volume = self.volume_at(tick.event_ns) + float_nearest(tick.last_size)
            self.volume_ns = tick.event_ns

    def take_depth(self, tick: Tick) -> None:
        """Let the smaller size of a new quote stand from now on."""
        if tick.bid_size is None or tick.ask_size is None:
            return
        smaller = min(float_nearest(tick.bid_size), float_nearest(tick.ask_size))
        if smaller > 0:
            self.depth, self.standing = self.depth_at(tick.event_ns), smaller
            self.standing_ns = tick.event_ns

    def _kept(self, elapsed_ns: int) -> float:
        return math.exp(-max(elapsed_ns, 0) / self.bounds.window_ns)


class Admission:
    """All sources, by name."""

    def __init__(self, spec: EngineSpec) -> None:
        self.sources: dict[str, Source] = {}
        for market in spec.markets:
            for entry in (*market.sources, *market.perps):
                source = self.sources.setdefault(entry.source, Source())
                source.bounds.tighten(market, entry.max_age_ns)

    def take(
        self, batches: Iterable[TickBatch], paused: Collection[str], now_ns: int
    ) -> Counter[str]:
        """Take a step's ticks; return how many were refused, by reason."""
        refused: Counter[str] = Counter()
        ticks = [tick for batch in batches for tick in batch.ticks()]
        ticks.sort(key=lambda tick: (tick.event_ns, tick.sequence))
        for tick in ticks:
            source = self.sources.get(tick.source)
            if source is None:
                refused["unknown_source"] += 1
                continue
            reason = "paused" if tick.source in paused else _refusal(tick, source, now_ns)
            if reason:
                refused[reason] += 1
                _remember(source, tick, reason, now_ns)
            else:
                _keep(source, tick)
        return refused


def _refusal(tick: Tick, source: Source, now_ns: int) -> str:
    """Name the first check that fails."""
    bounds = source.bounds
    numbers = _wrong_numbers(tick, bounds.max_spread_bps)
    if numbers:
        return numbers
    if tick.event_ns > now_ns + bounds.max_future_ns:
        return "future"
    return "stale" if now_ns - tick.event_ns > bounds.max_age_ns else _order(tick, source)


def _wrong_numbers(tick: Tick, max_spread_bps: float) -> str:
    prices = [float_nearest(px) for px in (tick.bid, tick.ask, tick.last) if px is not None]
    quoted = tick.bid is not None and tick.ask is not None
    reason = ""
    if not quoted and tick.last is None and tick.funding_e12 is None:
        reason = "empty"
    elif any(price <= 0 for price in prices):
        reason = "not_positive"
    elif any(not LOWEST <= price < BEYOND for price in prices):
        reason = "out_of_range"
    elif quoted and prices[0] > prices[1]:
        reason = "crossed"
    elif quoted and _spread(*prices[:2]) * 1e4 > max_spread_bps:
        reason = "wide_spread"
    return reason


def _spread(bid: float, ask: float) -> float:
    return (ask - bid) / ((ask + bid) / 2)


def _order(tick: Tick, source: Source) -> str:
    """Refuse a tick none of whose parts is newer than what is held."""
    stamp = (tick.event_ns, tick.sequence)
    held = [
        None if part is None else part.stamp
        for part, sent in (
            (source.quote, tick.bid is not None and tick.ask is not None),
            (source.trade, tick.last is not None),
            (source.funding, tick.funding_e12 is not None),
        )
        if sent
    ]
    if any(other is None or stamp > other for other in held):
        return ""
    return "duplicate" if stamp in held else "backwards"


def _remember(source: Source, tick: Tick, reason: str, now_ns: int) -> None:
    """Keep the newest refusal. Pauses and order are no fault of a price."""
    if reason in {"paused", "duplicate", "backwards"}:
        return
    # A tick of the future is of now: it must not outlast the good ones before its time.
    refused_ns = min(tick.event_ns, now_ns)
    if source.refused_ns is None or refused_ns >= source.refused_ns:
        source.refusal, source.refused_ns = reason, refused_ns


def _keep(source: Source, tick: Tick) -> None:
    """Take each part that is newer than the one held."""
    stamp = (tick.event_ns, tick.sequence)
    if tick.bid is not None and tick.ask is not None and _newer(stamp, source.quote):
        source.quote = Quote(stamp, float_nearest(tick.bid), float_nearest(tick.ask))
        source.take_depth(tick)
    if tick.last is not None and _newer(stamp, source.trade):
        source.trade = Number(stamp, float_nearest(tick.last))
        source.take_volume(tick)
    if tick.funding_e12 is not None and _newer(stamp, source.funding):
        source.funding = Number(stamp, tick.funding_e12 / FUNDING_ONE)


def _newer(stamp: Stamp, part: Quote | Number | None) -> bool:
    return part is None or stamp > part.stamp
