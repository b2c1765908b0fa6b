"""Write a tick file; it appears under its name only when it is complete."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from feeds.ticks.files import COMPRESSIONS
from feeds.ticks.rows import OPTIONAL, PRICES, SIZES
from feeds.ticks.tables import suffix_of
from oracle.model.errors import ConfigError
from oracle.model.fixed import Px
from oracle.model.ticks import Tick

# Numbers are decimal text in Parquet too: exact for every venue's scale in one column.
SCHEMA: Final = pa.schema(
    [("received_ns", pa.int64()), ("event_ns", pa.int64()), ("source", pa.string())]
    + [(name, pa.string()) for name in (*PRICES, *OPTIONAL)]
)


class TickFileWriter:
    """Writes Parquet or CSV, perhaps compressed, by the suffix of `path`; use as `with`.

    Rows are written in the order given, which a reader wants to be that of `received_ns`. Left
    by an exception, it removes what it had written.

    Raises:
        ConfigError: the suffix is none of these, or the folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._suffix: Final = suffix_of(path)
        self._path: Final = path
        self._partial: Final = path.with_name(f".{path.name}.partial")
        self._stack: Final = contextlib.ExitStack()
        self._writer: Any = None

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._stack.enter_context(self._open())
        except OSError as error:
            self._stack.close()
            raise ConfigError(f"cannot write {self._path}: {error.strerror or error}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        if kind is None:
            self._partial.replace(self._path)
        else:
            self._partial.unlink(missing_ok=True)

    def write(self, ticks: Iterable[Tick]) -> None:
        """Append ticks; their sequence is not kept: it is their order."""
        rows = [
            {
                "received_ns": tick.received_ns,
                "event_ns": tick.event_ns,
                "source": tick.source,
                **{name: _text(getattr(tick, name)) for name in (*PRICES, *SIZES)},
                "funding": None if tick.funding_e12 is None else _text(Px(tick.funding_e12, -12)),
            }
            for tick in ticks
        ]
        self.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))

    def write_table(self, table: Any) -> None:
        """Append an Arrow table of `SCHEMA`."""
        self._writer.write_table(table)

    def _open(self) -> Any:
        if self._suffix == ".parquet":
            return pq.ParquetWriter(self._partial, SCHEMA, compression="zstd")
        sink = self._stack.enter_context(pa.OSFile(str(self._partial), "wb"))
        if compression := COMPRESSIONS.get(self._path.suffix.lower()):
            sink = self._stack.enter_context(pa.CompressedOutputStream(sink, compression))
        sink.write((",".join(SCHEMA.names) + "\n").encode())
        unquoted = pa_csv.WriteOptions(include_header=False, quoting_style="none")
        return pa_csv.CSVWriter(sink, SCHEMA, write_options=unquoted)


def _text(number: Px | None) -> str | None:
    return None if number is None else str(number)
