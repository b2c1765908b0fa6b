"""Members that lie, made of the real ones: each overrides what it lies about, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from oracle.committee.running.gathering import Gatherer
from oracle.committee.running.keeping import Keeper
from oracle.committee.running.leading import Leader
from oracle.committee.running.node import Node
from oracle.committee.running.observer import Observer
from oracle.committee.wire import messages
from oracle.committee.wire.observation import Observation
from oracle.committee.wire.proposal import Proposed
from oracle.committee.wire.refusals import Reason, Refusal


class SignsAnything(Keeper):
    """Signs whatever report it is shown, as often as it is shown."""

    async def vote(self, proposed: Proposed, now_ms: int) -> bytes | Refusal:
        """Sign, and ask no rule."""
        unsigned = self.member.tally(proposed).unsigned
        return await self.signer.sign(unsigned.message(self.rules.committee.salt))


class TwoFacedObserver(Observer):
    """Tells the leader two things of every round."""

    async def _send(self, leader: int, observation: Observation) -> None:
        other = observation._replace(inputs_root=bytes(32))
        other = other.signed(await self._keeper.signer.sign(other.message()))
        for one in (observation, other):
            await self._peers.ask(leader, messages.OBSERVATION, one.encode(), 0.5)


class TwoFaced(Node):
    """Observes two things in every round, and signs anything."""

    keeper_class = SignsAnything
    observer_class = TwoFacedObserver


class SplittingGatherer(Gatherer):
    """Shows one half of the members one proposal and the other half another."""

    async def certified(self, proposed: Proposed, what: str, limit_s: float) -> bool:
        observations = proposed.proposal.observations
        quorum = self._rules.quorum
        if len(observations) == quorum:
            return await super().certified(proposed, what, limit_s)
        for chosen, half in (
            (observations[:quorum], self._peers.numbers[::2]),
            (observations[-quorum:], self._peers.numbers[1::2]),
        ):
            proposal = proposed.proposal._replace(observations=tuple(chosen))
            signature = await self._keeper.signer.sign(proposal.message())
            made = Proposed(proposal.signed(signature), proposed.base)
            for number in half:
                asked = self._peers.ask(number, messages.PROPOSAL, made.encode(), limit_s)
                self._peers.start(asked)
        return False


class SplittingLeader(Leader):
    """Gathers signatures of two reports at once."""

    gatherer_class = SplittingGatherer


class Splitter(Node):
    """Equivocates in every round that it leads."""

    leader_class = SplittingLeader


class MuteGatherer(Gatherer):
    """Gathers signatures and shows nobody the report."""

    async def _publish(self, report: bytes) -> None:
        """Say nothing."""


class MuteLeader(Leader):
    """Keeps the reports of its rounds to itself."""

    gatherer_class = MuteGatherer


class Mute(Node):
    """Leaves every report it leads in doubt."""

    leader_class = MuteLeader


LIARS = frozenset({1, 3, 5})


class PartialLeader(Leader):
    """Proposes of its accomplices' observations and as few honest ones as it can."""

    async def _collected(self, collecting: object) -> list[Observation]:
        found = await super()._collected(collecting)  # type: ignore[arg-type]  # as it is given
        return self._chosen(found)

    def _chosen(self, found: Sequence[Observation]) -> list[Observation]:
        ordered = sorted(found, key=lambda one: one.member not in LIARS)
        return ordered[: self._rules.quorum]


class Accomplice(SignsAnything):
    """Signs only what its accomplices propose."""

    async def vote(self, proposed: Proposed, now_ms: int) -> bytes | Refusal:
        """Refuse honest leaders, sign liars' reports."""
        if proposed.proposal.leader in LIARS:
            return await super().vote(proposed, now_ms)
        return Refusal(Reason.NO_VIEW, "not ours")


class Liar(Node):
    """One of three who lie together."""

    leader_class = PartialLeader
    keeper_class = Accomplice
