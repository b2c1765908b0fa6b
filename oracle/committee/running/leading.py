"""A leader's part: collect observations, finish what is in doubt, propose."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

import structlog

from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.peering.peers import Peers
from oracle.committee.rounds.falls import is_worth_waiting
from oracle.committee.rounds.observing import Round
from oracle.committee.running.catching_up import CatchUp
from oracle.committee.running.gathering import Gatherer
from oracle.committee.running.keeping import Keeper
from oracle.committee.running.patience import Patience
from oracle.committee.wire.observation import Last, Observation
from oracle.committee.wire.refusals import Reason, Refused
from oracle.model.errors import PlumblineError

COLLECT_SHARE: Final = 0.2
"""Of a view's length: how long a leader waits for the rest once it has enough."""
FINISH_SHARE: Final = 0.25
"""Of a view's length: for what others left in doubt, to fetch it and again to finish it."""
ROUNDS_REMEMBERED: Final = 16
MOST_FINISHED: Final = 2
ROUNDS_AT_ONCE: Final = 4

_log = structlog.get_logger(__name__)


@dataclass
class _Collecting:
    """One round's observations, as they come."""

    round: Round
    observations: dict[int, Observation] = field(default_factory=dict)
    came: asyncio.Event = field(default_factory=asyncio.Event)


class Leader:
    """Leads the rounds that are this member's."""

    gatherer_class: ClassVar[type[Gatherer]] = Gatherer

    def __init__(
        self,
        keeper: Keeper,
        peers: Peers,
        catch_up: CatchUp,
        patience: Patience,
        metrics: CommitteeMetrics,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._keeper, self._peers, self._catch_up = keeper, peers, catch_up
        self._gatherer = self.gatherer_class(keeper, peers, catch_up, patience, metrics, now_ns)
        self._patience = patience
        self._rules, self._metrics, self._now_ns = keeper.rules, metrics, now_ns
        self._open: dict[Round, _Collecting] = {}
        self._over: deque[Round] = deque(maxlen=ROUNDS_REMEMBERED)

    async def offer(self, observation: Observation) -> None:
        """Take an observation for a round that this member leads.

        Raises:
            Refused: another's round, not of now, or the observation does not count.
        """
        at = Round(observation.slot, observation.view)
        self._check_round(at)
        self._rules.admit(observation, *at)
        await self._keeper.accuser.note_observations([observation])
        found = self._open.get(at)
        if found is None:
            found = self._open[at] = _Collecting(at)
            self._peers.start(self._lead(found))
        found.observations.setdefault(observation.member, observation)
        found.came.set()

    def _check_round(self, at: Round) -> None:
        rules, now_ms = self._rules, self._now_ns() // 10**6
        if rules.leader(*at) != self._keeper.member.number:
            raise Refused(
                Reason.NOT_LEADER, f"slot {at.slot} view {at.view}: {rules.leader(*at)} leads it"
            )
        first, after = rules.window(*at)
        if first > now_ms + rules.max_offset_ms:
            raise Refused(
                Reason.FROM_FUTURE,
                f"begins in {first - now_ms} ms; allowed are {rules.max_offset_ms}",
            )
        late_ms = (
            rules.max_offset_ms + rules.view_ms + 1e3 * self._patience.part_s(FINISH_SHARE, at)
        )
        if after + late_ms < now_ms:
            raise Refused(Reason.TOO_OLD, f"ended {now_ms - after} ms ago")
        if at.slot <= self._keeper.reports.slot:
            raise Refused(Reason.SLOT_IS_DONE, f"slot {at.slot} has its report")
        if at in self._over:
            raise Refused(Reason.ALREADY_DONE, f"slot {at.slot} view {at.view} was led already")
        if at not in self._open and len(self._open) >= ROUNDS_AT_ONCE:
            raise Refused(Reason.ALREADY_DONE, f"{ROUNDS_AT_ONCE} rounds are open already")

    async def _lead(self, collecting: _Collecting) -> None:
        at = collecting.round
        try:
            outcome = await self._led(collecting)
        except Refused as refused:
            outcome = str(refused.refusal.reason)
            _log.warning("round_not_led", slot=at.slot, view=at.view, why=str(refused))
        except PlumblineError as error:
            outcome = "failed"
            _log.warning("round_not_led", slot=at.slot, view=at.view, why=str(error))
        finally:
            del self._open[at]
            self._over.append(at)
        self._metrics.rounds.labels(outcome).inc()

    async def _led(self, collecting: _Collecting) -> str:
        at, rules = collecting.round, self._rules
        observations = await self._collected(collecting)
        if len(observations) < rules.quorum:
            _log.warning(
                "too_few_observations",
                slot=at.slot,
                view=at.view,
                members=sorted(collecting.observations),
                needed=rules.quorum,
            )
            return "too_few_observations"
        await self._finish_others(at, observations)
        if self._keeper.reports.slot >= at.slot:
            return "finished_before"
        member = self._keeper.member
        proposed = await self._keeper.call(member.propose, *at, observations)
        signature = await self._keeper.signer.sign(proposed.proposal.message())
        if not await self._gatherer.certified(
            proposed.signed(signature), "proposal", self._patience.answer_s(at)
        ):
            return "too_few_signatures"
        began_ms, _ = rules.window(*at)
        self._metrics.quorum.observe(max(self._now_ns() / 1e6 - began_ms, 0) / 1e3)
        return "certified"

    async def _collected(self, collecting: _Collecting) -> list[Observation]:
        """Wait for everybody who may answer, or a little once there are enough."""
        at, loop = collecting.round, asyncio.get_running_loop()
        _, after_ms = self._rules.window(*at)
        left_ms = after_ms + self._rules.max_offset_ms - self._now_ns() / 1e6
        enough_at, ends = (
            None,
            loop.time() + max(left_ms / 1e3, self._patience.part_s(FINISH_SHARE, at)),
        )
        while len(collecting.observations) < self._expected() and loop.time() < ends:
            if enough_at is None and self._is_enough(collecting):
                enough_at = loop.time() + COLLECT_SHARE * self._rules.view_ms / 1e3
                ends = min(ends, enough_at)
            collecting.came.clear()
            try:
                async with asyncio.timeout_at(ends):
                    await collecting.came.wait()
            except TimeoutError:
                break
        return list(collecting.observations.values())

    def _expected(self) -> int:
        """How many will answer: a peer that is known to be out of reach is not waited for."""
        return max(len(self._peers.reachable) + 1, self._rules.quorum)

    def _is_enough(self, collecting: _Collecting) -> bool:
        observations = list(collecting.observations.values())
        newest = self._keeper.member.chain.certified
        enough = len(observations) >= self._rules.quorum
        return enough and not is_worth_waiting(observations, self._rules, newest)

    async def _finish_others(self, at: Round, observations: Sequence[Observation]) -> None:
        """Finish what others signed and nobody certified, so that no report passes it over."""
        member = self._keeper.member
        wanted = await self._keeper.call(member.wanted, observations)
        claimed: dict[bytes, list[tuple[int, Last]]] = {}
        for number, last in wanted:
            if number != member.number:
                claimed.setdefault(last.digest, []).append((number, last))
        await asyncio.gather(*(self._fetch(at, who) for who in claimed.values()))
        # A lying leader can leave two for one slot, of which only one can be finished.
        doubts = await self._keeper.call(member.chain.doubts, at.slot + self._rules.slot_ms)
        for doubt in doubts[:MOST_FINISHED]:
            limit_s = self._patience.part_s(FINISH_SHARE, at)
            if await self._gatherer.certified(doubt.proposed, "unfinished", limit_s):
                _log.info("report_finished", slot=doubt.slot, by_leader_of=at.slot)
                return

    async def _fetch(self, at: Round, claims: Sequence[tuple[int, Last]]) -> None:
        """Get what these members say they signed, from the first that has it.

        One that more than the liars say is real, and would not be passed over by those who signed:
        it is waited for as long as the slot lasts.
        """
        real = len(claims) > self._rules.faults
        limit_s = self._patience.answer_s(at) if real else self._patience.part_s(FINISH_SHARE, at)
        ends = time.monotonic() + limit_s
        waiting = {self._peers.start(self._catch_up.fetch(*claim)) for claim in claims}
        while waiting and not self._catch_up.has(claims[0][1]):
            done, waiting = await asyncio.wait(
                waiting, timeout=ends - time.monotonic(), return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                return
