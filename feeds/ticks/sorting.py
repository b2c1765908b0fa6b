"""Ticks of many files in the order of a tick file: (received_ns, event_ns, source)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from feeds.ticks.writer import SCHEMA

_SLICE_ROWS: Final = 1 << 16
_NUMBERED: Final = SCHEMA.set(SCHEMA.get_field_index("source"), pa.field("source", pa.uint16()))


def numbered(made: Any, source_at: NDArray[np.uint16]) -> Any:
    """Return the ticks with their sources as numbers, which take less room and sort faster."""
    nothing = pa.nulls(len(made), pa.string())
    columns = [
        pa.array(source_at)
        if field.name == "source"
        else pc.cast(made.column(field.name), field.type)
        if field.name in made.schema.names
        else nothing
        for field in _NUMBERED
    ]
    return pa.Table.from_arrays(columns, schema=_NUMBERED)


def combined(parts: Sequence[Any]) -> Any:
    """Return the parts as one table in one piece."""
    return pa.concat_tables([_NUMBERED.empty_table(), *parts]).combine_chunks()


def in_order(made: Any, names: NDArray[np.object_]) -> Iterator[Any]:
    """Yield the rows in the order of a tick file, some at a time."""
    rank = np.argsort(np.argsort(names))
    received_ns = made.column("received_ns")
    event_ns = pc.coalesce(made.column("event_ns"), received_ns)
    order = np.lexsort(
        (rank[made.column("source").to_numpy()], event_ns.to_numpy(), received_ns.to_numpy())
    )
    for first in range(0, len(order), _SLICE_ROWS):
        yield made.take(pa.array(order[first : first + _SLICE_ROWS]))


def named(rows: Any, names: NDArray[np.object_]) -> Any:
    """Return rows with the names of their sources, as a tick file has them."""
    at = SCHEMA.get_field_index("source")
    sources = pa.array(names, pa.string()).take(rows.column("source"))
    return rows.set_column(at, SCHEMA.field(at), sources)
