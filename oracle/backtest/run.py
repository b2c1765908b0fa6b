"""Recorded steps through the engine, with what it said and what there was, step by step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from oracle.backtest.book import Book, Places
from oracle.engine.engine import Engine
from oracle.engine.result import MarkBatch
from oracle.engine.spec import EngineSpec, MarketSpec, SourceSpec
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
    every = {key: _Panel(key, book, rows) for m in markets for key in (m.sources, m.perps)}
    recorders = [_Recorder(row, market) for row, market in enumerate(markets)]
    times = []
    for now_ns, batch in steps:
        made = engine.step([batch], [], now_ns)
        book.take(batch, now_ns)
        times.append(now_ns)
        for panel in every.values():
            panel.add(made.index, now_ns)
        for recorder in recorders:
            recorder.add(made)
    if not times:
        raise ConfigError("there are no ticks: nothing was run")
    panels = {key: panel.done() for key, panel in every.items()}
    return {r.market.name: r.done(np.array(times, np.int64), panels) for r in recorders}


Key = tuple[SourceSpec, ...]


class _Panel:
    """Gathers the prices of some sources; markets that differ only in their rules share it."""

    def __init__(self, sources: Key, book: Book, rows: dict[str, int]) -> None:
        self._places = Places(sources, book, rows)
        self._prices: list[Floats] = []
        self._volumes: list[Floats] = []

    def add(self, index: Floats, now_ns: int) -> None:
        self._prices.append(self._places.prices(index, now_ns))
        self._volumes.append(self._places.volumes())

    def done(self) -> Panel:
        return Panel(self._places.names, np.stack(self._prices), np.stack(self._volumes))


class _Recorder:
    """Gathers what the engine says of one market."""

    def __init__(self, row: int, market: MarketSpec) -> None:
        self.market = market
        self._row = row
        self._figures: list[tuple[float, ...]] = []
        self._reasons: list[Ints] = []

    def add(self, made: MarkBatch) -> None:
        row = self._row
        columns = (made.index, made.mark, made.conf, made.funding, made.validity)
        self._figures.append(tuple(float(column[row]) for column in columns))
        first = made.places(row).start
        given = made.reason[first : first + len(self.market.sources)]
        self._reasons.append(given.astype(np.int64))

    def done(self, time_ns: Ints, panels: dict[Key, Panel]) -> MarketRun:
        index, mark, conf, funding, validity = np.array(self._figures).T
        return MarketRun(
            self.market,
            time_ns,
            index,
            mark,
            conf,
            funding,
            validity.astype(np.int64),
            np.stack(self._reasons),
            panels[self.market.sources],
            panels[self.market.perps],
        )
