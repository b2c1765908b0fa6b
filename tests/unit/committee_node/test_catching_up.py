"""What a member takes from a peer that it asks: only what it asked for, and what proves itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

from prometheus_client import CollectorRegistry

from oracle.bus.memory import MemoryBus
from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.peering.transport import Answer
from oracle.committee.running.catching_up import BROKEN_WORDS, CatchUp
from oracle.committee.running.keeping import Keeper
from oracle.committee.running.reports import Reports
from oracle.committee.wire.messages import SinceAnswer
from oracle.committee.wire.observation import Last
from oracle.committee.wire.proposal import Proposed
from oracle.keys.signer import LocalSigner
from tests.unit.committee.party import T0
from tests.unit.committee.rounds import FIRST, FIRST_BODY, PARTY, seen

OTHER = PARTY.proposal(seen(members=(0, 1, 2, 3, 5)))


def _last(proposed: Proposed) -> Last:
    tally = PARTY.member(0).tally(proposed)
    time_ms = tally.unsigned.leaves[0].decoded().time_ms
    return Last(proposed.proposal.slot, proposed.proposal.view, tally.digest, time_ms)


class Asking:
    """Member 6, and a peer that answers as a test says."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.answer, self.asked = SinceAnswer([]), 0
        metrics = CommitteeMetrics(self.registry)
        signer = LocalSigner(PARTY.keys[6].secret)
        self.reports = Reports(MemoryBus(), "0x", metrics)
        self.keeper = Keeper(PARTY.member(6), signer, self.reports, None, metrics)
        peers = SimpleNamespace(ask=self._ask, numbers=[2])
        self.catch_up = CatchUp(self.keeper, peers, metrics, 1.0)  # type: ignore[arg-type]  # hand-made

    async def _ask(self, *_: object) -> Answer:
        self.asked += 1
        return Answer(200, self.answer.encode())

    @property
    def refused(self) -> float:
        """How many answers were no answers."""
        labels = {"what": "since", "reason": "malformed"}
        name = "plumbline_committee_refusals_total"
        return self.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def _asking() -> AsyncIterator[Asking]:
    made = Asking()
    try:
        yield made
    finally:
        made.keeper.close()


async def test_the_proposal_that_was_asked_for_is_learned():
    """The signed observations in it prove it, whoever shows it."""
    async with _asking() as one:
        one.answer = SinceAnswer([], FIRST.encode())
        await one.catch_up.fetch(2, _last(FIRST))
        assert one.catch_up.has(_last(FIRST))
        assert one.refused == 0


async def test_another_proposal_than_was_asked_for_is_not_taken():
    """A liar cannot fill the memory with what nobody asked about, and is soon asked no more."""
    async with _asking() as one:
        one.answer = SinceAnswer([], OTHER.encode())
        for _ in range(BROKEN_WORDS + 3):
            await one.catch_up.fetch(2, _last(FIRST))
        assert not one.catch_up.has(_last(OTHER))
        assert one.refused == one.asked == BROKEN_WORDS


async def test_reports_that_come_with_the_answer_are_taken():
    """A report of the slot that was asked about ends the doubt."""
    async with _asking() as one:
        one.answer = SinceAnswer([FIRST_BODY])
        await one.catch_up.fetch(2, _last(FIRST))
        assert one.reports.slot == T0
        assert one.catch_up.has(_last(FIRST))
