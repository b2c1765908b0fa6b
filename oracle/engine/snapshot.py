"""The engine's state as bytes, by name: so that it outlives a change of configuration.

What is kept is each source's, place's, window's and market's state record, the marks, and the
orders in force. A record whose name the new configuration does not have is left; a window of
another length or mean starts anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import msgspec
import numpy as np

from oracle.engine.layout import Layout
from oracle.engine.records import Records, Tables
from oracle.model.errors import SchemaError
from oracle.model.messages import Control

VERSION: Final = 1
_CHECKSUM: Final = 32

_STATE: Final = (
    ("source", "source"),
    ("source_rest", "source"),
    ("place", "place"),
    ("place_rest", "place"),
    ("window", "window"),
    ("buckets", "window"),
    ("market", "market"),
    ("basis", "basis"),
    ("funding", "funding"),
    ("mark", "market"),
)
"""Each table of state, and whose names its records bear."""


class _Snapshot(msgspec.Struct, frozen=True):
    version: int
    sequence: int
    time_ns: int
    orders: list[Control]
    names: dict[str, list[str]]
    records: dict[str, bytes]


def take(
    layout: Layout, tables: Tables, sequence: int, time_ns: int, orders: Sequence[Control]
) -> bytes:
    """Return the state as bytes."""
    records = {name: getattr(tables, name).tobytes() for name, _ in _STATE}
    data = msgspec.msgpack.encode(
        _Snapshot(VERSION, sequence, time_ns, list(orders), _names(layout), records)
    )
    return sha256(data).digest() + data


def restore(layout: Layout, tables: Tables, data: bytes) -> tuple[int, int, list[Control]]:
    """Fill the tables' state from a snapshot; return its sequence, time and orders.

    Raises:
        SchemaError: not a snapshot, cut, or of another version.
    """
    checksum, data = data[:_CHECKSUM], data[_CHECKSUM:]
    if sha256(data).digest() != checksum:
        raise SchemaError("engine snapshot is damaged or cut: start without it")
    try:
        found = msgspec.msgpack.decode(data, type=_Snapshot)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SchemaError(f"engine snapshot does not decode: {error}") from error
    if found.version != VERSION:
        raise SchemaError(
            f"engine snapshot of version {found.version}; this engine reads {VERSION}: start "
            "without it, or with the release that wrote it"
        )
    names = _names(layout)
    for table, kind in _STATE:
        known = {name: row for row, name in enumerate(found.names.get(kind, []))}
        _copy(found.records.get(table, b""), known, names[kind], getattr(tables, table))
    return found.sequence, found.time_ns, found.orders


def _names(layout: Layout) -> dict[str, list[str]]:
    """Return what names each record: what its figures mean is part of its name."""
    return {
        "source": list(layout.source_at),
        "place": [f"{m.name} {e.source}" for m in layout.markets for e in m.places],
        "window": [
            f"{market.name} {kind} {window.window_ns} {window.mean.name}"
            for market, windows in zip(layout.markets, layout.windows, strict=True)
            for kind, window in windows
        ],
        "basis": [f"{market.name} {market.mark.method.name}" for market in layout.markets],
        "funding": [f"{market.name} {market.funding}" for market in layout.markets],
        "market": list(layout.market_at),
    }


def _copy(data: bytes, known: dict[str, int], names: Sequence[str], table: Records) -> None:
    """Copy the records of names that are in both.

    Raises:
        SchemaError: the records are not as many as their names.
    """
    if len(data) != len(known) * (table.nbytes // len(table)):
        raise SchemaError("engine snapshot is cut, or not of this engine: start without it")
    held = np.frombuffer(data, table.dtype).reshape(-1, *table.shape[1:])
    for row, name in enumerate(names):
        if name in known:
            table[row] = held[known[name]]
