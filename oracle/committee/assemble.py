"""What a report says of a mark. Pure."""

from __future__ import annotations

from oracle.model.errors import Rejected
from oracle.model.messages import Mark
from oracle.model.validity import PRICED, Validity
from oracle.report.word import (
    LARGEST_CONF_E8,
    Entry,
    encode_entry,
)


def entry_of(mark: Mark) -> Entry:
    """Return what a report says of a mark; a price out of a report's range is MISSING.

    A confidence that is not known is the widest that a report can say, never 0.
    """
    if mark.validity not in PRICED or mark.mark is None:
        return Entry(Validity.HALTED if mark.validity is Validity.HALTED else Validity.MISSING)
    conf_e8 = LARGEST_CONF_E8 if mark.conf_e8 is None else mark.conf_e8
    entry = Entry(mark.validity, mark.mark, conf_e8, mark.premium_e8)
    try:
        encode_entry(entry)
    except Rejected:
        return Entry(Validity.MISSING)
    return entry
