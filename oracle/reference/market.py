"""One market through a step: the sections of docs/engine.md in their order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oracle.engine.spec import MarketSpec, Premium, TwapSpec
from oracle.model.validity import BreakerState, Validity
from oracle.reference.admission import Source
from oracle.reference.averages import Twap
from oracle.reference.breaker import Breaker, Event
from oracle.reference.funding import Funding, premium
from oracle.reference.index import Index, compute
from oracle.reference.marks import Mark, legs_of
from oracle.reference.pricing import Conversion, Place, Surroundings, price_places
from oracle.reference.triggers import Circumstances, figures
from oracle.reference.weights import weights


@dataclass(frozen=True)
class PlaceView:
    """What one place contributed, and why not when it did not."""

    source: str
    price: float
    reason: str


@dataclass(frozen=True)
class Outcome:
    """One market at one step; NaN is missing. The mark is the raw one, published or not."""

    market: str
    index: float
    mark: float
    twap: float
    conf: float
    premium: float
    funding: float
    settled_funding: float
    validity: Validity
    state: BreakerState
    places: tuple[PlaceView, ...]
    events: tuple[Event, ...]


class Market:
    """What is remembered of one market."""

    def __init__(self, spec: MarketSpec, sources: Mapping[str, Source]) -> None:
        self._spec = spec
        self._sources = [Place(entry, sources[entry.source]) for entry in spec.sources]
        self._perps = [Place(entry, sources[entry.source]) for entry in spec.perps]
        self._twap = Twap(spec.twap)
        self._deviation_twaps = [Twap(TwapSpec(d.window_ns)) for d in spec.breaker.deviations]
        self._mark = Mark(spec.mark)
        self._breaker = Breaker(spec.name, spec.breaker)
        self._funding = None if spec.funding is None else Funding(spec.funding)
        self._last_index, self._last_index_ns = math.nan, 0
        self._scale = math.nan
        self._index = math.nan
        self._conf = 0.0

    @property
    def last_index(self) -> float:
        """The newest index there was."""
        return self._last_index

    def conversion(self, *, held: bool) -> Conversion:
        """Return what those who convert through it need; `held` is a person's pause."""
        return Conversion(
            self._index,
            self._conf,
            held or self._breaker.state is BreakerState.HALTED,
            self._breaker.depegged,
            self._breaker.state is BreakerState.NORMAL,
        )

    def resume(self, issued_ns: int) -> None:
        """Lift the latch and forget the scale: a person has seen this state and says so."""
        if issued_ns >= self._breaker.since_ns:
            self._breaker.resume()
            self._scale = math.nan

    def step(self, around: Surroundings, *, held: bool) -> Outcome:
        """Compute everything as of this step; `held` is a person's pause."""
        now_ns, spec = around.now_ns, self._spec
        found, admitted, shares = self._compute_index(around)
        average = self._twap.step(found.value, now_ns)
        twap = found.value if math.isnan(average) else average
        averages = [twap_of.step(found.value, now_ns) for twap_of in self._deviation_twaps]
        deviations = [0.0 if math.isnan(a) else _off(found.value, a) for a in averages]
        price_places(self._perps, spec, around, self._last_index, [found.value], with_median=False)
        legs = legs_of(self._perps, spec.mark, now_ns)
        mark = self._mark.step(found.value, twap, legs, now_ns)
        circumstances = self._circumstances(found, mark, admitted, shares, around)
        self._note_index(found, now_ns)
        events = self._breaker.step(
            figures(spec.breaker, found, deviations, circumstances),
            priced=not math.isnan(found.value),
            dispersion_bps=found.dispersion * 1e4,
            now_ns=now_ns,
        )
        events += self._breaker.peg_step(circumstances.peg_bps)
        kind = Premium.MID if spec.funding is None else spec.funding.premium
        sample = premium(kind, found.value, mark, legs)
        validity = self._judge(found, deviations, held=held)
        return Outcome(
            market=spec.name,
            index=found.value,
            mark=mark,
            twap=twap,
            conf=found.conf,
            premium=sample,
            funding=math.nan if self._funding is None else self._funding.step(sample, now_ns),
            settled_funding=math.nan if self._funding is None else self._funding.settled,
            validity=validity,
            state=self._breaker.state,
            places=tuple(
                PlaceView(place.entry.source, place.price, place.reason)
                for place in (*self._sources, *self._perps)
            ),
            events=tuple(events),
        )

    def _compute_index(self, around: Surroundings) -> tuple[Index, list[Place], list[int]]:
        spec, now_ns = self._spec, around.now_ns
        remembered = now_ns - self._last_index_ns <= spec.admission.scale_memory_ns
        scale = self._scale if remembered else math.nan
        price_places(self._sources, spec, around, self._last_index, [scale], with_median=True)
        admitted = [place for place in self._sources if place.admitted]
        entries = [place.entry for place in admitted]
        shares = weights(entries, spec.weights, around.sources, now_ns)
        return compute(spec, admitted, shares), admitted, shares

    def _note_index(self, found: Index, now_ns: int) -> None:
        self._index, self._conf = found.value, found.conf
        if not math.isnan(found.value):
            self._last_index, self._last_index_ns, self._scale = found.value, now_ns, found.value

    def _circumstances(
        self,
        found: Index,
        mark: float,
        admitted: Sequence[Place],
        shares: Sequence[int],
        around: Surroundings,
    ) -> Circumstances:
        now_ns, conversions = around.now_ns, around.conversions
        seen_ns = self._last_index_ns or now_ns
        newest_ns = max((p.event_ns for p in self._sources if not p.reason), default=None)
        troubled = sum(
            weight
            for place, weight in zip(admitted, shares, strict=True)
            if place.entry.edge is not None and not conversions[place.entry.edge].normal
        )
        return Circumstances(
            mark_bps=_off(mark, found.value),
            missing_ns=now_ns - seen_ns,
            stale_ns=math.nan if newest_ns is None else now_ns - newest_ns,
            troubled_share=troubled / sum(shares) if shares else math.nan,
            peg_bps=self._peg_bps(found),
        )

    def _peg_bps(self, found: Index) -> float:
        peg = self._spec.breaker.peg
        return math.nan if peg is None else _off(found.value, peg.target)

    def _judge(self, found: Index, deviations: Sequence[float], *, held: bool) -> Validity:
        windows = self._spec.breaker.deviations
        if held or self._breaker.state is BreakerState.HALTED:
            return Validity.HALTED
        if math.isnan(found.value):
            return Validity.MISSING
        if any(d >= w.volatile_bps for d, w in zip(deviations, windows, strict=True)):
            return Validity.TOO_VOLATILE
        if found.conf * 1e4 > self._spec.max_confidence_bps:
            return Validity.TOO_UNCERTAIN
        if self._breaker.state is not BreakerState.NORMAL:
            return Validity.GUARDED
        return Validity.VALID


def _off(value: float, of: float) -> float:
    """Return how far a value is off another, in bps; NaN where one is missing."""
    return abs(value / of - 1.0) * 1e4
