"""How often members try while reports fail to come: less and less, so that a slow one can finish.

A round that takes longer than its slot is overtaken by the next one, which then has two to finish;
under load that feeds itself. So the longer there was no report, the fewer slots are tried: only
multiples of a stride that grows. Strides are powers of one number: who knows of fewer reports tries
a part of the slots that the others try. It shares no factor with the number of members, so that
every member still has its turn to lead.
"""

from __future__ import annotations

from typing import Final

from oracle.committee.rounds.observing import Round
from oracle.committee.rounds.rules import Rules

LONGEST_MS: Final = 4_000
"""Between two tries: after an outage of hours reports come back within this."""
_PRIMES: Final = (2, 3, 5, 7)  # no number up to 32, the most members, is a multiple of all


def stride(rules: Rules, newest_slot: int, slot: int) -> int:
    """Return of how many slots one is tried, when the newest report is of `newest_slot`.

    As many as may lie can lead one after the other: so many slots without a report are no news.
    """
    lost = (slot - newest_slot) // rules.slot_ms - rules.faults - 2
    base = next(prime for prime in _PRIMES if rules.size % prime)
    found = 1
    while found * base <= lost and found * base * rules.slot_ms <= LONGEST_MS:
        found *= base
    return found


def is_tried(rules: Rules, newest_slot: int, at: Round) -> bool:
    """Whether a round is tried; of the slots that are far apart only the first view."""
    step = stride(rules, newest_slot, at.slot)
    return step == 1 or (at.view == 0 and at.slot // rules.slot_ms % step == 0)
