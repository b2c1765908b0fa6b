"""Ask all members to sign a proposal, count what they answer, publish what has enough."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.peering.peers import Peers
from oracle.committee.peering.transport import Answer
from oracle.committee.rounds.observing import Round
from oracle.committee.rounds.tally import Tally
from oracle.committee.running.catching_up import CatchUp
from oracle.committee.running.keeping import Keeper
from oracle.committee.running.patience import Patience
from oracle.committee.wire import messages
from oracle.committee.wire.proposal import Proposed
from oracle.committee.wire.refusals import Reason, Refusal
from oracle.committee.wire.refusing import NOT_NOW, read_refusal, refusal_body
from oracle.model.errors import Rejected, Retryable
from oracle.report.signature import COMPACT_BYTES

_log = structlog.get_logger(__name__)


class Gatherer:
    """Gathers signatures for the proposals of this member, and for what others left unfinished."""

    def __init__(
        self,
        keeper: Keeper,
        peers: Peers,
        catch_up: CatchUp,
        patience: Patience,
        metrics: CommitteeMetrics,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._keeper, self._peers = keeper, peers
        self._catch_up, self._patience = catch_up, patience
        self._rules, self._metrics, self._now_ns = keeper.rules, metrics, now_ns

    async def certified(self, proposed: Proposed, what: str, limit_s: float) -> bool:
        """Publish a proposal's report once enough have signed it, or say who did not and why."""
        tally = await self._keeper.call(self._keeper.member.tally, proposed)
        asking = self._asked(proposed)
        refused: dict[str, str] = {}
        waiting, ends = set(asking), time.monotonic() + limit_s
        while len(tally.signatures) + len(waiting) >= self._rules.quorum:
            done, waiting = await asyncio.wait(
                waiting, timeout=ends - time.monotonic(), return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                break
            for task in done:
                report = await self._counted(tally, asking[task], task.result(), refused)
                if report is not None:
                    await self._publish(report)
                    return True
        refused |= {str(asking[task]): "no answer yet" for task in waiting}
        _log.warning(
            "too_few_signatures",
            what=what,
            slot=proposed.proposal.slot,
            view=proposed.proposal.view,
            signed=sorted(tally.signatures),
            needed=self._rules.quorum,
            refused=refused,
        )
        return False

    def _asked(self, proposed: Proposed) -> dict[asyncio.Task[Answer | Refusal | None], int]:
        """Ask everybody at once, ourselves too."""
        body = proposed.encode()
        timeout_s = self._patience.answer_s(Round(proposed.proposal.slot, proposed.proposal.view))
        asking = {self._peers.start(self._own(proposed)): self._keeper.member.number}
        for number in self._peers.numbers:
            asked = self._peers.ask(number, messages.PROPOSAL, body, timeout_s)
            asking[self._peers.start(asked)] = number
        return asking

    async def _own(self, proposed: Proposed) -> Answer | Refusal:
        try:
            judged = await self._keeper.vote(proposed, self._now_ns() // 10**6)
        except Retryable as error:  # our key gives no signature now: as a peer would say it
            return Answer(503, refusal_body(NOT_NOW, str(error)))
        return judged if isinstance(judged, Refusal) else Answer(200, judged)

    async def _counted(
        self, tally: Tally, number: int, said: Answer | Refusal | None, refused: dict[str, str]
    ) -> bytes | None:
        """Count one answer; return the report once the signatures are enough."""
        if said is None:
            refused[str(number)] = "no answer"
            return None
        if isinstance(said, Answer) and said.taken and len(said.body) == COMPACT_BYTES:
            try:
                report = tally.add(number, said.body)
            except Rejected as error:
                said = Refusal(Reason.BAD_SIGNATURE, str(error))
            else:
                await self._keeper.accuser.note_vote(number, tally.unsigned, said.body)
                return report
        refusal = read_refusal(said.body) if isinstance(said, Answer) else said
        refused[str(number)] = f"{refusal.reason}: {refusal.detail}"
        self._metrics.refused.labels("proposal", str(refusal.reason), str(number)).inc()
        return None

    async def _publish(self, report: bytes) -> None:
        self._peers.tell(messages.REPORT, report, max(self._rules.slot_ms / 1e3, 1.0))
        await self._catch_up.take_own(report)
