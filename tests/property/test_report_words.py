"""Report encoding: what goes in comes out, within the stated roundings."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.model.errors import Rejected
from oracle.model.fixed import Px, float_nearest
from oracle.model.validity import PRICED, Validity
from oracle.report import merkle, minifloat
from oracle.report.report import decode
from oracle.report.word import (
    EPOCH_2020_MS,
    Entry,
    decode_entry,
    decode_word,
    encode_entry,
    encode_word,
)

ENTRY = st.builds(
    Entry,
    st.sampled_from(sorted(PRICED)),
    st.builds(Px, st.integers(1, 10**12), st.integers(-18, 8)),
    st.integers(0, 245_760_000),
    st.none() | st.integers(-208_076_800, 208_076_800),
)


@pytest.mark.parametrize("bits", [3, 6])
def test_every_minifloat_code_is_its_own_encoding(bits):
    """Codes rise with their values, and encoding a value gives its code back, both ways."""
    values = [minifloat.decode(code, bits) for code in range(1 << (bits + 4))]
    assert all(a < b for a, b in itertools.pairwise(values))
    for code, value in enumerate(values):
        assert minifloat.encode_down(value, bits) == code == minifloat.encode_up(value, bits)


@given(value=st.integers(0, 3_000_000), bits=st.sampled_from([3, 6]))
def test_minifloats_round_as_named(value, bits):
    """Down never exceeds, up never falls short, save where it saturates."""
    top = minifloat.largest(bits)
    down = minifloat.decode(minifloat.encode_down(value, bits), bits)
    up = minifloat.decode(minifloat.encode_up(value, bits), bits)
    assert down <= min(value, top) <= up <= top
    assert up - down <= max(down >> bits, 1)


@settings(max_examples=500)
@given(entry=ENTRY)
def test_an_entry_survives_within_its_roundings(entry):
    """Price to half a unit in the eighth digit, confidence up, premium towards zero."""
    try:
        read = decode_entry(encode_entry(entry))
    except Rejected:
        assert float_nearest(entry.price) < 1e-18 or float_nearest(entry.price) >= 1e21
        return
    given_price, read_price = float_nearest(entry.price), float_nearest(read.price)
    if given_price >= 1e-11:
        assert abs(read_price - given_price) <= given_price * 5.1e-8
    assert entry.conf_e8 <= read.conf_e8 <= entry.conf_e8 * 1.126 + 1_000
    if entry.premium_e8 is None:
        assert read.premium_e8 is None
    else:
        assert abs(read.premium_e8) <= abs(entry.premium_e8)
        assert abs(entry.premium_e8 - read.premium_e8) <= abs(entry.premium_e8) / 64 + 100
    assert encode_entry(read) == encode_entry(entry)


@given(
    entries=st.lists(ENTRY, max_size=4),
    time_ms=st.integers(EPOCH_2020_MS, EPOCH_2020_MS + 2**40 - 1),
)
def test_a_word_survives(entries, time_ms):
    """Time and entries come back; numbers without a market read as HALTED."""
    try:
        word = encode_word(time_ms, entries)
    except Rejected:
        return
    read = decode_word(word)
    assert read.time_ms == time_ms
    assert [encode_entry(e) for e in read.entries[: len(entries)]] == [
        encode_entry(e) for e in entries
    ]
    assert all(e == Entry(Validity.HALTED) for e in read.entries[len(entries) :])


@given(code=st.integers(0, 2**53 - 1))
def test_decoding_any_53_bits_is_an_entry_or_rejected(code):
    """Every entry that decodes encodes to the very same bits: the encoding is canonical."""
    try:
        entry = decode_entry(code)
    except Rejected:
        return
    assert encode_entry(entry) == code


@given(leaves=st.integers(1, 40), data=st.data())
def test_every_subset_of_leaves_proves_the_root(leaves, data):
    """Any leaves with their siblings lead to the root, and to another if any byte differs."""
    hashes = [bytes([n]) * 32 for n in range(leaves)]
    carried = sorted(data.draw(st.sets(st.integers(0, leaves - 1), min_size=1)))
    siblings = merkle.siblings_of(hashes, carried)
    known = {n: hashes[n] for n in carried}
    assert merkle.sibling_count(carried, leaves) == len(siblings)
    assert merkle.root_from(known, leaves, siblings) == merkle.root_of(hashes)
    forged = known | {carried[0]: b"\xff" * 32}
    assert merkle.root_from(forged, leaves, siblings) != merkle.root_of(hashes)
    with pytest.raises(Rejected):
        merkle.root_from(known, leaves, [*siblings, bytes(32)])


@settings(max_examples=500)
@given(body=st.binary(max_size=400))
def test_decoding_any_bytes_is_a_report_or_rejected(body):
    """No input makes the decoder raise anything else."""
    with contextlib.suppress(Rejected):
        decode(body)
