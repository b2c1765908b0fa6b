"""Write what each source said beside what was published: a file a market, a row a step."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa

from oracle.archive.marks import STATES, VALIDITIES, joined, or_null, published_mark, quantised
from oracle.archive.whole import WholeFiles, named
from oracle.engine.reasons import Reason
from oracle.engine.records import Floats
from oracle.engine.result import MarkBatch
from oracle.engine.spec import MarketSpec

ROW_GROUP: Final = 1 << 15
WHY: Final = " why"
"""After a source's name: the column of reasons."""
_NAME: Final = pa.dictionary(pa.int8(), pa.string())
REASONS: Final = [reason.label for reason in Reason]


def schema_of(market: MarketSpec) -> pa.Schema:
    """Return the columns of a market's file."""
    ours = [("ts_ns", pa.int64()), ("index", pa.float64()), ("mark", pa.float64())]
    ours += [("validity", _NAME), ("state", _NAME)]
    theirs = [
        column
        for place in market.places
        for column in ((place.source, pa.float64()), (place.source + WHY, _NAME))
    ]
    return pa.schema(ours + theirs)


class SourcesWriter:
    """Writes `MARKET.parquet` for every market into a folder; use as `with`.

    A source's price is the newest that it sent, converted, also where the engine refused it, and
    null where it is older than the place's maximum age. The reason is the engine's, empty where
    the source counts.

    Raises:
        ConfigError: the folder cannot be made or written.
    """

    def __init__(
        self, folder: Path, markets: Sequence[MarketSpec], *, row_group: int = ROW_GROUP
    ) -> None:
        self.files: Final = {market.name: folder / f"{market.name}.parquet" for market in markets}
        self._whole: Final = [WholeFiles(schema_of(m), self.files[m.name]) for m in markets]
        self._row_group: Final = row_group
        self._held: list[tuple[MarkBatch, Floats]] = []
        self._stack: Final = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as entering:
            for whole in self._whole:
                entering.enter_context(whole)
            self._stack.push(entering.pop_all())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
        self._stack.__exit__(kind, error, trace)

    def write(self, made: MarkBatch, said: Floats) -> None:
        """Append a full step; `said` are the prices by place, in the order of `made.price`."""
        self._held.append((made, said))
        if len(self._held) >= self._row_group:
            self._flush()

    def _flush(self) -> None:
        if not self._held:
            return
        said = np.stack([prices for _, prices in self._held])
        reason = np.stack([made.reason for made, _ in self._held])
        marks = joined([made.marks for made, _ in self._held]).reshape(len(self._held), -1)
        made = self._held[0][0]
        for row, whole in enumerate(self._whole):
            columns = _ours(marks[:, row])
            for place in range(*made.places(row).indices(len(made.price))):
                columns += [or_null(said[:, place]), named(REASONS, reason[:, place], _NAME)]
            whole.write(columns)
        self._held = []


def _ours(marks: Any) -> list[Any]:
    return [
        marks["time_ns"],
        quantised(marks["index"]),
        published_mark(marks),
        named(VALIDITIES, marks["validity"], _NAME),
        named(STATES, marks["state"], _NAME),
    ]
