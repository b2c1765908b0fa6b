"""Open a Parquet, CSV or CSV.gz file as a stream of Arrow batches with the columns asked for.

Everything that can be wrong with the file itself is said here, in one line.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from oracle.model.errors import ConfigError

SUFFIXES: Final = (".parquet", ".csv", ".csv.gz")
_BLOCK_BYTES: Final = 4 << 20
_HEADER_BYTES: Final = 64 << 10


class TableFile:
    """A file with at least `columns`; iterating reads it once.

    CSV columns come as text, an empty field as null; Parquet columns as they are stored.

    Raises:
        ConfigError: unreadable, not of a known format, damaged, or without one of the columns.
    """

    def __init__(self, path: Path, columns: Sequence[str], *, batch_rows: int = 1 << 16) -> None:
        self.path: Final = path
        self._columns: Final = list(columns)
        self._batch_rows: Final = batch_rows
        self.size_bytes: Final = _size(path)
        self.consumed_bytes = 0

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._parquet() if suffix_of(self.path) == ".parquet" else self._csv()
        except (pa.ArrowException, OSError) as error:
            raise ConfigError(f"cannot read {self.path}: {' '.join(str(error).split())}") from error
        self.consumed_bytes = self.size_bytes

    def _parquet(self) -> Iterator[Any]:
        with pq.ParquetFile(self.path) as file:
            self._require(file.schema_arrow.names)
            done, total = 0, max(file.metadata.num_rows, 1)
            for batch in file.iter_batches(self._batch_rows, columns=self._columns):
                done += len(batch)
                self.consumed_bytes = self.size_bytes * done // total
                yield batch.select(self._columns)

    def _csv(self) -> Iterator[Any]:
        self._require(self._header())
        text = {name: pa.string() for name in self._columns}
        with pa.OSFile(str(self.path)) as raw:
            reader = pa_csv.open_csv(
                self._inflated(raw),
                read_options=pa_csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
                convert_options=pa_csv.ConvertOptions(
                    include_columns=self._columns,
                    column_types=text,
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
            for block in reader:
                self.consumed_bytes = raw.tell()
                for first in range(0, len(block), self._batch_rows):
                    yield block.slice(first, self._batch_rows)

    def _inflated(self, raw: Any) -> Any:
        gz = suffix_of(self.path) == ".csv.gz"
        return pa.CompressedInputStream(raw, "gzip") if gz else raw

    def _header(self) -> list[str]:
        with pa.OSFile(str(self.path)) as raw:
            first = self._inflated(raw).read(_HEADER_BYTES).decode("utf-8-sig", "replace")
        return next(csv.reader(first.splitlines()), [])

    def _require(self, names: Sequence[str]) -> None:
        for name in self._columns:
            if names.count(name) != 1:
                problem = "no column" if name not in names else "more than one column"
                raise ConfigError(
                    f"{self.path} has {problem} {name!r}; it needs {', '.join(self._columns)} "
                    f"and has {', '.join(names) or 'none'}"
                )


def suffix_of(path: Path) -> str:
    """Return which of `SUFFIXES` the file name ends in.

    Raises:
        ConfigError: none of them.
    """
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return suffix
    raise ConfigError(f"{path}: the file name must end in one of {', '.join(SUFFIXES)}")


def _size(path: Path) -> int:
    suffix_of(path)
    try:
        return path.stat().st_size
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
