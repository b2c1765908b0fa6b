"""Ticks as numpy columns, the form between a file and a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from oracle.model.ticks import MISSING, TickBatch

Int64s = NDArray[np.int64]

_SIZES: Final = ("bid_size", "ask_size", "last_size")


class TickColumns(NamedTuple):
    """One array per field of a tick, of equal length; all but times and source may be `MISSING`.

    `source_at` is an index into a list of source names that goes beside these columns.
    """

    source_at: NDArray[np.uint16]
    sequence: Int64s
    event_ns: Int64s
    received_ns: Int64s
    exponent: NDArray[np.int8]
    bid: Int64s
    ask: Int64s
    last: Int64s
    size_exponent: NDArray[np.int8]
    bid_size: Int64s
    ask_size: Int64s
    last_size: Int64s
    funding_e12: Int64s

    @property
    def rows(self) -> int:
        """How many ticks."""
        return len(self.exponent)

    def take(self, rows: slice | NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """Return the chosen rows."""
        return self._replace(**{name: column[rows] for name, column in self._asdict().items()})

    def batch(self, sources: Sequence[str]) -> TickBatch:
        """Return the columns as a message that carries `sources`; what no row has is left out."""
        unused = self._unused()
        little = {
            name: b""
            if name in unused
            else column.astype(column.dtype.newbyteorder("<"), copy=False).tobytes()
            for name, column in self._asdict().items()
        }
        return TickBatch(tuple(sources), **little)

    def _unused(self) -> set[str]:
        optional = (*_SIZES, "funding_e12")
        unused = {name for name in optional if (getattr(self, name) == MISSING).all()}
        return unused | {"size_exponent"} if unused.issuperset(_SIZES) else unused


def concatenate(parts: Sequence[TickColumns]) -> TickColumns:
    """Return the rows of all `parts`, one after another; at least one part."""
    if len(parts) == 1:
        return parts[0]
    return TickColumns(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
