"""Ticks: one observation of one source, and the columnar batch that the bus carries."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from oracle.model.errors import Rejected
from oracle.model.fixed import Px
from oracle.model.names import LISTS

MISSING: Final = -(2**63)
"""Mantissa of a field that the venue did not send."""

FUNDING_ONE: Final = 10**12
"""`funding_e12` is a rate times this."""

_PRICES: Final = ("bid", "ask", "last")
_SIZES: Final = ("bid_size", "ask_size", "last_size")

_REQUIRED: Final = (
    ("source_at", "H"),
    ("sequence", "q"),
    ("event_ns", "q"),
    ("received_ns", "q"),
    ("exponent", "b"),
    ("bid", "q"),
    ("ask", "q"),
    ("last", "q"),
)
_OPTIONAL: Final = (
    ("size_exponent", "b"),
    ("bid_size", "q"),
    ("ask_size", "q"),
    ("last_size", "q"),
    ("funding_e12", "q"),
)


class Tick(msgspec.Struct, frozen=True):
    """One observation of one source: a quote, a trade, a funding rate, or several of them.

    `sequence` rises with every tick of a source; `event_ns` is the venue's clock, `received_ns`
    ours. Prices are in the source's own quote currency, sizes in the base currency. `funding_e12`
    is the venue's current rate for its own funding interval, times 10**12.
    """

    source: str
    sequence: int
    event_ns: int
    received_ns: int
    bid: Px | None = None
    ask: Px | None = None
    last: Px | None = None
    bid_size: Px | None = None
    ask_size: Px | None = None
    last_size: Px | None = None
    funding_e12: int | None = None


class TickBatch(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """`ticks`: many ticks as little-endian columns, one row a tick.

    `sources[source_at[i]]` names row i's source; `bid`, `ask`, `last` are mantissas at that row's
    `exponent`, or `MISSING`; sizes likewise at `size_exponent`. Columns: u16 source_at, i64
    sequence, event_ns, received_ns, i8 exponent, i64 bid, ask, last; then those that may be empty
    as a whole, because no row has them: i8 size_exponent, i64 bid_size, ask_size, last_size,
    i64 funding_e12.
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
    size_exponent: bytes = b""
    bid_size: bytes = b""
    ask_size: bytes = b""
    last_size: bytes = b""
    funding_e12: bytes = b""

    def __len__(self) -> int:
        return len(self.exponent)

    def __post_init__(self) -> None:
        """Refuse columns of unequal length, so that a reader may index them blindly."""
        for name, code in (*_REQUIRED, *_OPTIONAL):
            size = array(code).itemsize
            given = len(getattr(self, name))
            if given != len(self.exponent) * size and (given or (name, code) in _REQUIRED):
                raise ValueError(f"column {name} has not {len(self.exponent)} rows of {size} bytes")
        if any(getattr(self, name) for name in _SIZES) and not self.size_exponent:
            raise ValueError("a column of sizes needs the column size_exponent")
        if self.source_at and max(_column("H", self.source_at)) >= len(self.sources):
            raise ValueError("column source_at names a source that the batch does not list")

    def ticks(self) -> Iterator[Tick]:
        """Read the batch back, row by row."""
        columns = {
            name: _column(code, getattr(self, name)) for name, code in (*_REQUIRED, *_OPTIONAL)
        }

        def px(name: str, exponent: str, row: int) -> Px | None:
            mantissas = columns[name]
            if not mantissas or mantissas[row] == MISSING:
                return None
            return Px(mantissas[row], columns[exponent][row])

        funding = columns["funding_e12"]
        for row in range(len(self)):
            yield Tick(
                self.sources[columns["source_at"][row]],
                columns["sequence"][row],
                columns["event_ns"][row],
                columns["received_ns"][row],
                bid=px("bid", "exponent", row),
                ask=px("ask", "exponent", row),
                last=px("last", "exponent", row),
                bid_size=px("bid_size", "size_exponent", row),
                ask_size=px("ask_size", "size_exponent", row),
                last_size=px("last_size", "size_exponent", row),
                funding_e12=None if not funding or funding[row] == MISSING else funding[row],
            )


def pack(ticks: Iterable[Tick]) -> TickBatch:
    """Put ticks into one batch, in the order given.

    Raises:
        Rejected: a tick has neither price nor funding rate, or prices (sizes) so far apart that no
            shared exponent holds them.
    """
    columns: dict[str, array[int]] = {name: array(code) for name, code in (*_REQUIRED, *_OPTIONAL)}
    at: dict[str, int] = {}
    for tick in ticks:
        prices = (tick.bid, tick.ask, tick.last)
        if tick.funding_e12 is None and all(px is None for px in prices):
            raise Rejected(f"{tick.source}: a tick needs a bid, an ask, a last or a funding rate")
        columns["source_at"].append(at.setdefault(tick.source, len(at)))
        columns["sequence"].append(tick.sequence)
        columns["event_ns"].append(tick.event_ns)
        columns["received_ns"].append(tick.received_ns)
        _append(columns, "exponent", _PRICES, prices, tick.source)
        sizes = (tick.bid_size, tick.ask_size, tick.last_size)
        _append(columns, "size_exponent", _SIZES, sizes, tick.source)
        funding = MISSING if tick.funding_e12 is None else tick.funding_e12
        columns["funding_e12"].append(funding)
    unused = {name for name in (*_SIZES, "funding_e12") if set(columns[name]) == {MISSING}}
    if unused.issuperset(_SIZES):
        unused.add("size_exponent")
    packed = {
        name: b"" if name in unused else _little_endian(column) for name, column in columns.items()
    }
    return TickBatch(LISTS.one(tuple(at)), **packed)


def _append(
    columns: dict[str, array[int]],
    exponent_name: str,
    names: tuple[str, ...],
    numbers: tuple[Px | None, ...],
    source: str,
) -> None:
    """Append one row of numbers at their smallest exponent."""
    exponent = min((px.exponent for px in numbers if px is not None), default=0)
    columns[exponent_name].append(exponent)
    for name, px in zip(names, numbers, strict=True):
        columns[name].append(MISSING if px is None else _rescale(px, exponent, source))


def _rescale(px: Px, exponent: int, source: str) -> int:
    mantissa: int = px.mantissa * 10 ** (px.exponent - exponent)
    if not MISSING < mantissa < 2**63:
        raise Rejected(f"{source}: {px} has no 64-bit mantissa at exponent {exponent}")
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
