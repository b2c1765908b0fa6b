"""Validities that fall for want of observations: when members sign that, and on whose word.

With few observations `faults` liars can make a validity worse than any honest member's. An honest
leader that hears all honest members does not, however many liars say nothing to it. So liars need
rounds that they lead, and members believe no f leaders, but f + 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from oracle.committee.rounds.chain import Certified
from oracle.committee.rounds.median import EMPTY_CODE, combine, withheld
from oracle.committee.rounds.rules import Rules
from oracle.committee.wire.observation import Observation
from oracle.report.report import Leaf
from oracle.report.word import GROUP_SIZE, VALIDITY_SHIFT, unpack_word

PATIENCE: Final = 2
"""Times f + 1 slots without a report: then all is signed, so that reports go on."""


def fallen(
    observations: Sequence[Observation],
    leaves: Sequence[Leaf],
    rules: Rules,
    newest: Certified | None,
) -> dict[int, int]:
    """Return the markets, and how valid they are, that are worse than in the newest report only
    for want of more observations."""
    if newest is None:
        return {}
    said = {number: _validity(leaves, number) for number in withheld(observations, rules.faults)}
    return {
        number: validity
        for number, validity in said.items()
        if validity < _validity(newest.report.leaves, number)
    }


def is_worth_waiting(
    observations: Sequence[Observation], rules: Rules, newest: Certified | None
) -> bool:
    """Whether a leader with these waits for more: something would fall, or there is no report yet.

    Not for what was so in the newest report too: who says nothing for hours would delay each one.
    """
    if not withheld(observations, rules.faults):
        return False
    leaves = combine(observations, rules.faults, 0).leaves
    return newest is None or bool(fallen(observations, leaves, rules, newest))


def is_early(slot: int, rules: Rules, newest: Certified | None) -> bool:
    """Whether no honest leader need have tried since the newest report: f may lead in turn."""
    return newest is not None and slot - newest.slot <= rules.faults * rules.slot_ms


class Falls:
    """What falls since the newest report, by the leaders that proposed it."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._since = -1
        self._least: dict[int, dict[int, int]] = {}
        """By market number and leader: the strictest that it proposed."""

    def refused(
        self,
        leader: int,
        observations: Sequence[Observation],
        leaves: Sequence[Leaf],
        newest: Certified | None,
    ) -> list[int]:
        """Return the markets that may not fall now, and remember that this leader proposed it.

        It may once f + 1 leaders did since the newest report, of whom one is honest; after
        `PATIENCE` times f + 1 slots without a report every market may.
        """
        rules, slot = self._rules, observations[0].slot
        found = fallen(observations, leaves, rules, newest)
        if newest is None or slot - newest.slot >= PATIENCE * (rules.faults + 1) * rules.slot_ms:
            return []
        if newest.slot != self._since:
            self._since, self._least = newest.slot, {}
        for number, validity in found.items():
            by = self._least.setdefault(number, {})
            by[leader] = min(validity, by.get(leader, validity))
        return [
            number
            for number, validity in found.items()
            if sum(said <= validity for said in self._least[number].values()) <= rules.faults
        ]


def _validity(leaves: Sequence[Leaf], number: int) -> int:
    group, at = divmod(number, GROUP_SIZE)
    if group >= len(leaves):
        return EMPTY_CODE >> VALIDITY_SHIFT
    return unpack_word(leaves[group].word)[1][at] >> VALIDITY_SHIFT
