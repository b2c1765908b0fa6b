"""Open a Parquet or CSV file as a stream of Arrow batches with the columns asked for.

Everything that can be wrong with the file itself is said here, in one line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from feeds.ticks.files import InputFile
from oracle.model.errors import ConfigError

SUFFIXES: Final = (".parquet", ".csv", ".csv.gz", ".csv.zst", ".csv.lz4")
_BLOCK_BYTES: Final = 4 << 20
_HEADER_BYTES: Final = 64 << 10


class Layout(NamedTuple):
    """The columns of a kind of table."""

    required: Sequence[str]
    optional: Sequence[str] = ()
    renamed: Mapping[str, str] = {}
    """What else a file may call a column, in small letters, and our name for it."""
    headerless: Sequence[str] = ()
    """Names of all columns where a CSV file has numbers in its first line."""
    others: bool = False
    """Take every further column too."""

    def name(self, found: str) -> str:
        """Return our name of a column."""
        known = {*self.required, *self.optional}
        return found if found in known else self.renamed.get(found.lower(), found)


class TableFile(InputFile):
    """A file of a `layout`; iterating reads it once, in batches with our names.

    CSV columns come as text, an empty field as null; Parquet columns as they are stored.

    Raises:
        ConfigError: unreadable, not of a known format, damaged, or without one of the columns.
    """

    def __init__(self, path: Path, layout: Layout, *, batch_rows: int = 1 << 16) -> None:
        self._suffix: Final = suffix_of(path)
        super().__init__(path)
        self._layout: Final = layout
        self._batch_rows: Final = batch_rows

    def __iter__(self) -> Iterator[Any]:
        with self.read_errors():
            yield from self._parquet() if self._suffix == ".parquet" else self._csv()
        self.consumed_bytes = self.size_bytes

    def _parquet(self) -> Iterator[Any]:
        with pq.ParquetFile(self.path) as file:
            wanted = self._wanted(file.schema_arrow.names)
            done, total = 0, max(file.metadata.num_rows, 1)
            for batch in file.iter_batches(self._batch_rows, columns=list(wanted)):
                done += len(batch)
                self.consumed_bytes = self.size_bytes * done // total
                yield batch.select(list(wanted)).rename_columns(list(wanted.values()))

    def _csv(self) -> Iterator[Any]:
        names = self._first_line()
        headed = not (self._layout.headerless and _is_number(names[:1]))
        if not headed:
            names = self._headerless(names)
        wanted = self._wanted(names)
        with self.opened() as (raw, inflated):
            reader = pa_csv.open_csv(
                inflated,
                read_options=pa_csv.ReadOptions(
                    block_size=_BLOCK_BYTES,
                    use_threads=False,
                    column_names=None if headed else names,
                ),
                convert_options=pa_csv.ConvertOptions(
                    include_columns=list(wanted),
                    column_types=dict.fromkeys(wanted, pa.string()),
                    null_values=["", "null"],
                    strings_can_be_null=True,
                ),
            )
            for block in reader:
                self.consumed_bytes = raw.tell()
                named = block.rename_columns(list(wanted.values()))
                for first in range(0, len(named), self._batch_rows):
                    yield named.slice(first, self._batch_rows)

    def _first_line(self) -> list[str]:
        with self.opened() as (_, inflated):
            first = inflated.read(_HEADER_BYTES).decode("utf-8-sig", "replace")
        try:
            return next(csv.reader(first.splitlines()), [])
        except csv.Error as error:
            raise ConfigError(f"{self.path}: the first line is no CSV: {error}") from error

    def _headerless(self, first: Sequence[str]) -> list[str]:
        names = list(self._layout.headerless)
        if len(first) != len(names):
            raise ConfigError(
                f"{self.path} has no header and {len(first)} columns; without a header it needs "
                f"these {len(names)}: {', '.join(names)}"
            )
        return names

    def _wanted(self, found: Sequence[str]) -> dict[str, str]:
        """Return our name of each column to read, by the file's; ours come in a fixed order."""
        layout = self._layout
        ours = [layout.name(each) for each in found]
        known = [*layout.required, *(each for each in layout.optional if each in ours)]
        if layout.others:
            known += [each for each in ours if each not in known]
        for name in known:
            if ours.count(name) != 1:
                problem = "more than one column" if name in ours else "no column"
                raise ConfigError(
                    f"{self.path} has {problem} {name!r}; it needs {', '.join(layout.required)} "
                    f"and has {', '.join(found) or 'none'}"
                )
        return {found[ours.index(name)]: name for name in known}


def suffix_of(path: Path) -> str:
    """Return which of `SUFFIXES` the file name ends in.

    Raises:
        ConfigError: none of them.
    """
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return suffix
    raise ConfigError(f"{path}: the file name must end in one of {', '.join(SUFFIXES)}")


def _is_number(fields: Sequence[str]) -> bool:
    return any(re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", field) for field in fields)
