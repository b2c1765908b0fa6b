"""Recorded steps through the engine, with what it said and what there was, step by step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from oracle.backtest.book import Book, Places
from oracle.engine.engine import Engine
from oracle.engine.result import MarkBatch
from oracle.engine.spec import EngineSpec, MarketSpec
from oracle.model.errors import ConfigError
from oracle.model.ticks import TickBatch

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Panel:
    """Fresh prices in the market's quote currency, without admission: (steps, sources)."""

    sources: tuple[str, ...]
    prices: Floats
    volumes: Floats


@dataclass(frozen=True)
class MarketRun:
    """One market over all steps."""

    market: MarketSpec
    time_ns: Ints
    index: Floats
    mark: Floats
    twap: Floats
    conf: Floats
    funding: Floats
    validity: Ints
    reasons: Ints
    """(steps, sources): `oracle.engine.reasons.Reason` of each source."""
    sources: Panel
    perps: Panel

    def at(self, time_ns: Ints) -> Ints:
        """Return the last step at or before each time; -1 before the first."""
        return np.searchsorted(self.time_ns, time_ns, "right") - 1


Steps = Iterable[tuple[int, TickBatch]]


def run(spec: EngineSpec, steps: Steps) -> dict[str, MarketRun]:
    """Step the engine through `steps`; return what it said of every market.

    Raises:
        ConfigError: there are no steps.
    """
    engine = Engine(spec)
    markets = spec.markets
    book = Book(sorted({s.source for market in markets for s in (*market.sources, *market.perps)}))
    rows = {market.name: row for row, market in enumerate(markets)}
    recorders = [_Recorder(row, market, book, rows) for row, market in enumerate(markets)]
    times = []
    for now_ns, batch in steps:
        made = engine.step([batch], [], now_ns)
        book.take(batch, now_ns)
        times.append(now_ns)
        for recorder in recorders:
            recorder.add(made, now_ns)
    if not times:
        raise ConfigError("there are no ticks: nothing was run")
    return {r.market.name: r.done(np.array(times, np.int64)) for r in recorders}


class _Recorder:
    """Gathers one market's steps."""

    def __init__(self, row: int, market: MarketSpec, book: Book, rows: dict[str, int]) -> None:
        self.market = market
        self._row = row
        self._sources = Places(market, book, rows, "sources")
        self._perps = Places(market, book, rows, "perps")
        self._figures: list[tuple[float, ...]] = []
        self._reasons: list[Ints] = []
        self._panels: list[tuple[Floats, ...]] = []

    def add(self, made: MarkBatch, now_ns: int) -> None:
        row = self._row
        columns = (made.index, made.mark, made.twap, made.conf, made.funding, made.validity)
        self._figures.append(tuple(float(column[row]) for column in columns))
        first = made.places(row).start
        given = made.reason[first : first + len(self.market.sources)]
        self._reasons.append(given.astype(np.int64))
        self._panels.append(
            tuple(
                each
                for places in (self._sources, self._perps)
                for each in (places.prices(made.index, now_ns), places.volumes())
            )
        )

    def done(self, time_ns: Ints) -> MarketRun:
        index, mark, twap, conf, funding, validity = np.array(self._figures).T
        spot, spot_volume, perp, perp_volume = (
            np.stack(columns) for columns in zip(*self._panels, strict=True)
        )
        return MarketRun(
            self.market,
            time_ns,
            index,
            mark,
            twap,
            conf,
            funding,
            validity.astype(np.int64),
            np.stack(self._reasons),
            Panel(self._sources.names, spot, spot_volume),
            Panel(self._perps.names, perp, perp_volume),
        )
