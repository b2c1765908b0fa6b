"""Write marks as one row a market and step, to Parquet and CSV side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa

from oracle.archive.whole import WholeFiles, named
from oracle.engine.reasons import Reason
from oracle.engine.records import Floats, Records
from oracle.engine.result import MarkBatch
from oracle.engine.spec import MarketSpec
from oracle.model.fixed import MARK_DIGITS
from oracle.model.validity import PRICED, BreakerState, Validity

SCHEMA: Final = pa.schema(
    [
        ("ts_ns", pa.int64()),
        ("market", pa.string()),
        ("index", pa.float64()),
        ("mark", pa.float64()),
        ("conf", pa.float64()),
        ("validity", pa.string()),
        ("state", pa.string()),
        ("sources_used", pa.int64()),
        ("sources_rejected", pa.string()),
    ]
)
ROW_GROUP: Final = 1 << 16
_E8: Final = 1e8
VALIDITIES: Final = [validity.name for validity in Validity]
STATES: Final = [state.name for state in BreakerState]


class MarksWriter:
    """Writes `marks.parquet` and `marks.csv` into a folder; use as `with`.

    Rows are the steps' messages: prices quantised as they are published, a missing one null, in
    the CSV an empty field. `conf` is the half-width of the confidence interval relative to the
    index; `sources_rejected` is `source=reason;…`, and has the sources that voted but did not
    count too. Both files appear, whole, at the end.

    Raises:
        ConfigError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path, *, row_group: int = ROW_GROUP) -> None:
        self.files: Final = (folder / "marks.parquet", folder / "marks.csv")
        self._whole: Final = WholeFiles(SCHEMA, *self.files)
        self._row_group: Final = row_group
        self._held: list[MarkBatch] = []
        self._held_rows = 0
        self.rows = 0

    def __enter__(self) -> Self:
        self._whole.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
        self._whole.__exit__(kind, error, trace)

    def write(self, made: MarkBatch) -> None:
        """Append one step, a row for each market that was stepped."""
        self._held.append(made)
        self._held_rows += len(made.rows)
        if self._held_rows >= self._row_group:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            self._whole.write(_columns(self._held))
        self.rows += self._held_rows
        self._held, self._held_rows = [], 0


def _columns(steps: list[MarkBatch]) -> list[Any]:
    stepped = [np.sort(made.rows) for made in steps]
    marks = joined([made.marks[rows] for made, rows in zip(steps, stepped, strict=True)])
    used, rejected = _sources(steps, [rows.tolist() for rows in stepped])
    names = [market.name for market in steps[0].markets]
    return [
        marks["time_ns"],
        named(names, np.concatenate(stepped), pa.string()),
        quantised(marks["index"]),
        published_mark(marks),
        or_null(np.ceil(marks["conf"] * _E8) / _E8),
        named(VALIDITIES, marks["validity"], pa.string()),
        named(STATES, marks["state"], pa.string()),
        used,
        rejected,
    ]


def joined(parts: Sequence[Records]) -> Records:
    """Return records one after another, as the bytes they are: by field it takes far longer."""
    together: Records = np.concatenate([part.view(np.uint8) for part in parts])
    return together.view(parts[0].dtype)


def published_mark(marks: Records) -> pa.Array:
    """Return the marks where there is one to publish."""
    priced = np.isin(marks["validity"], list(PRICED))
    return quantised(np.where(priced, marks["mark"], np.nan))


def quantised(prices: Floats) -> pa.Array:
    """Round as `px_half_even` does: text of so many digits, read back, is the float of its `Px`."""
    digits = f".{MARK_DIGITS - 1}e"
    rounded = [float(format(price, digits)) for price in prices.tolist()]
    return or_null(np.where(prices > 0, rounded, np.nan))


def or_null(values: Floats) -> pa.Array:
    """Return a column that is null where there is no value."""
    return pa.array(values, mask=~np.isfinite(values))


def _sources(steps: list[MarkBatch], stepped: list[list[int]]) -> tuple[list[int], pa.Array]:
    """Return of each row how many sources count, and which do not: few of them ever differ."""
    known: dict[tuple[int, bytes], int] = {}
    counts: list[int] = []
    texts: list[str] = []
    at: list[int] = []
    for made, rows in zip(steps, stepped, strict=True):
        for row in rows:
            codes = made.reason[made.places(row)].tobytes()
            number = known.setdefault((row, codes), len(texts))
            if number == len(texts):
                counts.append(codes.count(Reason.USED))
                texts.append(_rejected(made.markets[row], codes))
            at.append(number)
    return np.take(counts, at).tolist(), named(texts, at, pa.string())


def _rejected(market: MarketSpec, codes: bytes) -> str:
    return ";".join(
        f"{place.source}={Reason(code).label}"
        for place, code in zip(market.places, codes, strict=True)
        if code != Reason.USED
    )
