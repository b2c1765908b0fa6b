"""Signs what this member's engine says, once a round, and brings it to the round's leader."""

from __future__ import annotations

import structlog

from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.peering.peers import Peers
from oracle.committee.rounds.observing import Round, round_of, seen
from oracle.committee.running.health import HealthWatch
from oracle.committee.running.keeping import Keeper
from oracle.committee.running.leading import Leader
from oracle.committee.running.patience import Patience
from oracle.committee.steps import View
from oracle.committee.wire import messages
from oracle.committee.wire.observation import Observation
from oracle.committee.wire.refusals import Refused
from oracle.committee.wire.refusing import read_refusal
from oracle.model.errors import Retryable
from oracle.report.word import report_ms

_log = structlog.get_logger(__name__)


class Observer:
    """One member's."""

    def __init__(
        self,
        keeper: Keeper,
        peers: Peers,
        leader: Leader,
        patience: Patience,
        health: HealthWatch,
        metrics: CommitteeMetrics,
    ) -> None:
        self._keeper, self._peers, self._leader = keeper, peers, leader
        self._patience, self._health, self._metrics = patience, health, metrics
        self._rules = keeper.rules
        self._observed = Round(-1, -1)

    async def step(self, view: View) -> None:
        """Sign what a view says if it is the first of its round, and send it to the leader."""
        time_ms = report_ms(view.time_ns)
        self._health.stepped(time_ms)
        at = round_of(self._rules, time_ms)
        if at <= self._observed or at.slot <= self._keeper.reports.slot:
            return
        if not self._patience.tries(at):
            return
        self._observed = at
        steps = {int(manifest.group): manifest.sequence for manifest in view.manifests}
        self._keeper.reports.rounds.saw(*at, steps)
        said = seen(view)
        try:
            observation = await self._keeper.call(self._keeper.member.observe, *at, *said)
            signature = await self._keeper.signer.sign(observation.message())
        except Refused as refused:
            _log.info("not_observed", slot=at.slot, view=at.view, why=str(refused))
            return
        except Retryable as error:
            _log.warning("not_observed", slot=at.slot, view=at.view, why=str(error))
            return
        await self._bring(self._rules.leader(*at), observation.signed(signature))

    async def _bring(self, leader: int, observation: Observation) -> None:
        if leader != self._keeper.member.number:
            self._peers.start(self._send(leader, observation))
            return
        try:
            await self._leader.offer(observation)
        except Refused as refused:
            _log.info("own_observation_refused", why=str(refused))

    async def _send(self, leader: int, observation: Observation) -> None:
        timeout_s = self._patience.answer_s(Round(observation.slot, observation.view))
        answer = await self._peers.ask(
            leader, messages.OBSERVATION, observation.encode(), timeout_s
        )
        if answer is None or answer.taken:
            return
        refusal = read_refusal(answer.body)
        self._metrics.refused.labels("observation", refusal.reason, str(leader)).inc()
        _log.info(
            "observation_refused",
            slot=observation.slot,
            view=observation.view,
            peer=leader,
            reason=refusal.reason,
            detail=refusal.detail,
        )
