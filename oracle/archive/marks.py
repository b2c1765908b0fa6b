"""Write marks as one row a market and step, to Parquet and CSV side by side."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from oracle.model.errors import ConfigError
from oracle.model.fixed import Px, float_nearest
from oracle.model.messages import Mark

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
_E8: Final = 100_000_000
_Row = tuple[int, str, float | None, float | None, float | None, str, str, int, str]


class MarksWriter:
    """Writes `marks.parquet` and `marks.csv` into a folder; use as `with`.

    A missing price is null, in the CSV an empty field. `conf` is the half-width of the confidence
    interval relative to the index; `sources_rejected` is `source=reason;…`, and has the sources
    that voted but did not count too. Both files appear, whole, at the end; left by an exception,
    it removes what it had written.

    Raises:
        ConfigError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path, *, row_group: int = ROW_GROUP) -> None:
        self._folder: Final = folder
        self._row_group: Final = row_group
        self._stack: Final = contextlib.ExitStack()
        self._writers: list[Any] = []
        self._rows: list[_Row] = []
        self.rows = 0

    @property
    def files(self) -> tuple[Path, Path]:
        """The Parquet and the CSV file."""
        return self._folder / "marks.parquet", self._folder / "marks.csv"

    def __enter__(self) -> Self:
        parquet, csv = (_partial(file) for file in self.files)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._writers = [
                self._stack.enter_context(pq.ParquetWriter(parquet, SCHEMA, compression="zstd")),
                self._stack.enter_context(_csv_writer(csv, self._stack)),
            ]
        except OSError as error:
            self._stack.close()
            reason = error.strerror or str(error)
            raise ConfigError(f"cannot write marks to {self._folder}: {reason}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
        self._stack.close()
        for file in self.files:
            if kind is None:
                _partial(file).replace(file)
            else:
                _partial(file).unlink(missing_ok=True)

    def write(self, marks: Iterable[Mark]) -> None:
        """Append marks, a row each, in the order given."""
        for mark in marks:
            self._rows.append(_row(mark))
            self.rows += 1
            if len(self._rows) >= self._row_group:
                self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        columns = zip(*self._rows, strict=True)
        arrays = [pa.array(c, field.type) for c, field in zip(columns, SCHEMA, strict=True)]
        table = pa.Table.from_arrays(arrays, schema=SCHEMA)
        for writer in self._writers:
            writer.write_table(table)
        self._rows.clear()


def _row(mark: Mark) -> _Row:
    rejected = (f"{view.source}={view.reason}" for view in mark.sources if not view.used)
    return (
        mark.time_ns,
        mark.market,
        _float(mark.index),
        _float(mark.mark),
        None if mark.conf_e8 is None else mark.conf_e8 / _E8,
        mark.validity.name,
        mark.state.name,
        sum(view.used for view in mark.sources),
        ";".join(rejected),
    )


def _float(px: Px | None) -> float | None:
    return None if px is None else float_nearest(px)


def _csv_writer(path: Path, stack: contextlib.ExitStack) -> Any:
    sink = stack.enter_context(pa.OSFile(str(path), "wb"))
    names: Sequence[str] = SCHEMA.names
    sink.write((",".join(names) + "\n").encode())
    options = pa_csv.WriteOptions(include_header=False)
    return pa_csv.CSVWriter(sink, SCHEMA, write_options=options)


def _partial(file: Path) -> Path:
    return file.with_name(f".{file.name}.partial")
