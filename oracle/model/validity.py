"""How far a mark may be trusted, an ordered enum, and how a market's breaker stands."""

from __future__ import annotations

from enum import IntEnum


class Validity(IntEnum):
    """Worst first, so that `min` of several is the strictest. The numbers are the report's."""

    HALTED = 0
    MISSING = 1
    STALE = 2  # known only when read: never in a report
    TOO_VOLATILE = 3
    TOO_UNCERTAIN = 4
    GUARDED = 5
    VALID = 6


class BreakerState(IntEnum):
    """States of a market's deviation circuit-breaker, calmest first."""

    NORMAL = 0
    GUARDED = 1
    HALTED = 2
    RECOVERING = 3


PRICED = frozenset(
    {Validity.TOO_VOLATILE, Validity.TOO_UNCERTAIN, Validity.GUARDED, Validity.VALID}
)
"""Validities that come with a price. The others never carry one."""
