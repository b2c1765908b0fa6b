"""Assemble marks into the leaves of a report. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from oracle.model.errors import Rejected
from oracle.model.messages import Mark
from oracle.model.validity import PRICED, Validity
from oracle.report.report import Leaf
from oracle.report.word import (
    EMPTY,
    GROUP_SIZE,
    LARGEST_CONF_E8,
    Entry,
    encode_entry,
    encode_word,
    report_ms,
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


def leaves_of(marks: Mapping[int, Mark], previous_ms: Mapping[int, int]) -> tuple[Leaf, ...]:
    """Return one leaf a group, group 0 first.

    A group has the time of its oldest mark: no mark is ever said to be newer than it is. One
    without a market, between others that have some, has that of the oldest mark of all.

    Args:
        marks: the newest mark by market number; at least one.
        previous_ms: each group's time when it was last in a report (unix ms); none in the first.
    """
    leaves = []
    oldest_ms = min(report_ms(mark.time_ns) for mark in marks.values())
    for group in range(max(marks) // GROUP_SIZE + 1):
        numbers = range(group * GROUP_SIZE, (group + 1) * GROUP_SIZE)
        entries = [entry_of(marks[n]) if n in marks else EMPTY for n in numbers]
        times = [report_ms(marks[n].time_ns) for n in numbers if n in marks]
        word = encode_word(min(times, default=oldest_ms), entries)
        leaves.append(Leaf(group, previous_ms.get(group, 0), word))
    return tuple(leaves)
