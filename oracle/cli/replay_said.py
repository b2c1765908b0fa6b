"""What the sources of a replay said beside what was published: written, and read back."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from oracle.archive.sources import REASONS, WHY, SourcesWriter
from oracle.backtest.book import Book, Places
from oracle.cli.replay_windows import Window
from oracle.engine.records import Codes, Floats, Ints
from oracle.engine.result import MarkBatch
from oracle.engine.spec import EngineSpec, MarketSpec
from oracle.model.ticks import TickBatch
from oracle.model.validity import BreakerState, Validity


class Said:
    """Follows the sources as an aggregator without admission would; use as `with`."""

    def __init__(self, spec: EngineSpec, folder: Path) -> None:
        places = [place for market in spec.markets for place in market.places]
        rows = {market.name: row for row, market in enumerate(spec.markets)}
        self._book: Final = Book(sorted({place.source for place in places}))
        self._places: Final = Places(places, self._book, rows)
        self._writer: Final = SourcesWriter(folder, spec.markets)

    def __enter__(self) -> Self:
        self._writer.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.__exit__(kind, error, trace)

    @property
    def files(self) -> dict[str, Path]:
        """One a market."""
        return self._writer.files

    def add(self, made: MarkBatch, batch: TickBatch) -> None:
        """Take one step."""
        self._book.take(batch, made.time_ns)
        self._writer.write(made, self._places.prices(made.index, made.time_ns))


@dataclass(frozen=True)
class Replayed:
    """One market of a replay, step by step; what is missing is NaN."""

    market: MarketSpec
    time_ns: Ints
    index: Floats
    mark: Floats
    validity: Codes
    state: Codes
    prices: Floats
    """(steps, places): what each said, in the market's quote currency, admitted or not."""
    reasons: Codes
    """(steps, places): `oracle.engine.reasons.Reason`."""

    @property
    def spot(self) -> Floats:
        """The prices of the sources: of all places but the perps."""
        return self.prices[:, : len(self.market.sources)]

    def within(self, window: Window) -> Self:
        """Return the steps of a window, with both its ends."""
        first = np.searchsorted(self.time_ns, window.start_ns)
        steps = slice(int(first), int(np.searchsorted(self.time_ns, window.end_ns, "right")))
        cut = {f.name: getattr(self, f.name)[steps] for f in fields(self) if f.name != "market"}
        return replace(self, **cut)


def read(file: Path, market: MarketSpec) -> Replayed:
    """Return what was written of a market."""
    table = pq.read_table(file)
    names = [place.source for place in market.places]
    return Replayed(
        market,
        table["ts_ns"].to_numpy(),
        table["index"].to_numpy(),
        table["mark"].to_numpy(),
        _codes(table["validity"], [validity.name for validity in Validity]),
        _codes(table["state"], [state.name for state in BreakerState]),
        np.stack([table[name].to_numpy() for name in names], axis=1),
        np.stack([_codes(table[name + WHY], REASONS) for name in names], axis=1),
    )


def _codes(column: Any, words: list[str]) -> Codes:
    at = pc.index_in(column.cast(pa.string()), value_set=pa.array(words))
    codes: Codes = at.to_numpy().astype(np.int8)
    return codes
