"""What a chain may cost in 24 hours, and what still goes when that comes to its end. Pure.

Each step keeps the rest of the money for what matters more:

    FULL     below budget - reserve        everything
    SAVING   below budget - reserve / 2    first, validity, and heartbeats stretched
    URGENT   below budget                  first and validity
    SPENT    from budget on                nothing: consumers see the age, an operator the alarm
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from relayer.policy import ALL_REASONS, NEVER_EARLY, PushPolicy, Reason


class Level(IntEnum):
    """How much of a budget is gone."""

    FULL = 0
    SAVING = 1
    URGENT = 2
    SPENT = 3


REASONS: Final[Mapping[Level, frozenset[Reason]]] = {
    Level.FULL: ALL_REASONS,
    Level.SAVING: frozenset({Reason.FIRST, Reason.VALIDITY, Reason.HEARTBEAT}),
    Level.URGENT: frozenset({Reason.FIRST, Reason.VALIDITY}),
    Level.SPENT: frozenset(),
}
"""What is still pushed at each level."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a chain's transactions may cost in any 24 hours."""

    wei: int
    reserve: float = 0.2
    """The share that is kept for what must go."""
    stretch: float = 4.0
    """Heartbeats are so many times longer while saving."""

    def level(self, spent_wei: int) -> Level:
        """Return the level after `spent_wei` in the last 24 hours."""
        reserve_wei = round(self.wei * self.reserve)
        if spent_wei >= self.wei:
            return Level.SPENT
        if spent_wei >= self.wei - reserve_wei // 2:
            return Level.URGENT
        return Level.SAVING if spent_wei >= self.wei - reserve_wei else Level.FULL

    def saving(self, policies: Mapping[int, PushPolicy]) -> dict[int, PushPolicy]:
        """Return the policies of a chain that saves: longer heartbeats, no early joiners."""
        return {
            market: replace(
                policy, heartbeat_ms=round(policy.heartbeat_ms * self.stretch), early=NEVER_EARLY
            )
            for market, policy in policies.items()
        }
