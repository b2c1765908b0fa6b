"""Section 2: what each place is worth, or the first reason why it has no price."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from oracle.engine.spec import AdmissionSpec, MarketSpec, SourceSpec
from oracle.reference.admission import BEYOND, LOWEST, Source
from oracle.reference.quantile import quantile, within
from oracle.reference.weights import units

AGE_WIDTH = 1e-4
SCALE_ORIGINS = 3
"""As many origins make a median that others are measured by."""


@dataclass(frozen=True)
class Conversion:
    """What a market says to those who convert through it."""

    index: float
    conf: float
    halted: bool
    depegged: bool
    normal: bool


@dataclass
class Place:
    """One source in one market: this step's price, and what is remembered of earlier ones."""

    entry: SourceSpec
    source: Source
    price: float = math.nan
    half_width: float = 0.0
    rate: float = math.nan
    reason: str = ""
    event_ns: int = 0
    native: float = math.nan
    """Before the conversion."""
    seen: float = math.nan
    changed_ns: int = 0
    index_when_changed: float = math.nan
    accepted: float = math.nan
    accepted_ns: int = 0

    def refuse(self, reason: str) -> None:
        """Take the price away."""
        self.price, self.reason = math.nan, reason

    @property
    def admitted(self) -> bool:
        """Whether it has a price."""
        return self.reason in {"", "outlier"}


@dataclass(frozen=True)
class Surroundings:
    """What a market's places are priced against in one step."""

    now_ns: int
    paused: frozenset[str]
    conversions: Mapping[str, Conversion]
    legs: Sequence[float]
    """The newest index of every conversion market that ever had one."""
    sources: Mapping[str, Source] = field(repr=False)


def price_places(
    places: Sequence[Place],
    market: MarketSpec,
    around: Surroundings,
    last_index: float,
    references: Sequence[float],
    *,
    with_median: bool,
) -> None:
    """Price all places of one kind; `references` are what a scale is measured against.

    `last_index` is the market's, of an earlier step.
    """
    for place in places:
        _convert(place, around)
        _check_frozen(place, market.admission, last_index, around.now_ns)
    known = [reference for reference in references if not math.isnan(reference)]
    so_far = [place for place in places if place.admitted]
    if with_median and len({place.entry.origin for place in so_far}) >= SCALE_ORIGINS:
        shares = units([place.entry for place in so_far])
        known.append(quantile(zip((p.price for p in so_far), shares, strict=True)))
    for place in so_far:
        if any(off_scale(place.price / r, market.admission, around.legs) for r in known):
            place.refuse("scale_jump")
    _confirm([place for place in so_far if place.admitted], market.admission, around.now_ns)


def _convert(place: Place, around: Surroundings) -> None:
    """Take the source's newest fresh price, times the conversion."""
    source, entry = place.source, place.entry
    oldest_ns = around.now_ns - entry.max_age_ns
    quote = source.quote if source.quote and source.quote.stamp[0] >= oldest_ns else None
    trade = source.trade if source.trade and source.trade.stamp[0] >= oldest_ns else None
    place.price, place.half_width, place.rate, place.event_ns = math.nan, 0.0, math.nan, 0
    conversion = Conversion(1.0, 0.0, False, False, True)
    if entry.edge is not None:
        conversion = around.conversions[entry.edge]
    place.reason = _missing(entry, source, around, fresh=bool(quote or trade)) or _cut(conversion)
    if place.reason:
        return
    half_spread = 0.0
    if quote is not None:
        place.native, place.event_ns = quote.mid, quote.stamp[0]
        half_spread = (quote.ask - quote.bid) / 2.0 / quote.mid
    elif trade is not None:
        place.native, place.event_ns = trade.value, trade.stamp[0]
    place.price, place.rate = place.native * conversion.index, conversion.index
    age = max(around.now_ns - place.event_ns, 0) / entry.max_age_ns
    place.half_width = half_spread + AGE_WIDTH * age + conversion.conf
    if not LOWEST <= place.price < BEYOND:
        place.refuse("out_of_range")


def _missing(entry: SourceSpec, source: Source, around: Surroundings, *, fresh: bool) -> str:
    if entry.source in around.paused:
        return "paused"
    newest, refused = source.newest_ns, source.refused_ns
    if newest is None and refused is None:
        return "no_data"
    if fresh:
        return ""
    if refused is not None and (newest is None or refused > newest):
        return source.refusal
    return "stale"


def _cut(conversion: Conversion) -> str:
    if conversion.halted:
        return "conversion_halted"
    if conversion.depegged:
        return "conversion_depegged"
    return "conversion_missing" if math.isnan(conversion.index) else ""


def _check_frozen(place: Place, rules: AdmissionSpec, last_index: float, now_ns: int) -> None:
    if not place.admitted:
        return
    if place.native != place.seen:
        place.seen, place.changed_ns, place.index_when_changed = place.native, now_ns, last_index
    elif math.isnan(place.index_when_changed):
        place.index_when_changed = last_index
    elif 0 < rules.max_unchanged_ns < now_ns - place.changed_ns and not within(
        last_index, place.index_when_changed, rules.unchanged_bps
    ):
        place.refuse("frozen")


def off_scale(ratio: float, rules: AdmissionSpec, legs: Iterable[float]) -> bool:
    """Whether a ratio to a reference is a factor and not a move."""
    if ratio >= rules.max_scale or ratio <= 1 / rules.max_scale:
        return True
    if 1 / rules.leg_scale < ratio < rules.leg_scale:
        return False
    return any(
        within(ratio, leg, rules.leg_tolerance_bps)
        or within(ratio * leg, 1.0, rules.leg_tolerance_bps)
        for leg in legs
    )


def _confirm(scaled: Sequence[Place], rules: AdmissionSpec, now_ns: int) -> None:
    """Refuse who has stepped too far alone; `scaled` are past the scale check."""
    prices = [(place.entry.origin, place.price) for place in scaled]
    for place in scaled:
        bps = place.entry.max_step_bps
        if (
            not math.isnan(place.accepted)
            and now_ns - place.accepted_ns <= rules.confirm_ns
            and not within(place.price, place.accepted, bps)
            and not any(
                origin != place.entry.origin and within(price, place.price, bps)
                for origin, price in prices
            )
        ):
            place.refuse("unconfirmed")
        else:
            place.accepted, place.accepted_ns = place.price, now_ns
