"""Batches of ticks as rows and back, to the byte.

A row has all that its batch's columns have of it. Packing the rows again gives the batch, except
where a writer packed it in a way of its own: such a batch's bytes are kept in `wire`, on its first
row. A batch without rows is one row of nothing but `wire`.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from oracle.model.errors import SchemaError
from oracle.model.messages import decode, encode
from oracle.model.names import LISTS
from oracle.model.ticks import MISSING, TickBatch
from oracle.model.topics import Topic

_I64, _I8, _U16 = np.dtype("<i8"), np.dtype("i1"), np.dtype("<u2")
_MISSING: Final = MISSING.to_bytes(8, "little", signed=True)
_PRICES: Final = ("bid", "ask", "last")
_SIZES: Final = ("bid_size", "ask_size", "last_size")
_EXACT: Final = ("sequence", "event_ns", "received_ns")
NUMBERS: Final = (*_PRICES, *_SIZES)
NO_ROW: Final = -1
"""`row` of a batch without rows."""

SCHEMA: Final = pa.schema(
    [
        ("log", pa.string()),
        ("offset", pa.int64()),
        ("row", pa.int32()),
        ("source", pa.string()),
        ("sequence", pa.int64()),
        ("event_ns", pa.int64()),
        ("received_ns", pa.int64()),
        ("exponent", pa.int8()),
        *((f"{name}_mantissa", pa.int64()) for name in _PRICES),
        ("size_exponent", pa.int8()),
        *((f"{name}_mantissa", pa.int64()) for name in _SIZES),
        ("funding_e12", pa.int64()),
        ("wire", pa.binary()),
    ]
)


def table_of(log: str, batches: Sequence[tuple[int, TickBatch]]) -> pa.Table:
    """Return batches, by rising offset, as a table."""
    filled = [(offset, batch) for offset, batch in batches if len(batch)]
    table = _filled(log, filled)
    hollow = [(offset, batch) for offset, batch in batches if not len(batch)]
    if hollow:
        rows = [
            {"log": log, "offset": offset, "row": NO_ROW, "wire": encode(batch)}
            for offset, batch in hollow
        ]
        together = pa.concat_tables([table, pa.Table.from_pylist(rows, schema=SCHEMA)])
        table = together.sort_by([("offset", "ascending"), ("row", "ascending")])
    return table


def _filled(log: str, batches: Sequence[tuple[int, TickBatch]]) -> pa.Table:
    lengths = [len(batch) for _, batch in batches]
    rows = sum(lengths)
    starts = np.cumsum([0, *lengths])[:-1]
    columns: dict[str, Any] = {
        "log": pa.array([log], pa.string()).take(pa.array(np.zeros(rows, np.int32))),
        "offset": np.repeat(np.array([offset for offset, _ in batches], np.int64), lengths),
        "row": (np.arange(rows) - np.repeat(starts, lengths)).astype(np.int32),
        "source": _sources([batch for _, batch in batches]),
        "exponent": _whole(batches, "exponent", _I8),
        "size_exponent": _sparse(batches, "size_exponent", _I8),
        "funding_e12": _sparse(batches, "funding_e12", _I64),
        "wire": _wires(batches, starts.tolist(), rows),
    }
    for name in _EXACT:
        columns[name] = _whole(batches, name, _I64)
    for name in NUMBERS:
        columns[f"{name}_mantissa"] = _sparse(batches, name, _I64)
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column)
        for column in (columns[name] for name in SCHEMA.names)
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def _whole(batches: Sequence[tuple[int, TickBatch]], name: str, kind: Any) -> Any:
    return np.frombuffer(b"".join(getattr(batch, name) for _, batch in batches), kind)


def _sparse(batches: Sequence[tuple[int, TickBatch]], name: str, kind: Any) -> pa.Array:
    """Return a column that is null where the batch has no such column or says MISSING."""
    given = [getattr(batch, name) for _, batch in batches]
    filled = b"".join(
        data or bytes(len(batch) * kind.itemsize)
        for data, (_, batch) in zip(given, batches, strict=True)
    )
    values = np.frombuffer(filled, kind)
    missing = np.array([not data for data in given], bool)
    absent = np.repeat(missing, [len(batch) for _, batch in batches])
    if kind is _I64:
        absent |= values == MISSING
    return pa.array(values, mask=absent)


def _sources(batches: Sequence[TickBatch]) -> pa.Array:
    numbers: dict[str, int] = {}
    known: dict[int, Any] = {}
    at = []
    for batch in batches:
        ours = known.get(id(batch.sources))
        if ours is None:
            listed = [numbers.setdefault(name, len(numbers)) for name in batch.sources]
            ours = known[id(batch.sources)] = np.array(listed, np.int32)
        at.append(ours[np.frombuffer(batch.source_at, _U16)])
    places = np.concatenate(at) if at else np.zeros(0, np.int32)
    return pa.array(list(numbers), pa.string()).take(pa.array(places))


def _wires(batches: Sequence[tuple[int, TickBatch]], starts: Sequence[int], rows: int) -> pa.Array:
    own_way = [
        (start, encode(batch))
        for start, (_, batch) in zip(starts, batches, strict=True)
        if not is_plain(batch)
    ]
    if not own_way:
        return pa.nulls(rows, pa.binary())
    wires: list[bytes | None] = [None] * rows
    for start, wire in own_way:
        wires[start] = wire
    return pa.array(wires, pa.binary())


def is_plain(batch: TickBatch) -> bool:
    """Whether packing the batch's rows again gives the same columns."""
    used = list(dict.fromkeys(np.frombuffer(batch.source_at, _U16).tolist()))
    if used != list(range(len(batch.sources))) or len(set(batch.sources)) != len(batch.sources):
        return False
    empty = _MISSING * len(batch)
    if any(getattr(batch, name) == empty for name in (*_SIZES, "funding_e12")):
        return False
    return bool(batch.size_exponent) == any(getattr(batch, name) for name in _SIZES)


def batches_of(table: pa.Table) -> list[tuple[int, TickBatch]]:
    """Return a table's batches with their offsets.

    Raises:
        SchemaError: the table is none of ticks.
    """
    try:
        columns = {name: table[name].combine_chunks() for name in SCHEMA.names}
    except KeyError as error:
        raise SchemaError(f"ticks in the archive lack the column {error}") from error
    if not table.num_rows:
        return []
    offsets = columns["offset"].to_numpy()
    starts = [0, *(np.flatnonzero(np.diff(offsets)) + 1).tolist()]
    ends = [*starts[1:], len(offsets)]
    wires = columns["wire"].take(pa.array(starts, pa.int64())).to_pylist()
    reader = _Columns(columns)
    made = []
    for start, end, wire in zip(starts, ends, wires, strict=True):
        batch = reader.batch(start, end) if wire is None else decode(Topic.TICKS, wire)
        if not isinstance(batch, TickBatch):
            raise SchemaError(f"bytes at offset {offsets[start]} of the archive are no ticks")
        made.append((int(offsets[start]), batch))
    return made


class _Columns:
    """A table's columns as they are in batches."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self._source: Final = columns["source"].dictionary_encode()
        self._at: Final = _filled_in(self._source.indices, np.dtype(np.int32), 0)
        self._names: Final = self._source.dictionary.to_pylist()
        self._whole: Final = {name: _filled_in(columns[name], _I64, 0) for name in _EXACT} | {
            "exponent": _filled_in(columns["exponent"], _I8, 0)
        }
        self._sparse: Final = {
            name: _filled_in(columns[f"{name}_mantissa"], _I64, MISSING) for name in NUMBERS
        } | {"funding_e12": _filled_in(columns["funding_e12"], _I64, MISSING)}
        self._size_exponent: Final = _filled_in(columns["size_exponent"], _I8, 0)

    def batch(self, start: int, end: int) -> TickBatch:
        """Return the rows from `start` to before `end` as the batch that they were."""
        listed: dict[int, int] = {}
        at = array("H", [listed.setdefault(n, len(listed)) for n in self._at[start:end].tolist()])
        given = {name: column[start:end].tobytes() for name, column in self._whole.items()}
        empty = _MISSING * (end - start)
        for name, column in self._sparse.items():
            data = column[start:end].tobytes()
            given[name] = b"" if name not in _PRICES and data == empty else data
        sized = any(given[name] for name in _SIZES)
        given["size_exponent"] = self._size_exponent[start:end].tobytes() if sized else b""
        names = LISTS.one(tuple(self._names[number] for number in listed))
        return TickBatch(names, np.array(at, _U16).tobytes(), **given)


def _filled_in(column: Any, kind: Any, missing: int) -> Any:
    return column.fill_null(missing).to_numpy(zero_copy_only=False).astype(kind, copy=False)
