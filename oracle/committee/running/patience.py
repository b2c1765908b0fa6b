"""How long this member waits for others, by how long there has been no report."""

from __future__ import annotations

from oracle.committee.rounds.observing import Round
from oracle.committee.rounds.pace import is_tried, stride
from oracle.committee.rounds.rules import Rules
from oracle.committee.running.reports import Reports


class Patience:
    """The pace of the committee, as this member knows it."""

    def __init__(self, rules: Rules, reports: Reports, started_ms: int) -> None:
        self._rules, self._reports = rules, reports
        self._first_slot = rules.slot_of(started_ms)

    @property
    def _newest(self) -> int:
        return max(self._reports.slot, self._first_slot)

    def tries(self, at: Round) -> bool:
        """Whether a round is tried at the present pace."""
        return is_tried(self._rules, self._newest, at)

    def part_s(self, share: float, at: Round) -> float:
        """Return how long a part of a round may take: of its view, or of all until the next try."""
        slots = stride(self._rules, self._newest, at.slot)
        whole_ms = self._rules.view_ms if slots == 1 else slots * self._rules.slot_ms
        return share * whole_ms / 1e3

    def answer_s(self, at: Round) -> float:
        """Return how long an answer may take: a slow one may be of use while the slot lasts."""
        return max(self.part_s(1.0, at), self._rules.slot_ms / 1e3)
