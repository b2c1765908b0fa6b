"""Tick batches as columns, those of each source in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from oracle.engine.admission import in_order
from oracle.engine.records import NEVER, Ints
from oracle.model.ticks import MISSING, TickBatch

_COLUMNS: Final = (
    ("source_at", np.dtype("<u2")),
    ("sequence", np.dtype("<i8")),
    ("event_ns", np.dtype("<i8")),
    ("received_ns", np.dtype("<i8")),
    ("exponent", np.dtype("i1")),
    ("bid", np.dtype("<i8")),
    ("ask", np.dtype("<i8")),
    ("last", np.dtype("<i8")),
    ("size_exponent", np.dtype("i1")),
    ("bid_size", np.dtype("<i8")),
    ("ask_size", np.dtype("<i8")),
    ("last_size", np.dtype("<i8")),
    ("funding_e12", np.dtype("<i8")),
)
_NOTHING: Final = {kind.char: np.frombuffer(b"", kind) for _, kind in _COLUMNS}
_MOST_NAMES: Final = 2**20
_MOST_LISTED: Final = 2**16


class TickColumns(NamedTuple):
    """Ticks, one row each. Columns of sizes or funding are empty when no tick has any."""

    number: Ints
    """Number of each listed source, -1 for one that no market uses."""
    source_at: npt.NDArray[np.uint16]
    sequence: Ints
    event_ns: Ints
    received_ns: Ints
    exponent: npt.NDArray[np.int8]
    bid: Ints
    ask: Ints
    last: Ints
    size_exponent: npt.NDArray[np.int8]
    bid_size: Ints
    ask_size: Ints
    last_size: Ints
    funding_e12: Ints


class Gatherer:
    """Reads batches. It remembers their lists of sources: feeds send the same ones again."""

    def __init__(self, source_at: Mapping[str, int]) -> None:
        self._source_at = source_at
        self.newest = np.empty((len(source_at), 2), np.int64)
        self._lists: dict[int, tuple[tuple[str, ...], Ints]] = {}
        self._names = 0

    def gather(self, batches: Sequence[TickBatch]) -> list[TickColumns]:
        """Return the ticks as they are when each source's are in order, else all sorted as one."""
        parts = [self.read(batch) for batch in batches if len(batch)]
        self.newest[:] = NEVER
        if all(in_order(part, self.newest) for part in parts):
            return parts
        return list(_sorted(parts))

    def numbers(self, sources: tuple[str, ...]) -> Ints:
        """Return each source's number. A list is known by its identity, kept alive here."""
        known = self._lists.get(id(sources))
        if known is None:
            self._names += len(sources)
            if self._names > _MOST_NAMES:
                self._lists.clear()
                self._names = len(sources)
            found = np.array([self._source_at.get(name, -1) for name in sources], np.int64)
            known = self._lists[id(sources)] = (sources, found)
        return known[1]

    def read(self, batch: TickBatch) -> TickColumns:
        """Return a batch's columns as they are."""
        columns: list[Any] = [np.frombuffer(getattr(batch, name), kind) for name, kind in _COLUMNS]
        return TickColumns(self.numbers(batch.sources), *columns)


def _sorted(parts: Sequence[TickColumns]) -> Iterator[TickColumns]:
    """Join columns in the order (source, event time, sequence), as many sources as u16 numbers."""
    number = np.concatenate([part.number[part.source_at] for part in parts])
    rows = [len(part.sequence) for part in parts]
    joined = {
        name: np.concatenate([_whole(part, name, n) for part, n in zip(parts, rows, strict=True)])
        for name in TickColumns._fields[2:]
    }
    order = np.lexsort((joined["sequence"], joined["event_ns"], number))
    known, at = np.unique(number[order], return_inverse=True)
    for first in range(0, len(known), _MOST_LISTED):
        low, high = np.searchsorted(at, (first, first + _MOST_LISTED))
        columns: dict[str, Any] = {"source_at": (at[low:high] - first).astype(np.uint16)}
        columns |= {name: column[order[low:high]] for name, column in joined.items()}
        for column in columns.values():
            column.setflags(write=False)  # as columns of a batch are: for one machine code
        yield TickColumns(known[first : first + _MOST_LISTED], **columns)


def _whole(part: TickColumns, name: str, rows: int) -> npt.NDArray[Any]:
    """Return a column, with every row missing where it is empty."""
    column: npt.NDArray[Any] = getattr(part, name)
    return (
        column
        if len(column)
        else np.full(rows, MISSING if column.itemsize > 1 else 0, column.dtype)
    )
