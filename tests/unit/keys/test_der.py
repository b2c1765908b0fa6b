"""DER of KMS: exactly one encoding is taken, and whatever is cut, padded or appended is not."""

from __future__ import annotations

import coincurve
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from oracle.keys.der import read_address, read_signature
from oracle.model.errors import Rejected
from oracle.report.signature import ORDER, address_of

NUMBERS = st.one_of(
    st.integers(1, ORDER - 1), st.integers(1, 300), st.integers(ORDER - 300, ORDER - 1)
)


@given(r=NUMBERS, s=NUMBERS)
def test_reads_what_another_library_writes(r: int, s: int):
    """Every pair of numbers in range comes back from OpenSSL's encoding."""
    assert read_signature(encode_dss_signature(r, s)) == (r, s)


@given(r=st.integers(0, 2**264), s=st.integers(0, 2**264))
def test_numbers_out_of_range_are_refused(r: int, s: int):
    """Zero, the order and more are no signature."""
    encoded = encode_dss_signature(r, s)
    if 0 < r < ORDER and 0 < s < ORDER:
        assert read_signature(encoded) == (r, s)
    else:
        with pytest.raises(Rejected):
            read_signature(encoded)


@given(st.binary(max_size=80))
def test_arbitrary_bytes_raise_nothing_else(data: bytes):
    """Whatever a holder answers is a signature or refused, and reads back as the same bytes."""
    try:
        r, s = read_signature(data)
    except Rejected:
        return
    assert encode_dss_signature(r, s) == data


GOOD = encode_dss_signature(ORDER - 1, 5)


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("a byte behind", GOOD + b"\0"),
        ("a byte behind, counted", bytes((0x30, GOOD[1] + 1)) + GOOD[2:] + b"\0"),
        ("a third integer", bytes((0x30, GOOD[1] + 3)) + GOOD[2:] + b"\x02\x01\x01"),
        ("a padded integer", bytes.fromhex("30080203000001020105")),
        ("a negative integer", bytes.fromhex("3006020180020105")),
        ("an empty integer", bytes.fromhex("30060200020200ff")),
        ("long form of a length", b"\x30\x81" + GOOD[1:]),
        ("indefinite length", b"\x30\x80" + GOOD[2:] + b"\0\0"),
        ("a set", b"\x31" + GOOD[1:]),
        ("an octet string", GOOD.replace(b"\x02\x01\x05", b"\x04\x01\x05")),
    ],
)
def test_other_encodings_are_refused(what: str, data: bytes):
    """BER that means the same, or more, is not taken."""
    with pytest.raises(Rejected):
        read_signature(data)


@pytest.mark.parametrize("length", range(len(GOOD)))
def test_a_cut_signature_is_refused(length: int):
    """No prefix of a signature is one."""
    with pytest.raises(Rejected):
        read_signature(GOOD[:length])


def _spki(curve: ec.EllipticCurve, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> bytes:
    key = ec.derive_private_key(7, curve).public_key()
    return key.public_bytes(Encoding.DER, form)


def test_the_address_of_a_public_key():
    """It is the one that the curve's own library finds."""
    expected = coincurve.PrivateKey((7).to_bytes(32, "big")).public_key.format(compressed=False)
    assert read_address(_spki(ec.SECP256K1())) == address_of(expected)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()], ids=lambda c: c.name)
def test_a_key_on_another_curve_is_refused(curve: ec.EllipticCurve):
    """A key made with the wrong spec is said to be one."""
    with pytest.raises(Rejected, match="none on secp256k1"):
        read_address(_spki(curve))


def test_a_point_off_the_curve_is_refused():
    """Bytes in the right frame that are no point are no key."""
    spki = _spki(ec.SECP256K1())
    with pytest.raises(Rejected, match="not on secp256k1"):
        read_address(spki[:-1] + bytes((spki[-1] ^ 1,)))


@pytest.mark.parametrize("change", [b"", b"\0"], ids=["cut", "longer"])
def test_a_public_key_of_another_length_is_refused(change: bytes):
    """Neither a cut key nor bytes behind one."""
    spki = _spki(ec.SECP256K1())
    with pytest.raises(Rejected):
        read_address(spki + change if change else spki[:-1])
