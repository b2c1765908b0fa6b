"""How far a mark may be trusted, an ordered enum, and how a market's breaker stands."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Final


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


class Action(StrEnum):
    """What a consumer may do on a mark."""

    OPEN = "open"
    REDUCE = "reduce"
    LIQUIDATE = "liquidate"
    FUND = "fund"
    SETTLE = "settle"
    WITHDRAW = "withdraw"


_NOTHING: Final[frozenset[Action]] = frozenset()

ALLOWED: Final[Mapping[Validity, frozenset[Action]]] = {
    Validity.VALID: frozenset(Action),
    Validity.GUARDED: frozenset({Action.REDUCE, Action.LIQUIDATE, Action.FUND, Action.SETTLE}),
    Validity.TOO_UNCERTAIN: frozenset({Action.REDUCE, Action.LIQUIDATE, Action.SETTLE}),
    Validity.TOO_VOLATILE: frozenset({Action.REDUCE}),
    Validity.STALE: _NOTHING,
    Validity.MISSING: _NOTHING,
    Validity.HALTED: _NOTHING,
}
"""What each validity allows by default; on a chain the governed table decides."""
