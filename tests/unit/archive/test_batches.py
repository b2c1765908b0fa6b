"""Batches of ticks in the archive: the same bytes come back, however they were packed."""

from __future__ import annotations

from array import array

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.archive.batches import batches_of, is_plain, table_of
from oracle.model.errors import SchemaError
from oracle.model.fixed import Px
from oracle.model.messages import encode
from oracle.model.ticks import MISSING, Tick, TickBatch, pack

I64 = st.one_of(st.just(MISSING), st.integers(-(2**63), 2**63 - 1), st.integers(-5, 5))
OPTIONAL = ("bid_size", "ask_size", "last_size", "funding_e12")


def _column(draw: st.DrawFn, code: str, rows: int, values: st.SearchStrategy[int]) -> bytes:
    return array(code, draw(st.lists(values, min_size=rows, max_size=rows))).tobytes()


@st.composite
def any_batch(draw: st.DrawFn) -> TickBatch:
    """Return whatever a batch may be, also what `pack` would never make."""
    rows = draw(st.integers(0, 6))
    sources = tuple(draw(st.lists(st.sampled_from(["a", "b", "ü:X/USD", ""]), max_size=4)))
    if not sources:
        rows = 0
    at = st.integers(0, max(0, len(sources) - 1))
    columns = {
        name: _column(draw, "q", rows, I64)
        for name in ("sequence", "event_ns", "received_ns", "bid", "ask", "last")
    }
    exponents = st.integers(-128, 127)
    sized = draw(st.booleans())
    for name in OPTIONAL:
        if draw(st.booleans()) and (sized or name == "funding_e12"):
            columns[name] = _column(draw, "q", rows, draw(st.sampled_from([I64, st.just(MISSING)])))
    if sized:
        columns["size_exponent"] = _column(draw, "b", rows, exponents)
    return TickBatch(
        sources,
        source_at=_column(draw, "H", rows, at),
        exponent=_column(draw, "b", rows, exponents),
        **columns,
    )


@given(st.lists(any_batch(), max_size=6), st.integers(0, 2**40))
def test_any_batches_come_back_to_the_byte(batches: list[TickBatch], first: int) -> None:
    """Whatever writers packed, in whatever way, is read back as it was on the bus."""
    numbered = [(first + 2 * at, batch) for at, batch in enumerate(batches)]
    read = batches_of(table_of("log", numbered))
    assert [(offset, encode(batch)) for offset, batch in read] == [
        (offset, encode(batch)) for offset, batch in numbered
    ]


@given(any_batch())
def test_bytes_are_kept_only_where_rows_are_not_enough(batch: TickBatch) -> None:
    """What `pack` makes needs no second copy; what it would not make has one."""
    table = table_of("log", [(0, batch)])
    kept = table["wire"].to_pylist()
    assert bool(kept[0]) == (not len(batch) or not is_plain(batch))
    assert not any(kept[1:])


def test_what_our_feeds_pack_is_plain() -> None:
    """Quotes, trades with sizes and funding rates of several sources, side by side."""
    batch = pack(
        [
            Tick("a", 1, 2, 3, bid=Px(5, -2), ask=Px(51, -1)),
            Tick("b", 1, 2, 3, last=Px(5, -2), last_size=Px(7, -3)),
            Tick("a", 2, 3, 4, funding_e12=-12),
        ]
    )
    table = table_of("log", [(9, batch)])
    assert table["wire"].null_count == 3
    assert table["bid_mantissa"].to_pylist() == [5, None, None]
    assert table["source"].to_pylist() == ["a", "b", "a"]


def test_a_table_of_something_else_is_refused() -> None:
    """A part that lacks a column is no part of ticks."""
    with pytest.raises(SchemaError, match="lack the column"):
        batches_of(pa.table({"offset": [1]}))


def test_an_empty_batch_is_one_row() -> None:
    """A message without ticks leaves no hole in the offsets."""
    batch = pack([])
    table = table_of("log", [(4, batch)])
    assert (table.num_rows, table["row"][0].as_py()) == (1, -1)
    assert batches_of(table) == [(4, msgspec.structs.replace(batch))]
