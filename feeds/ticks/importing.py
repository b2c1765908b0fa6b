"""Make tick files of recorded market data; `FORMATS` is where a format is added."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from feeds.ticks.rows import COLUMNS, Place, Refused, judge_rows
from feeds.ticks.tables import TableFile
from feeds.ticks.tardis import TRADE_COLUMNS, trades_to_ticks
from feeds.ticks.writer import SCHEMA, TickFileWriter
from oracle.model.errors import ConfigError

Progress = Callable[[float], None]
"""Told the part of the input's bytes that is read, 0 to 1."""

_SLICE_ROWS: Final = 1 << 16


class Format(NamedTuple):
    """The columns a format needs, and how a batch of them becomes a table of `SCHEMA`."""

    columns: Sequence[str]
    to_ticks: Callable[[Any, Place], Any]


class Imported(NamedTuple):
    """What an import did. Rows read are `ticks` and `refused` together."""

    ticks: int
    by_source: dict[str, int]
    refused: Refused
    first_received_ns: int
    last_received_ns: int


def _as_they_are(batch: Any, _: Place) -> Any:
    return batch


FORMATS: Final[Mapping[str, Format]] = {
    "tardis-trades": Format(TRADE_COLUMNS, trades_to_ticks),
    "ticks": Format(COLUMNS, _as_they_are),  # sorts and merges tick files
}


def import_ticks(
    format_name: str, files: Sequence[Path], out: Path, progress: Progress = lambda _: None
) -> Imported:
    """Write the ticks of `files` to one tick file, in the order (received_ns, event_ns, source).

    All rows are held in memory to be sorted, about 100 bytes each. Rows that no tick can carry
    are left out and counted.

    Raises:
        ConfigError: an unknown format, a file that is not of it, or no tick in any of them.
    """
    if format_name not in FORMATS:
        raise ConfigError(f"unknown format {format_name!r}; known are {', '.join(FORMATS)}")
    refused = Refused()
    with TickFileWriter(out) as writer:
        parts = list(_read(FORMATS[format_name], files, refused, progress))
        ticks = _sorted(parts)
        if not ticks.num_rows:
            raise ConfigError(f"no tick in {', '.join(map(str, files)) or 'no file'}")
        for first in range(0, ticks.num_rows, _SLICE_ROWS):
            writer.write_table(ticks.slice(first, _SLICE_ROWS))
    counts = ticks.column("source").value_counts().to_pylist()
    received = ticks.column("received_ns")
    return Imported(
        ticks.num_rows,
        {each["values"]: each["counts"] for each in sorted(counts, key=lambda c: c["values"])},
        refused,
        received[0].as_py(),
        received[-1].as_py(),
    )


def _read(
    kind: Format, files: Sequence[Path], refused: Refused, progress: Progress
) -> Iterator[Any]:
    tables = [TableFile(path, kind.columns) for path in files]
    total = max(sum(table.size_bytes for table in tables), 1)
    sources: dict[str, int] = {}
    for table in tables:
        rows = 0
        for batch in table:
            place = Place(str(table.path), rows)
            ticks = kind.to_ticks(batch, place)
            judged = judge_rows(ticks, sources, place)
            refused.update(judged.refused)
            yield _as_schema(ticks).filter(pa.array(judged.kept))
            rows += len(batch)
            progress(sum(each.consumed_bytes for each in tables) / total)


def _as_schema(ticks: Any) -> Any:
    columns = [pc.cast(ticks.column(field.name), field.type) for field in SCHEMA]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _sorted(parts: Sequence[Any]) -> Any:
    order = [(name, "ascending") for name in ("received_ns", "event_ns", "source")]
    return pa.concat_tables([SCHEMA.empty_table(), *parts]).combine_chunks().sort_by(order)
