"""Remembers what each member said of late, and notices when one says something else."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

from oracle.committee.evidence.proof import Evidence, Kind, ReportVote
from oracle.committee.wire.observation import Observation
from oracle.committee.wire.proposal import Proposal
from oracle.report.committee import Committee

ROUNDS_KEPT: Final = 64
"""Of each member and kind; a contradiction that comes later than so many rounds goes unnoticed."""

_Round = tuple[int, int, int]  # epoch, slot, view


class _Said(NamedTuple):
    content: bytes
    whole: bytes


class Witness:
    """Gives evidence when what a member signs contradicts what it signed before.

    Whatever is shown to it has been verified: its member signed it.
    """

    def __init__(self, *committees: Committee) -> None:
        """Watch the members of these epochs of one deployment."""
        self._committees = {committee.epoch: committee for committee in committees}
        self._said: dict[tuple[Kind, int], OrderedDict[_Round, _Said]] = {}

    def observation(self, seen: Observation) -> Evidence | None:
        """Take an observation whose signature was checked."""
        at = seen.epoch, seen.slot, seen.view
        return self._compare(
            Kind.OBSERVATION, seen.member, at, _Said(seen.content(), seen.encode())
        )

    def proposal(self, made: Proposal) -> Evidence | None:
        """Take a proposal whose signature was checked."""
        at = made.epoch, made.slot, made.view
        return self._compare(Kind.PROPOSAL, made.leader, at, _Said(made.content(), made.encode()))

    def vote(self, member: int, vote: ReportVote) -> Evidence | None:
        """Take a signature of a report that was checked."""
        said = _Said(vote.root + vote.inputs_root, vote.encode())
        return self._compare(Kind.SIGNATURE, member, (vote.epoch, vote.slot, 0), said)

    def _compare(self, kind: Kind, member: int, at: _Round, said: _Said) -> Evidence | None:
        rounds = self._said.setdefault((kind, member), OrderedDict())
        before = rounds.setdefault(at, said)
        while len(rounds) > ROUNDS_KEPT:
            rounds.popitem(last=False)
        if before.content == said.content:
            return None
        first, second = sorted((before.whole, said.whole))
        epoch, slot, view = at
        committee = self._committees[epoch]
        return Evidence(
            kind, committee.salt, epoch, member, slot, view, committee.members, first, second
        )
