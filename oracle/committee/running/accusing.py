"""Compares all that members sign with what they signed before; keeps, counts and says what differs.

Everything is counted. What is kept is logged, of which each member has a bounded share; of what is
not kept, only that it begins, so that a liar cannot fill the log either.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from oracle.committee.evidence.file import EvidenceFile, Filed
from oracle.committee.evidence.proof import Evidence, ReportVote
from oracle.committee.evidence.witness import Witness
from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.rounds.rules import Rules
from oracle.committee.wire.observation import Observation
from oracle.committee.wire.proposal import Proposal
from oracle.model.errors import Rejected, Retryable
from oracle.report import merkle
from oracle.report.report import Report, Unsigned

_NOT_KEPT: Final = "not_kept"

_log = structlog.get_logger(__name__)


class Accuser:
    """Watches what was checked already: whoever is accused signed it."""

    def __init__(
        self,
        rules: Rules,
        evidence: EvidenceFile | None,
        metrics: CommitteeMetrics,
        call: Callable[[Callable[[Evidence], Filed], Evidence], Awaitable[Filed]],
    ) -> None:
        """Take the file, and `call`, which runs what waits for the disk."""
        self._rules, self._evidence, self._metrics, self._call = rules, evidence, metrics, call
        self._witness = Witness(rules.committee)
        self._said: dict[tuple[int, int], str] = {}

    async def note_observations(self, observations: Sequence[Observation]) -> None:
        """Compare checked observations with what their members said before."""
        for one in observations:
            await self._keep(self._witness.observation(one))

    async def note_proposal(self, proposal: Proposal) -> None:
        """Compare a proposal whose observations were checked, and these, with what was said."""
        await self.note_leader(proposal)
        await self.note_observations(proposal.observations)

    async def note_leader(self, proposal: Proposal) -> None:
        """Compare a proposal with what its leader said before.

        Whoever finishes another's proposal need not show its signature, so it is checked here.
        """
        members = self._rules.committee.members
        with contextlib.suppress(Rejected):
            if proposal.leader < len(members):
                proposal.verify(members[proposal.leader])
                await self._keep(self._witness.proposal(proposal))

    async def note_vote(self, member: int, unsigned: Unsigned, signature: bytes) -> None:
        """Compare a checked signature of a report with what its member signed before."""
        root = merkle.root_of(unsigned.hashes())
        vote = ReportVote(unsigned.epoch, unsigned.slot, root, unsigned.inputs_root, signature)
        await self._keep(self._witness.vote(member, vote))

    async def note_votes(self, report: Report) -> None:
        """Compare the signatures of a checked report with what their members signed before."""
        unsigned = Unsigned(report.epoch, report.slot, report.inputs_root, report.leaves)
        for member, signature in zip(report.members(), report.signatures, strict=True):
            await self.note_vote(member, unsigned, signature)

    async def _keep(self, found: Evidence | None) -> None:
        if found is None:
            return
        outcome, why = _NOT_KEPT, "no file"
        if self._evidence is not None:
            try:
                outcome, why = (await self._call(self._evidence.add, found)).value, ""
            except Retryable as error:
                why = str(error)
        if outcome == Filed.KNOWN.value:
            return
        kind = found.kind.name.lower()
        self._metrics.evidence.labels(kind, str(found.member)).inc()
        owner = found.epoch, found.member
        if outcome != Filed.NEW.value and self._said.get(owner) == outcome:
            return
        self._said[owner] = outcome
        _log.error(
            "member_contradicts_itself",
            member=found.member,
            kind=kind,
            slot=found.slot,
            view=found.view,
            kept=outcome,
            why=why,
            advice="plumb evidence lists and checks it; ask its operator, and rotate the member",
        )
