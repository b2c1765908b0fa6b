"""The engine: one step from ticks and controls to marks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from oracle.engine import columns, index, layout
from oracle.engine.averages import Twap
from oracle.engine.book import Book
from oracle.engine.breaker import Breakers
from oracle.engine.columns import Bools, Floats, Ints
from oracle.engine.controls import ControlBook
from oracle.engine.judge import judge
from oracle.engine.marks import BasisMark
from oracle.engine.median import share_among_origins, weighted_quantile
from oracle.engine.prices import Edges, Prices, price
from oracle.engine.result import MarkBatch
from oracle.engine.spec import EngineSpec, MarketSpec
from oracle.model.errors import Rejected
from oracle.model.messages import Control
from oracle.model.ticks import TickBatch
from oracle.model.validity import BreakerState


class Engine:
    """State machines of all markets. A pure function of (ticks, controls, now) over its state.

    Same specification and same calls give bit-identical marks; neither the order nor the
    repetition of ticks within a step changes any.
    """

    def __init__(self, spec: EngineSpec) -> None:
        self._markets = spec.markets
        at = {market.name: row for row, market in enumerate(spec.markets)}
        entries = [e for m in spec.markets for e in (*m.sources, *m.perps)]
        self._source_at = {name: n for n, name in enumerate(sorted({e.source for e in entries}))}
        self._levels = [np.array([at[name] for name in level]) for level in spec.levels]
        self._spot = layout.table([m.sources for m in spec.markets], self._source_at, at)
        self._perps = layout.table([m.perps for m in spec.markets], self._source_at, at)
        self._rules = _rules(spec.markets)
        self._book = Book(*_strictest(spec.markets, self._source_at))
        self._controls = ControlBook()
        self._twap = Twap(layout.ns_column([m.twap_ns for m in spec.markets]))
        self._breaker_twap = Twap(layout.ns_column([m.breaker.window_ns for m in spec.markets]))
        self._breakers = Breakers([m.breaker for m in spec.markets])
        self._basis = BasisMark(
            np.array([m.uses_basis for m in spec.markets], np.bool_),
            layout.ns_column([m.basis_ema_ns for m in spec.markets]),
            layout.column(spec.markets, "max_basis_bps") / 1e4,
        )
        self._sequence, self._time_ns = 0, 0

    def step(
        self, ticks: Iterable[TickBatch], controls: Sequence[Control], now_ns: int
    ) -> MarkBatch:
        """Take ticks and controls, and return all marks as of `now_ns`.

        Raises:
            Rejected: `now_ns` is not after the step before.
        """
        if now_ns <= self._time_ns:
            raise Rejected(f"step at {now_ns} ns is not after the one at {self._time_ns} ns")
        self._sequence, self._time_ns = self._sequence + 1, now_ns
        self._controls.apply(controls)
        paused = self._paused_sources(now_ns)
        rows = columns.gather(ticks, self._source_at)
        rejected = self._book.admit(rows, paused, now_ns)

        average = self._breaker_twap.advance(now_ns)
        spot, found = self._indexes(paused, average, now_ns)
        self._breaker_twap.hold(found.value)
        deviation_bps = _deviation_bps(found.value, average)
        self._breakers.update(deviation_bps, now_ns)
        perp = self._perp_prices(paused, found, now_ns)
        with np.errstate(invalid="ignore"):
            perp_mid = _median(self._perps, perp)
            mark, premium = self._basis.compute(found.value, perp_mid, now_ns)
        pauses = self._controls.paused("market", now_ns)
        state = self._breakers.state
        validity, why = judge(self._markets, found, state, deviation_bps, pauses)
        newest = self._newest_times(found)
        return MarkBatch(
            self._markets,
            self._sequence,
            now_ns,
            found.value,
            mark,
            self._twap.add(found.value, now_ns),
            found.conf,
            premium,
            state,
            validity,
            *newest,
            np.concatenate([spot.price, perp.price], axis=1),
            np.concatenate([found.reason, perp.reason], axis=1),
            why,
            {reason.label: count for reason, count in sorted(rejected.items())},
        )

    def _paused_sources(self, now_ns: int) -> Bools:
        paused = np.zeros(len(self._source_at), np.bool_)
        for name in self._controls.paused("source", now_ns).keys() & self._source_at.keys():
            paused[self._source_at[name]] = True
        return paused

    def _indexes(self, paused: Bools, average: Floats, now_ns: int) -> tuple[Prices, index.Index]:
        """Compute indexes level by level: a level converts through the indexes of earlier ones.

        An index that halts its market in this very step converts nothing any more.
        """
        count = len(self._markets)
        edges = Edges(np.full(count, np.nan), np.zeros(count), self._halted(now_ns))
        spot = price(self._spot, self._book, paused, edges, now_ns)
        found = index.compute(self._spot, spot, self._rules)
        for level in self._levels[:-1]:
            edges.rate[level] = found.value[level]
            edges.conf[level] = np.nan_to_num(found.conf[level])
            halts = self._breakers.halts(_deviation_bps(found.value, average))
            edges.halted[level] |= halts[level]
            spot = price(self._spot, self._book, paused, edges, now_ns)
            found = index.compute(self._spot, spot, self._rules)
        return spot, found

    def _perp_prices(self, paused: Bools, found: index.Index, now_ns: int) -> Prices:
        edges = Edges(found.value, np.nan_to_num(found.conf), self._halted(now_ns))
        return price(self._perps, self._book, paused, edges, now_ns)

    def _halted(self, now_ns: int) -> Bools:
        """Return which markets are halted by their breaker as it stands, or by a person."""
        halted: Bools = self._breakers.state == BreakerState.HALTED
        for name in self._controls.paused("market", now_ns):
            halted |= np.array([market.name == name for market in self._markets])
        return halted

    def _newest_times(self, found: index.Index) -> tuple[Ints, Ints]:
        used = found.reason == 0
        at = self._spot.source
        event = np.maximum(self._book.quote_ns, self._book.last_ns)[at]
        newest = (np.where(used, times, 0) for times in (event, self._book.received_ns[at]))
        event_ns, received_ns = (np.max(times, axis=1, initial=0) for times in newest)
        return event_ns, received_ns


def _deviation_bps(value: Floats, average: Floats) -> Floats:
    """Return how far each index is off its average; 0 where there is no average yet."""
    with np.errstate(invalid="ignore"):
        return np.abs(value / np.where(np.isnan(average), value, average) - 1.0) * 1e4


def _median(table: layout.Table, prices: Prices) -> Floats:
    weight = share_among_origins(table.weight, table.same_origin, prices.admitted)
    return weighted_quantile(prices.price, weight, prices.admitted)


def _rules(markets: Sequence[MarketSpec]) -> index.Rules:
    return index.Rules(
        layout.column(markets, "min_sources"),
        layout.column(markets, "min_origins"),
        np.array([market.outlier.mads for market in markets]),
        np.array([market.outlier.floor_bps for market in markets]) / 1e4,
        np.array([market.outlier.ceiling_bps for market in markets]) / 1e4,
    )


def _strictest(markets: Sequence[MarketSpec], source_at: dict[str, int]) -> tuple[Ints, Floats]:
    """Return per source the tightest admission bounds of the markets that use it."""
    future = np.full(len(source_at), np.iinfo(np.int64).max)
    spread = np.full(len(source_at), np.inf)
    for market in markets:
        for entry in (*market.sources, *market.perps):
            at = source_at[entry.source]
            future[at] = min(future[at], market.max_future_ns)
            spread[at] = min(spread[at], market.max_spread_bps)
    return future, spread
