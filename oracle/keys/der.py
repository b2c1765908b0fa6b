"""The two DER structures that KMS answers with, read strictly: one encoding, nothing behind it.

A signature is `SEQUENCE { INTEGER r, INTEGER s }` (RFC 3279, 2.2.3), a public key the
SubjectPublicKeyInfo of RFC 5480 with an uncompressed point on secp256k1 (SEC 2).
"""

from __future__ import annotations

from typing import Final

import coincurve

from oracle.keys.asking import Raw
from oracle.model.errors import Rejected
from oracle.report.signature import ORDER, address_of

_SEQUENCE, _INTEGER = 0x30, 0x02
_LONGEST: Final = 72  # two integers of 33 bytes and three headers
_KEY_PREFIX: Final = bytes.fromhex(
    "3056"  # SEQUENCE of 86 bytes
    "3010" + "06072a8648ce3d0201" + "06052b8104000a"  # id-ecPublicKey, secp256k1
    "034200"  # BIT STRING of 66 bytes, no unused bits
)
_POINT_BYTES: Final = 65


def read_signature(der: bytes) -> Raw:
    """Read r and s.

    Raises:
        Rejected: not exactly one DER signature, or a number out of 1 … order - 1.
    """
    if not 8 <= len(der) <= _LONGEST or der[0] != _SEQUENCE or der[1] != len(der) - 2:
        raise Rejected(f"{len(der)} bytes are no DER signature")
    r, rest = _read_integer(der[2:])
    s, rest = _read_integer(rest)
    if rest:
        raise Rejected(f"{len(rest)} bytes behind a DER signature")
    return Raw(r, s)


def read_address(spki: bytes) -> bytes:
    """Return the 20-byte address of a public key.

    Raises:
        Rejected: not a public key on secp256k1 with an uncompressed point.
    """
    point = spki.removeprefix(_KEY_PREFIX)
    if len(point) != _POINT_BYTES or len(spki) != len(_KEY_PREFIX) + _POINT_BYTES:
        raise Rejected("the public key is none on secp256k1 with an uncompressed point")
    try:
        return address_of(coincurve.PublicKey(point).format(compressed=False))
    except ValueError:
        raise Rejected("the public key's point is not on secp256k1") from None


def _read_integer(der: bytes) -> tuple[int, bytes]:
    if len(der) < 3 or der[0] != _INTEGER or not 1 <= der[1] <= len(der) - 2:
        raise Rejected("a DER signature lacks an integer")
    content, rest = der[2 : 2 + der[1]], der[2 + der[1] :]
    padded = len(content) > 1 and content[0] == 0 and content[1] < 0x80
    number = int.from_bytes(content, "big", signed=True)
    if padded or not 0 < number < ORDER:
        raise Rejected("a DER signature has an integer out of range or not in its shortest form")
    return number, rest
