"""Read several tick files as one stream in the order (received_ns, event_ns, source)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from feeds.ticks.columns import TickColumns, concatenate
from feeds.ticks.fields import Place
from feeds.ticks.rows import COLUMNS, OPTIONAL, Refused, judge_rows
from feeds.ticks.tables import Layout, TableFile
from feeds.ticks.times import COARSER, is_of_unit
from oracle.model.errors import ConfigError

LAYOUT: Final = Layout(COLUMNS, OPTIONAL)
"""Of a tick file."""


class TickReader:
    """Iterating yields tick columns, in order within and between them, and reads the files once.

    Memory is bounded by some batches a file. `source_at` indexes `sources`, which grows while
    reading; `sequence` counts the stream's rows from 1. Rows that no tick can carry are in
    `refused`, by (source, reason).

    Raises:
        ConfigError: a file is unreadable, lacks a column, holds a field of the wrong type or is
            not sorted by received_ns.
    """

    def __init__(self, files: Sequence[Path], *, batch_rows: int = 1 << 16) -> None:
        if not files:
            raise ConfigError("no tick files given; name at least one")
        self._files: Final = [_TickFile(TableFile(f, LAYOUT, batch_rows=batch_rows)) for f in files]
        self._index: Final[dict[str, int]] = {}
        self.refused: Final = Refused()
        self.ticks = 0

    @property
    def sources(self) -> tuple[str, ...]:
        """Names seen so far."""
        return tuple(self._index)

    @property
    def progress(self) -> float:
        """Part of the bytes read, 0 to 1."""
        total = sum(file.table.size_bytes for file in self._files)
        return sum(file.table.consumed_bytes for file in self._files) / max(total, 1)

    def __iter__(self) -> Iterator[TickColumns]:
        streams = [file.read(self._index, self.refused) for file in self._files]
        held: dict[int, TickColumns] = {}
        ended: set[int] = set()
        while True:
            for at, stream in enumerate(streams):
                if at not in ended and at not in held:
                    self._refill(at, stream, held, ended)
            # Rows before the end of every file's last batch can no longer be preceded.
            open_ends = [held[at].received_ns[-1] for at in held if at not in ended]
            if not held:
                return
            bound = min(open_ends) if open_ends else None
            ready = self._release(held, bound)
            if ready is not None:
                yield self._ordered(ready)
            elif bound is not None:
                self._grow(streams, held, ended, int(bound))

    def _refill(
        self,
        at: int,
        stream: Iterator[TickColumns],
        held: dict[int, TickColumns],
        ended: set[int],
    ) -> None:
        following = next(stream, None)
        if following is None:
            ended.add(at)
        else:
            held[at] = concatenate([held[at], following]) if at in held else following

    def _grow(
        self,
        streams: list[Iterator[TickColumns]],
        held: dict[int, TickColumns],
        ended: set[int],
        bound: int,
    ) -> None:
        """Read on where the bound comes from: all rows held there have one receive time."""
        for at in [at for at in held if at not in ended and held[at].received_ns[-1] == bound]:
            self._refill(at, streams[at], held, ended)

    def _release(self, held: dict[int, TickColumns], bound: np.int64 | None) -> TickColumns | None:
        """Take the rows before `bound` out of `held`, all of them without a bound."""
        parts = []
        for at, columns in list(held.items()):
            count = columns.rows if bound is None else np.searchsorted(columns.received_ns, bound)
            if count:
                parts.append(columns.take(slice(None, count)))
                held[at] = columns.take(slice(count, None))
            if not held[at].rows:
                del held[at]
        return concatenate(parts) if parts else None

    def _ordered(self, columns: TickColumns) -> TickColumns:
        rank = np.argsort(np.argsort(np.array(self.sources)))
        order = np.lexsort((rank[columns.source_at], columns.event_ns, columns.received_ns))
        first = self.ticks + 1
        self.ticks += columns.rows
        sequence = np.arange(first, self.ticks + 1, dtype=np.int64)
        return columns.take(order)._replace(sequence=sequence)


class _TickFile:
    """One file, checked to be in order of receive time."""

    def __init__(self, table: TableFile) -> None:
        self.table: Final = table

    def read(self, index: dict[str, int], refused: Refused) -> Iterator[TickColumns]:
        rows, newest_ns = 0, 0
        for batch in self.table:
            judged = judge_rows(batch, index, Place(str(self.table.path), rows))
            if rows == 0 and len(batch):
                self._check_unit(int(judged.columns.received_ns[0]))
            refused.update(judged.refused)
            columns = judged.columns.take(judged.kept) if judged.refused else judged.columns
            rows += len(batch)
            if columns.rows:
                self._check_order(columns, newest_ns)
                newest_ns = int(columns.received_ns[-1])
                yield columns

    def _check_order(self, columns: TickColumns, newest_ns: int) -> None:
        before = np.concatenate(([newest_ns], columns.received_ns[:-1]))
        back = np.flatnonzero(columns.received_ns < before)
        if len(back):
            raise ConfigError(
                f"{self.table.path} is not sorted: received_ns goes back from {before[back[0]]} to "
                f"{columns.received_ns[back[0]]}; sort it with "
                "'plumb ticks import --format ticks FILE --out SORTED'"
            )

    def _check_unit(self, first_ns: int) -> None:
        for unit, factor in COARSER.items():
            if is_of_unit(first_ns, factor):
                raise ConfigError(
                    f"{self.table.path}: the first received_ns {first_ns} looks like {unit}; "
                    f"the column is in nanoseconds, so multiply times by {factor}"
                )
