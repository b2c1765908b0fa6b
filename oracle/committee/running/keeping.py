"""What a member must not lose: its word, and the reports in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import structlog

from oracle.committee.evidence.file import EvidenceFile
from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.rounds.judging import Vote
from oracle.committee.rounds.member import Member
from oracle.committee.running.accusing import Accuser
from oracle.committee.running.reports import Reports
from oracle.committee.running.rounds import Wanted
from oracle.committee.wire.proposal import Proposed
from oracle.committee.wire.refusals import Reason, Refusal
from oracle.keys.signer import Signer
from oracle.model.errors import Rejected
from oracle.model.times import MS_NS
from oracle.report.report import Report, decode

T = TypeVar("T")

_BEFORE_SIGNATURES: Final = frozenset(
    {
        Reason.MALFORMED,
        Reason.OTHER_DEPLOYMENT,
        Reason.OTHER_EPOCH,
        Reason.UNKNOWN_MEMBER,
        Reason.NOT_A_SLOT,
        Reason.OTHER_ROUND,
        Reason.TIME_OUTSIDE_VIEW,
        Reason.CONFIG_NOT_ACCEPTED,
        Reason.BAD_SIGNATURE,
        Reason.NOT_LEADER,
        Reason.TOO_FEW_OBSERVATIONS,
        Reason.MEMBER_TWICE,
    }
)
"""A proposal refused for one of these is not known to be anybody's."""
_BEFORE_OBSERVATIONS: Final = frozenset(
    {Reason.FROM_FUTURE, Reason.TOO_OLD, Reason.SLOT_IS_DONE, Reason.SIGNED_LATER}
)
"""Refused for one of these it may still contradict its leader; its observations prove nothing."""
_log = structlog.get_logger(__name__)


class Keeper:
    """Asks the member's state machine in a thread of its own, since it waits for the disk."""

    def __init__(
        self,
        member: Member,
        signer: Signer,
        reports: Reports,
        evidence: EvidenceFile | None,
        metrics: CommitteeMetrics,
    ) -> None:
        self.member, self.signer, self.reports = member, signer, reports
        self.rules: Final = member.rules
        self._metrics = metrics
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="member")
        self._turn = asyncio.Lock()
        self.accuser: Final = Accuser(self.rules, evidence, metrics, self.call)

    def close(self) -> None:
        """End the thread; what it has begun is finished."""
        self._thread.shutdown(wait=True)

    async def call(self, work: Callable[..., T], *given: object) -> T:
        """Run something of the member's in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    async def vote(self, proposed: Proposed, now_ms: int) -> bytes | Refusal:
        """Judge a proposal; return this member's signature of its report, or why there is none.

        Raises:
            Retryable: the key gives no signature now.
        """
        judged = await self.call(self.member.judge, proposed, now_ms)
        if isinstance(judged, Refusal) and judged.reason in _BEFORE_OBSERVATIONS:
            await self.accuser.note_leader(proposed.proposal)
        elif isinstance(judged, Vote) or judged.reason not in _BEFORE_SIGNATURES:
            await self.accuser.note_proposal(proposed.proposal)
        return await self.signer.sign(judged.message) if isinstance(judged, Vote) else judged

    async def learn(self, body: bytes, digest: bytes) -> None:
        """Take the proposal, of the report with this digest, that a peer says it signed.

        Raises:
            Rejected: it is none, or another's.
        """
        proposed = Proposed.decode(body)
        tally = await self.call(self.member.tally, proposed)
        if tally.digest != digest:
            raise Rejected(
                f"shows the proposal of report 0x{tally.digest.hex()}; asked for 0x{digest.hex()}"
            )
        await self.call(self.member.learn, proposed)
        await self.accuser.note_proposal(proposed.proposal)

    async def learn_led(self, body: bytes, digest: bytes) -> None:
        """Take a proposal as `learn` does, if its round's leader made it.

        Raises:
            Rejected: it is none, another's, or not as its leader signed it.
        """
        proposal = Proposed.decode(body).proposal
        leader = self.rules.leader(proposal.slot, proposal.view)
        if proposal.leader != leader:
            raise Rejected(f"shows a proposal of member {proposal.leader}; {leader} leads there")
        await self.call(proposal.verify, self.rules.committee.members[leader])
        await self.learn(body, digest)

    async def take(self, bodies: Iterable[bytes]) -> int:
        """Check reports and take, rising, those that are newer than the newest taken.

        Raises:
            Rejected: one is no report of this committee with all groups.
        """
        decoded = sorted(((decode(body), body) for body in bodies), key=lambda one: one[0].slot)
        taken = 0
        async with self._turn:
            for report, body in decoded:
                if report.slot <= self.reports.slot:
                    continue
                self.check(report, body)
                digest = report.digest(self.rules.committee.salt)
                proposed = await self.call(self.member.stored_proposal, digest)
                await self.call(self.member.certify, body)
                self._note_gap(report)
                self.reports.take(body)
                time_ns = self.reports.time_ms * MS_NS
                wanted = Wanted(report.epoch, report.slot, time_ns, digest)
                self.reports.rounds.take(wanted, proposed)
                await self.accuser.note_votes(report)
                taken += 1
        return taken

    def _note_gap(self, report: Report) -> None:
        prev_ms = report.leaves[0].prev_ms
        if self.reports.slot >= 0 and prev_ms != self.reports.time_ms:
            self._metrics.gaps.inc()
            _log.warning(
                "reports_have_a_gap", slot=report.slot, follows_ms=prev_ms,
                newest_here_ms=self.reports.time_ms,
            )  # fmt: skip

    def check(self, report: Report, body: bytes) -> None:
        """Require that the committee signed a report with all its groups.

        Raises:
            Rejected: it did not.
        """
        if len(report.leaves) != report.groups:
            raise Rejected(f"report with {len(report.leaves)} of {report.groups} groups")
        self.rules.committee.verify(body)
