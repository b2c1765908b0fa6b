"""Ticks: one observation of one source, and the columnar batch that the bus carries."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from oracle.model.errors import Rejected
from oracle.model.fixed import Px

MISSING: Final = -(2**63)
"""Mantissa of a field that the venue did not send."""

_COLUMNS: Final = (
    ("source_at", "H"),
    ("sequence", "q"),
    ("event_ns", "q"),
    ("received_ns", "q"),
    ("exponent", "b"),
    ("bid", "q"),
    ("ask", "q"),
    ("last", "q"),
)


class Tick(msgspec.Struct, frozen=True):
    """One observation of one source. At least one of `bid`, `ask`, `last` is present.

    `sequence` rises with every tick of a source; `event_ns` is the venue's clock, `received_ns`
    ours. Prices are in the source's own quote currency.
    """

    source: str
    sequence: int
    event_ns: int
    received_ns: int
    bid: Px | None = None
    ask: Px | None = None
    last: Px | None = None


class TickBatch(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`ticks`: many ticks as little-endian columns, one row a tick.

    `sources[source_at[i]]` names row i's source; `bid`, `ask`, `last` are mantissas at that row's
    `exponent`, or `MISSING`. Columns: u16 source_at, i64 sequence, event_ns, received_ns, i8
    exponent, i64 bid, ask, last.
    """

    sources: tuple[str, ...]
    source_at: bytes
    sequence: bytes
    event_ns: bytes
    received_ns: bytes
    exponent: bytes
    bid: bytes
    ask: bytes
    last: bytes

    def __len__(self) -> int:
        return len(self.exponent)

    def __post_init__(self) -> None:
        """Refuse columns of unequal length, so that a reader may index them blindly."""
        for name, code in _COLUMNS:
            size = array(code).itemsize
            if len(getattr(self, name)) != len(self.exponent) * size:
                raise ValueError(f"column {name} has not {len(self.exponent)} rows of {size} bytes")
        if self.source_at and max(_column("H", self.source_at)) >= len(self.sources):
            raise ValueError("column source_at names a source that the batch does not list")

    def ticks(self) -> Iterator[Tick]:
        """Read the batch back, row by row."""
        columns = {name: _column(code, getattr(self, name)) for name, code in _COLUMNS}
        for row in range(len(self)):
            exponent = columns["exponent"][row]
            bid, ask, last = (
                None if columns[name][row] == MISSING else Px(columns[name][row], exponent)
                for name in ("bid", "ask", "last")
            )
            yield Tick(
                self.sources[columns["source_at"][row]],
                columns["sequence"][row],
                columns["event_ns"][row],
                columns["received_ns"][row],
                bid,
                ask,
                last,
            )


def pack(ticks: Iterable[Tick]) -> TickBatch:
    """Put ticks into one batch, in the order given.

    Raises:
        Rejected: a tick has no price, or prices so far apart that no shared exponent holds them.
    """
    columns: dict[str, array[int]] = {name: array(code) for name, code in _COLUMNS}
    at: dict[str, int] = {}
    for tick in ticks:
        exponents = [px.exponent for px in (tick.bid, tick.ask, tick.last) if px is not None]
        if not exponents:
            raise Rejected(f"{tick.source}: a tick needs at least one of bid, ask and last")
        exponent = min(exponents)
        columns["source_at"].append(at.setdefault(tick.source, len(at)))
        columns["sequence"].append(tick.sequence)
        columns["event_ns"].append(tick.event_ns)
        columns["received_ns"].append(tick.received_ns)
        columns["exponent"].append(exponent)
        for name, px in (("bid", tick.bid), ("ask", tick.ask), ("last", tick.last)):
            columns[name].append(MISSING if px is None else _rescale(px, exponent, tick.source))
    packed = {name: _little_endian(column) for name, column in columns.items()}
    return TickBatch(tuple(at), **packed)


def _rescale(px: Px, exponent: int, source: str) -> int:
    mantissa: int = px.mantissa * 10 ** (px.exponent - exponent)
    if not MISSING < mantissa < 2**63:
        raise Rejected(f"{source}: price {px} has no 64-bit mantissa at exponent {exponent}")
    return mantissa


def _column(code: str, data: bytes) -> array[int]:
    column: array[int] = array(code, data)
    if sys.byteorder == "big":
        column.byteswap()
    return column


def _little_endian(column: array[int]) -> bytes:
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()
