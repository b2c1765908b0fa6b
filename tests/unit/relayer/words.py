"""Group words and signed reports to decide on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oracle.model.fixed import Px
from oracle.model.messages import SignedReport
from oracle.model.validity import Validity
from oracle.report.committee import Committee
from oracle.report.digest import deployment_salt
from oracle.report.report import Leaf, Unsigned, sign_complete
from oracle.report.signature import compact
from oracle.report.word import Entry, encode_word
from tests.vectors.generate import THRESHOLD, address, members

T0_MS = 1_790_000_000_000
SALT = deployment_salt("plumbline-test", (1).to_bytes(20, "big"), 1)
COMMITTEE = Committee(SALT, 1, THRESHOLD, tuple(address(key) for key in members()))
NEVER = bytes(32)


def valid(price: int = 100_000, conf_e8: int = 0, validity: Validity = Validity.VALID) -> Entry:
    """A market at `price` / 1000."""
    return Entry(validity, Px(price, -3), conf_e8, None)


def word(age_ms: int, *entries: Entry) -> bytes:
    """A group's word, `age_ms` after T0."""
    return encode_word(T0_MS + age_ms, entries or [valid()])


def report(
    slot: int,
    words: Mapping[int, bytes],
    *,
    keys: Sequence[Any] | None = None,
    signed_ns: int = 0,
    salt: bytes = SALT,
) -> SignedReport:
    """A report over groups 0 to n, signed by the first five members or by `keys`."""
    leaves = tuple(Leaf(group, 0, words[group]) for group in range(len(words)))
    unsigned = Unsigned(1, slot, bytes(32), leaves)
    digest = unsigned.digest(salt)
    signatures = {
        at: compact(key.sign_recoverable(digest, hasher=None))
        for at, key in enumerate((keys or members())[:THRESHOLD])
    }
    body = sign_complete(unsigned, signatures, THRESHOLD)
    return SignedReport("0x" + salt.hex(), 1, slot, T0_MS * 10**6, signed_ns, True, body)
