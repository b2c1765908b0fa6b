"""Read the word that a contract holds for a group.

It differs from a report's word: it has pause bits, and an entry that lost its price (HALTED or
MISSING) keeps the last one in place.
"""

from __future__ import annotations

from oracle.model.errors import Rejected
from oracle.model.validity import Validity
from oracle.report.word import (
    ENTRY_BITS,
    EPOCH_2020_MS,
    TIME_SHIFT,
    VALIDITY_BITS,
    Entry,
    decode_entry,
)


def stored_ms(word: bytes) -> int | None:
    """Return the unix ms of a group's last update, None if there never was one."""
    since = int.from_bytes(word, "big") >> TIME_SHIFT
    return since + EPOCH_2020_MS if since else None


def stored_entry(word: bytes, at: int) -> Entry:
    """Return entry `at` as a consumer may use it: without the price that HALTED or MISSING keeps.

    A bad entry reads as MISSING, as the contracts take it.
    """
    code = int.from_bytes(word, "big") >> at * ENTRY_BITS & (1 << ENTRY_BITS) - 1
    validity = code >> ENTRY_BITS - VALIDITY_BITS
    if validity in (Validity.HALTED, Validity.MISSING):
        return Entry(Validity(validity))
    try:
        return decode_entry(code)
    except Rejected:
        return Entry(Validity.MISSING)
