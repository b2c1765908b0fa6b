"""Section 7: from the index and the perps to the mark."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from oracle.engine.spec import MarkSpec, Method, TwapSpec
from oracle.reference.averages import Ema, Twap
from oracle.reference.pricing import Place
from oracle.reference.quantile import quantile
from oracle.reference.weights import units


@dataclass(frozen=True)
class Legs:
    """What the perps say; NaN is missing."""

    mid: float
    bid: float
    ask: float
    last: float
    funding: float
    others: float
    """Weighted median of the other perps' mids."""


Leg = Callable[[Place, int], float]


def _mid(place: Place, _: int) -> float:
    return place.price


def _bid(place: Place, now_ns: int) -> float:
    quote = place.source.quote
    return quote.bid * place.rate if quote and _fresh(place, quote.stamp[0], now_ns) else math.nan


def _ask(place: Place, now_ns: int) -> float:
    quote = place.source.quote
    return quote.ask * place.rate if quote and _fresh(place, quote.stamp[0], now_ns) else math.nan


def _last(place: Place, now_ns: int) -> float:
    trade = place.source.trade
    return trade.value * place.rate if trade and _fresh(place, trade.stamp[0], now_ns) else math.nan


def _fresh(place: Place, event_ns: int, now_ns: int) -> bool:
    return place.admitted and now_ns - event_ns <= place.entry.max_age_ns


def legs_of(perps: Sequence[Place], rules: MarkSpec, now_ns: int) -> Legs:
    """Return the legs of the contract itself, or those that stand in for it."""
    admitted = [place for place in perps if place.admitted]
    shares = units([place.entry for place in admitted])
    enough = len({place.entry.origin for place in admitted}) >= rules.min_perps
    own = [place for place in admitted if place.entry.source == rules.own]

    def combine(leg: Leg) -> float:
        votes = [
            (leg(place, now_ns), share)
            for place, share in zip(admitted, shares, strict=True)
            if place not in own
        ]
        return quantile([v for v in votes if not math.isnan(v[0])]) if enough else math.nan

    def funding(place: Place, now_ns: int) -> float:
        rate = place.source.funding
        if rate is None or now_ns - rate.stamp[0] > rules.funding_interval_ns:
            return math.nan
        return rate.value

    def pick(leg: Leg) -> float:
        if rules.own is None:
            return combine(leg)
        return leg(own[0], now_ns) if own else math.nan

    return Legs(
        pick(_mid), pick(_bid), pick(_ask), pick(_last), pick(funding), others=combine(_mid)
    )


class Mark:
    """One market's method and its averages."""

    def __init__(self, spec: MarkSpec) -> None:
        self._spec = spec
        self._basis, self._second = Ema(spec.basis_ns), Ema(spec.second_ns)
        self._mean = Twap(TwapSpec(spec.basis_ns))
        self._methods: Mapping[Method, Callable[[float, float, Legs, int], float]] = {
            Method.INDEX_ONLY: lambda index, *_: index,
            Method.TWAP_ONLY: lambda _, twap, *__: twap,
            Method.INDEX_BASIS: self._index_basis,
            Method.MEDIAN3_EMA: self._median3_ema,
            Method.MEDIAN3_FUNDING: self._median3_funding,
            Method.FAIR_BASIS: self._fair_basis,
        }

    def step(self, index: float, twap: float, legs: Legs, now_ns: int) -> float:
        """Return the mark, but for a TWAP within the bound of the index; NaN without an index."""
        if math.isnan(index):
            self._mean.step(math.nan, now_ns)
            return math.nan
        mark = self._methods[self._spec.method](index, twap, legs, now_ns)
        if self._spec.method is Method.TWAP_ONLY:
            return mark
        bound = self._spec.max_basis_bps / 1e4
        return min(max(mark, index * (1 - bound)), index * (1 + bound))

    def _index_basis(self, index: float, _: float, legs: Legs, now_ns: int) -> float:
        self._basis.add(self._bounded(legs.mid / index - 1), now_ns)
        return index * (1 + _or(self._basis.read(now_ns), 0.0))

    def _median3_ema(self, index: float, _: float, legs: Legs, now_ns: int) -> float:
        self._basis.add(self._bounded((legs.mid - index) / index) * index, now_ns)
        first = index + self._basis.read(now_ns)
        book = [legs.bid, legs.ask, legs.last]
        second = math.nan if any(map(math.isnan, book)) else median(book)
        self._second.add(second, now_ns)
        there = [leg for leg in (first, second, legs.others) if not math.isnan(leg)]
        if len(there) == 2 and not math.isnan(fourth := self._second.read(now_ns)):
            there.append(fourth)
        if len(there) == 3:
            return median(there)
        if len(there) == 2:
            return min(there, key=lambda leg: abs(leg - index))
        return _or(first, index)

    def _median3_funding(self, index: float, _: float, legs: Legs, now_ns: int) -> float:
        sample = self._bounded((legs.mid - index) / index) * index
        mean = self._mean.step(sample, now_ns)
        first, second = self._accrued(index, legs, now_ns), index + _or(mean, sample)
        if math.isnan(second):
            return _or(first, index)
        if math.isnan(first) or math.isnan(legs.last):
            return second
        return median((first, second, legs.last))

    def _fair_basis(self, index: float, _: float, legs: Legs, now_ns: int) -> float:
        return _or(self._accrued(index, legs, now_ns), index)

    def _accrued(self, index: float, legs: Legs, now_ns: int) -> float:
        """Return the index with the funding that is still to be paid."""
        interval_ns = self._spec.funding_interval_ns
        left_ns = interval_ns - now_ns % interval_ns
        return index * (1 + legs.funding * left_ns / interval_ns)

    def _bounded(self, basis: float) -> float:
        bound = self._spec.max_basis_bps / 1e4
        return basis if math.isnan(basis) else min(max(basis, -bound), bound)


def _or(value: float, otherwise: float) -> float:
    return otherwise if math.isnan(value) else value
