"""What a plain aggregator would have said: the mean and the median of whatever came last.

It takes every price as it is sent, keeps it while it was *received* lately, and converts through
its own plain figures. Of an even number the median is the mean of the middle two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean, median

from oracle.engine.spec import EngineSpec, MarketSpec, SourceSpec
from oracle.model.fixed import Px, float_nearest
from oracle.model.ticks import Tick

Aggregate = Callable[[Sequence[float]], float]


class PlainBook:
    """The last price of every source, and when it came."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, int]] = {}

    def take(self, ticks: Iterable[Tick]) -> None:
        """Take ticks in the order they are received."""
        for tick in ticks:
            if tick.bid is not None and tick.ask is not None:
                price = (_float(tick.bid) + _float(tick.ask)) / 2
                self._last[tick.source] = (price, tick.received_ns)

    def price(self, place: SourceSpec, now_ns: int) -> float | None:
        """Return what a source last said, in its own currency, while that came lately enough."""
        price, received_ns = self._last.get(place.source, (0.0, -place.max_age_ns))
        return price if now_ns - received_ns <= place.max_age_ns else None


class PlainMarkets:
    """One way to aggregate, over all markets, in the order of conversion."""

    def __init__(self, spec: EngineSpec, book: PlainBook, aggregate: Aggregate) -> None:
        by_name = {market.name: market for market in spec.markets}
        self._markets = [by_name[name] for level in spec.levels for name in level]
        self._book, self._aggregate = book, aggregate

    def values(self, now_ns: int) -> dict[str, float | None]:
        """Return each market's figure."""
        values: dict[str, float | None] = {}
        for market in self._markets:
            prices = self.converted(market, values, now_ns)
            known = [price for price in prices if price is not None]
            values[market.name] = self._aggregate(known) if known else None
        return values

    def converted(
        self, market: MarketSpec, values: Mapping[str, float | None], now_ns: int
    ) -> list[float | None]:
        """Return what each source and perp of a market says, in the market's currency."""
        return [self._convert(place, values, now_ns) for place in (*market.sources, *market.perps)]

    def _convert(
        self, place: SourceSpec, values: Mapping[str, float | None], now_ns: int
    ) -> float | None:
        price = self._book.price(place, now_ns)
        rate = 1.0 if place.edge is None else values[place.edge]
        return None if price is None or rate is None else price * rate


def mean_of(spec: EngineSpec, book: PlainBook) -> PlainMarkets:
    """Return the plain mean."""
    return PlainMarkets(spec, book, fmean)


def median_of(spec: EngineSpec, book: PlainBook) -> PlainMarkets:
    """Return the plain median."""
    return PlainMarkets(spec, book, median)


def _float(px: Px) -> float:
    return float_nearest(px)
