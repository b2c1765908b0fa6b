"""What this member answers to the others: one handler a path, behind the gate."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.peering.gate import Route
from oracle.committee.peering.transport import Answer
from oracle.committee.running.catching_up import CatchUp
from oracle.committee.running.keeping import Keeper
from oracle.committee.running.leading import Leader
from oracle.committee.wire import messages
from oracle.committee.wire.messages import Since, SinceAnswer
from oracle.committee.wire.observation import Observation
from oracle.committee.wire.proposal import Proposed
from oracle.committee.wire.refusals import Reason, Refusal, Refused
from oracle.committee.wire.refusing import refusal_body
from oracle.model.errors import Rejected
from oracle.report.report import decode

_SLACK: Final = 4096
_DONE: Final = Answer(200, b"")


class Handlers:
    """One member's."""

    def __init__(
        self,
        keeper: Keeper,
        leader: Leader,
        catch_up: CatchUp,
        metrics: CommitteeMetrics,
        groups: int,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._keeper, self._leader, self._catch_up = keeper, leader, catch_up
        self._metrics, self._groups, self._now_ns = metrics, groups, now_ns

    def routes(self) -> Mapping[str, Route]:
        """Return what answers each path, with the longest body that an honest member sends."""
        observation = _SLACK + 32 * self._groups
        report = _SLACK + 64 * self._groups
        proposal = _SLACK + 2 * self._keeper.rules.size * observation + report
        return {
            messages.OBSERVATION: Route(self._on_observation, observation),
            messages.PROPOSAL: Route(self._on_proposal, proposal),
            messages.REPORT: Route(self._on_report, report),
            messages.SINCE: Route(self._on_since, _SLACK),
        }

    async def _on_observation(self, asker: int, body: bytes) -> Answer:
        try:
            await self._leader.offer(_own_observation(asker, body))
        except Refused as refused:
            return self._refuse("observation", refused.refusal)
        except Rejected as error:
            return self._refuse("observation", Refusal(Reason.MALFORMED, str(error)))
        return _DONE

    async def _on_proposal(self, asker: int, body: bytes) -> Answer:
        try:
            proposed = Proposed.decode(body)
            self._check_soon(proposed.proposal.slot)
        except Refused as refused:
            return self._refuse("proposal", refused.refusal)
        except Rejected as error:
            return self._refuse("proposal", Refusal(Reason.MALFORMED, str(error)))
        judged = await self._keeper.vote(proposed, self._now_ns() // 10**6)
        self._catch_up.publish_base(asker)
        if isinstance(judged, Refusal):
            return self._refuse("proposal", judged)
        return Answer(200, judged)

    def _check_soon(self, slot: int) -> None:
        """Refuse what is far from now before its signatures cost anything."""
        rules, now_ms = self._keeper.rules, self._now_ns() // 10**6
        if slot > now_ms + rules.max_offset_ms:
            raise Refused(
                Reason.FROM_FUTURE,
                f"slot {slot} begins in {slot - now_ms} ms; allowed are {rules.max_offset_ms}",
            )

    async def _on_report(self, asker: int, body: bytes) -> Answer:
        try:
            if decode(body).slot > self._keeper.reports.slot:
                await self._catch_up.take(asker, body)
        except Rejected as error:
            return self._refuse("report", Refusal(Reason.MALFORMED, str(error)))
        return _DONE

    async def _on_since(self, asker: int, body: bytes) -> Answer:  # noqa: ARG002 - a handler's shape
        try:
            since = Since.decode(body)
        except Rejected as error:
            return self._refuse("since", Refusal(Reason.MALFORMED, str(error)))
        held = self._keeper.reports
        reports = held.after(since.slot, messages.MOST_REPORTS)
        stored = await self._keeper.call(self._keeper.member.stored_proposal, since.digest)
        stored = stored or held.rounds.held(since.digest)
        return Answer(200, SinceAnswer(reports, stored or b"").encode())

    def _refuse(self, what: str, refusal: Refusal) -> Answer:
        self._metrics.refusals.labels(what, str(refusal.reason)).inc()
        return Answer(409, refusal_body(refusal.reason, refusal.detail))


def _own_observation(asker: int, body: bytes) -> Observation:
    observation = Observation.decode(body)
    if observation.member != asker:
        raise Refused(Reason.UNKNOWN_MEMBER, f"member {asker} brings member {observation.member}'s")
    return observation
