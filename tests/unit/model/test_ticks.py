"""Ticks and the columnar batch that carries them."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.model.errors import Rejected, SchemaError
from oracle.model.fixed import Px
from oracle.model.messages import SCHEMA_VERSION, decode, encode
from oracle.model.ticks import Tick, TickBatch, pack
from oracle.model.topics import Topic

I64 = st.integers(-(2**63), 2**63 - 1)
prices = st.builds(Px, st.integers(-(10**9), 10**9), st.integers(-8, 1))
ticks = st.builds(
    Tick,
    st.sampled_from(["binance:BTC/USDT", "coinbase:BTC/USD", "gemini:BTC/USD"]),
    I64,
    I64,
    I64,
    st.none() | prices,
    st.none() | prices,
    prices,
)


def _value(px: Px | None) -> tuple[int, int] | None:
    """Return what identifies the value: the mantissa at exponent -8."""
    return None if px is None else (px.mantissa * 10 ** (px.exponent + 8), -8)


@given(st.lists(ticks, max_size=20))
def test_packed_ticks_come_back_with_the_same_values(batch: list[Tick]) -> None:
    """Order, times, missing fields and every price survive; exponents are shared by a row."""
    packed = pack(batch)
    assert len(packed) == len(batch)
    for before, after in zip(batch, packed.ticks(), strict=True):
        assert (after.source, after.sequence) == (before.source, before.sequence)
        assert (after.event_ns, after.received_ns) == (before.event_ns, before.received_ns)
        for name in ("bid", "ask", "last"):
            assert _value(getattr(after, name)) == _value(getattr(before, name))


@given(st.lists(ticks, max_size=20))
def test_a_batch_survives_the_wire(batch: list[Tick]) -> None:
    """Encoding and decoding gives an equal batch."""
    packed = pack(batch)
    assert decode(Topic.TICKS, encode(packed)) == packed


def test_columns_are_little_endian_on_every_machine() -> None:
    """The bytes are a format, not the memory of the writer."""
    packed = pack([Tick("a", 1, 2, 3, bid=Px(258, -2))])
    assert packed.bid == b"\x02\x01\0\0\0\0\0\0"
    assert packed.exponent == b"\xfe"
    assert packed.ask == packed.last == b"\0" * 7 + b"\x80"


def test_a_tick_without_any_price_is_rejected() -> None:
    """A feed that parsed nothing must not look like one that saw something."""
    with pytest.raises(Rejected, match="a: a tick needs"):
        pack([Tick("a", 1, 2, 3)])


def test_prices_too_far_apart_for_one_exponent_are_rejected() -> None:
    """Nothing is rounded to fit."""
    with pytest.raises(Rejected, match="no 64-bit mantissa"):
        pack([Tick("a", 1, 2, 3, bid=Px(1, -15), ask=Px(10**9, 0))])


@pytest.mark.parametrize("column", ["source_at", "sequence", "event_ns", "exponent", "bid", "last"])
def test_columns_of_unequal_length_are_refused(column: str) -> None:
    """A reader may index rows blindly because no such batch decodes."""
    packed = pack([Tick("a", n, n, n, last=Px(1, 0)) for n in range(3)])
    raw = [getattr(packed, name) for name in TickBatch.__struct_fields__]
    at = TickBatch.__struct_fields__.index(column)
    raw[at] = raw[at][:-1]
    with pytest.raises(SchemaError, match="rows of"):
        decode(Topic.TICKS, bytes([SCHEMA_VERSION]) + msgspec.msgpack.encode(raw))


def test_a_row_of_an_unlisted_source_is_refused() -> None:
    """Every row names a source of its own batch."""
    packed = pack([Tick("a", 1, 1, 1, last=Px(1, 0))])
    stray = msgspec.structs.asdict(packed) | {"sources": []}
    with pytest.raises(SchemaError, match="does not list"):
        decode(Topic.TICKS, bytes([SCHEMA_VERSION]) + msgspec.msgpack.encode(list(stray.values())))
