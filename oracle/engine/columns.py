"""Tick batches as columns, those of each source in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from oracle.engine.admission import in_order
from oracle.engine.records import NEVER, Ints
from oracle.model.ticks import MISSING, TickBatch

_U16, _I64, _I8 = np.dtype("<u2"), np.dtype("<i8"), np.dtype("i1")
_NO_I64: Final = np.frombuffer(b"", _I64)
_NO_I8: Final = np.frombuffer(b"", _I8)
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


class _SourceList:
    """A list of sources that batches name, known by its identity and kept alive here."""

    def __init__(self, sources: tuple[str, ...], number: Ints) -> None:
        self.sources: Final = sources
        self.number: Final = number
        self.alone = True
        """Whether each source is named here once, and in no other list."""
        self.once: Final = np.arange(min(len(sources), _MOST_LISTED), dtype="<u2").tobytes()
        """What `source_at` is where every source has one tick, in the order of the list."""


class Gatherer:
    """Reads batches. It remembers their lists of sources: feeds send the same ones again."""

    def __init__(self, source_at: Mapping[str, int]) -> None:
        self._source_at = source_at
        self._newest = np.empty((len(source_at), 2), np.int64)
        self._lists: dict[int, _SourceList] = {}
        self._names = 0
        self._named_in: dict[int, _SourceList] = {}
        """Per source the list that named it last."""

    def gather(self, batches: Sequence[TickBatch]) -> list[TickColumns]:
        """Return the ticks as they are where each source's are in order, else those sorted as one.

        There is nothing to order in a batch whose every source has one tick, and none elsewhere.
        """
        given = [batch for batch in batches if len(batch)]
        lists = [self._list(batch.sources) for batch in given]
        times = Counter(map(id, lists))
        plain: list[TickColumns] = []
        others: list[TickColumns] = []
        for batch, known in zip(given, lists, strict=True):
            once = known.alone and times[id(known)] == 1 and batch.source_at == known.once
            (plain if once else others).append(columns_of(batch, known.number))
        if others:
            self._newest[:] = NEVER
            if not all(in_order(part, self._newest) for part in others):
                others = list(_sorted(others))
        return plain + others

    def _list(self, sources: tuple[str, ...]) -> _SourceList:
        known = self._lists.get(id(sources))
        return self._learnt(sources) if known is None else known

    def _learnt(self, sources: tuple[str, ...]) -> _SourceList:
        self._names += len(sources)
        if self._names > _MOST_NAMES:
            for forgotten in self._lists.values():
                forgotten.alone = False  # a step may still hold it
            self._lists.clear()
            self._named_in.clear()
            self._names = len(sources)
        number = np.array([self._source_at.get(name, -1) for name in sources], np.int64)
        made = self._lists[id(sources)] = _SourceList(sources, number)
        for source in number[number >= 0].tolist():
            other = self._named_in.get(source)
            if other is not None:
                other.alone = made.alone = False
            self._named_in[source] = made
        return made


def columns_of(batch: TickBatch, number: Ints) -> TickColumns:
    """Return a batch's columns as they are."""
    return TickColumns(
        number,
        np.frombuffer(batch.source_at, _U16),
        np.frombuffer(batch.sequence, _I64),
        np.frombuffer(batch.event_ns, _I64),
        np.frombuffer(batch.received_ns, _I64),
        np.frombuffer(batch.exponent, _I8),
        np.frombuffer(batch.bid, _I64),
        np.frombuffer(batch.ask, _I64),
        np.frombuffer(batch.last, _I64),
        np.frombuffer(batch.size_exponent, _I8) if batch.size_exponent else _NO_I8,
        np.frombuffer(batch.bid_size, _I64) if batch.bid_size else _NO_I64,
        np.frombuffer(batch.ask_size, _I64) if batch.ask_size else _NO_I64,
        np.frombuffer(batch.last_size, _I64) if batch.last_size else _NO_I64,
        np.frombuffer(batch.funding_e12, _I64) if batch.funding_e12 else _NO_I64,
    )


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
