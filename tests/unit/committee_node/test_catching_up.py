"""What a member takes from a peer that it asks: only what it asked for, and what proves itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from prometheus_client import CollectorRegistry

from oracle.bus.memory import MemoryBus
from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.peering.transport import Answer
from oracle.committee.running import catching_up
from oracle.committee.running.catching_up import BROKEN_WORDS, CatchUp
from oracle.committee.running.keeping import Keeper
from oracle.committee.running.reports import Reports
from oracle.committee.wire.messages import SinceAnswer
from oracle.committee.wire.observation import Last
from oracle.committee.wire.proposal import Proposed
from oracle.keys.signer import LocalSigner
from tests.unit.committee.party import SLOT_MS, T0
from tests.unit.committee.rounds import FIRST, FIRST_BODY, NEXT, PARTY, seen

OTHER = PARTY.proposal(seen(members=(0, 1, 2, 3, 5)))


SECOND_BODY = PARTY.certified(PARTY.proposal(seen(NEXT), T0 + 50))
THIRD_BODY = PARTY.certified(PARTY.proposal(seen(NEXT + SLOT_MS), NEXT + 50))


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

    async def _ask(self, *_: object, **__: object) -> Answer:
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


class Gap:
    """Member 6, which holds the first report; peers hold and answer as a test says."""

    def __init__(self, held: dict[int, list[bytes]], silent: tuple[int, ...] = ()) -> None:
        self.held, self.silent = held, silent
        self.registry = CollectorRegistry()
        metrics = CommitteeMetrics(self.registry)
        self.reports = Reports(MemoryBus(), "0x", metrics)
        signer = LocalSigner(PARTY.keys[6].secret)
        self.keeper = Keeper(PARTY.member(6), signer, self.reports, None, metrics)
        self.tasks: list[asyncio.Task[Any]] = []
        peers = SimpleNamespace(ask=self._ask, start=self._start, numbers=list(range(6)))
        self.catch_up = CatchUp(self.keeper, peers, metrics, 0.01)  # type: ignore[arg-type]  # hand-made

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.create_task(work))
        return self.tasks[-1]

    async def _ask(
        self, number: int, _path: str, _body: bytes, timeout_s: float, *, urgent: bool
    ) -> Answer | None:
        assert urgent, "asked only if it has answered lately"
        if number in self.silent:
            await asyncio.sleep(timeout_s)
            return None
        return Answer(200, SinceAnswer(self.held.get(number, [])).encode())

    async def third(self, asker: int | None) -> list[bytes]:
        """Take the third report, from a peer or made here; return what came after the first."""
        try:
            await self.keeper.take([FIRST_BODY])
            if asker is None:
                await self.catch_up.take_own(THIRD_BODY)
            else:
                await self.catch_up.take(asker, THIRD_BODY)
        finally:
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
            self.keeper.close()
        return self.reports.after(T0, 10)

    @property
    def gaps(self) -> float:
        """How many reports did not follow the one before."""
        return self.registry.get_sample_value("plumbline_committee_gaps_total") or 0.0


async def test_what_the_one_who_brought_a_report_lacks_is_asked_of_all():
    """One honest member that holds the report before is enough for no gap."""
    gap = Gap({4: [SECOND_BODY, THIRD_BODY]})
    assert await gap.third(asker=2) == [SECOND_BODY, THIRD_BODY]
    assert gap.gaps == 0


async def test_what_is_missing_before_an_own_report_is_asked_of_all():
    """A leader that did not get the report before leaves no gap on its own bus either."""
    gap = Gap({4: [SECOND_BODY]})
    assert await gap.third(asker=None) == [SECOND_BODY, THIRD_BODY]
    assert gap.gaps == 0


async def test_a_silent_bringer_leaves_no_gap():
    """Who brings a report and answers no question only delays it."""
    gap = Gap({4: [SECOND_BODY]}, silent=(2,))
    assert await gap.third(asker=2) == [SECOND_BODY, THIRD_BODY]
    assert gap.gaps == 0


async def test_a_gap_that_is_everybodys_is_taken_once_the_honest_have_answered(monkeypatch):
    """Nobody holds the report before: as many as may lie can stay silent and delay nothing."""
    monkeypatch.setattr(catching_up, "GAP_S", 3600.0)
    gap = Gap({}, silent=(4, 5))
    assert await gap.third(asker=2) == [THIRD_BODY]
    assert gap.gaps == 1


async def test_a_report_waits_no_longer_than_allowed_for_those_before(monkeypatch):
    """Nobody answers at all: after the time allowed the report is taken, with its gap counted."""
    monkeypatch.setattr(catching_up, "GAP_S", 0.01)
    gap = Gap({}, silent=tuple(range(6)))
    assert await gap.third(asker=2) == [THIRD_BODY]
    assert gap.gaps == 1
