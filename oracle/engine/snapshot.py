"""The engine's state as bytes, by name: so that it outlives a change of configuration.

What is kept is each source's, place's, window's and market's state record, the marks, and the
orders in force. A record whose name the new configuration does not have is left; a window of
another length or mean starts anew.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from oracle.engine import records
from oracle.engine.layout import Layout
from oracle.engine.records import Records, Tables
from oracle.model.errors import SchemaError
from oracle.model.messages import Control

VERSION: Final = 1


class _Snapshot(msgspec.Struct, frozen=True):
    version: int
    sequence: int
    time_ns: int
    orders: list[Control]
    sources: tuple[list[str], bytes]
    places: tuple[list[tuple[str, str]], bytes]
    windows: tuple[list[tuple[str, int, int, int]], bytes]
    markets: tuple[list[str], bytes]
    marks: bytes


def take(
    layout: Layout, tables: Tables, sequence: int, time_ns: int, orders: Sequence[Control]
) -> bytes:
    """Return the state as bytes."""
    names = _names(layout)
    return msgspec.msgpack.encode(
        _Snapshot(
            VERSION,
            sequence,
            time_ns,
            list(orders),
            (names.sources, tables.source.tobytes()),
            (names.places, tables.place.tobytes()),
            (names.windows, tables.window.tobytes()),
            (names.markets, tables.market.tobytes()),
            tables.mark.tobytes(),
        )
    )


def restore(layout: Layout, tables: Tables, data: bytes) -> tuple[int, int, list[Control]]:
    """Fill the tables' state from a snapshot; return its sequence, time and orders.

    Raises:
        SchemaError: not a snapshot, or of another version.
    """
    try:
        found = msgspec.msgpack.decode(data, type=_Snapshot)
    except msgspec.MsgspecError as error:
        raise SchemaError(f"engine snapshot does not decode: {error}") from error
    if found.version != VERSION:
        raise SchemaError(
            f"engine snapshot of version {found.version}; this engine reads {VERSION}: start "
            "without it, or with the release that wrote it"
        )
    names = _names(layout)
    _copy(found.sources, names.sources, tables.source, records.SOURCE_STATE)
    _copy(found.places, names.places, tables.place, records.PLACE_STATE)
    _copy(found.windows, names.windows, tables.window, records.WINDOW_STATE)
    _copy(found.markets, names.markets, tables.market, records.MARKET_STATE)
    _copy((found.markets[0], found.marks), names.markets, tables.mark, records.MARK)
    return found.sequence, found.time_ns, found.orders


class _Names(msgspec.Struct, frozen=True):
    sources: list[str]
    places: list[tuple[str, str]]
    windows: list[tuple[str, int, int, int]]
    markets: list[str]


def _names(layout: Layout) -> _Names:
    """Return what names each record: of a window its market, number, length and mean."""
    return _Names(
        list(layout.source_at),
        [(m.name, entry.source) for m in layout.markets for entry in m.sources + m.perps],
        [
            (market.name, number, window.window_ns, int(window.mean))
            for market, windows in zip(layout.markets, layout.windows, strict=True)
            for number, window in enumerate(windows)
        ],
        list(layout.market_at),
    )


def _copy(
    given: tuple[Iterable[Hashable], bytes],
    names: Iterable[Hashable],
    table: Records,
    kind: np.dtype[Any],
) -> None:
    """Copy the records of names that are in both.

    Raises:
        SchemaError: the records are not as many as their names.
    """
    known = {name: row for row, name in enumerate(given[0])}
    if len(given[1]) != len(known) * kind.itemsize:
        raise SchemaError("engine snapshot is cut or not of this engine; start without it")
    held = np.frombuffer(given[1], kind)
    for row, name in enumerate(names):
        if name in known:
            table[row] = held[known[name]]
