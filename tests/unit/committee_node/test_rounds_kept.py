"""What certified reports were made from: published once, and asked for where it is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from oracle.bus.interface import Start
from oracle.bus.memory import MemoryBus
from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.peering.transport import Answer
from oracle.committee.running import rounds
from oracle.committee.running.catching_up import TURNS, CatchUp
from oracle.committee.running.keeping import Keeper
from oracle.committee.running.reports import Reports
from oracle.committee.wire.messages import Since, SinceAnswer
from oracle.committee.wire.proposal import Base, BaseKind, Proposal, Proposed
from oracle.keys.signer import LocalSigner
from oracle.model.errors import Retryable
from oracle.model.messages import CertifiedRound, Message
from oracle.model.topics import Topic
from tests.unit.committee.party import T0
from tests.unit.committee.rounds import FIRST, FIRST_BODY, PARTY, seen

DEADLINE_S = 30.0
OTHER = PARTY.proposal(seen(members=(0, 1, 2, 3, 5)))
FORGED = FIRST._replace(proposal=FIRST.proposal.signed(bytes(63) + b"\1"))
STUFFED = FIRST._replace(base=Base(BaseKind.NOTHING, bytes(10**6)))
UNPROVEN = FIRST._replace(base=Base(BaseKind.CERTIFIED, bytes(10**6)))
LEDBY = PARTY.proposal(seen(), leader=(FIRST.proposal.leader + 1) % 7)


class Moody(MemoryBus):
    """A bus that takes nothing so many times."""

    refusals = 0

    async def publish(self, topic: Topic, messages: Iterable[tuple[str, Message]]) -> None:
        """Fail, or publish."""
        if self.refusals:
            self.refusals -= 1
            raise Retryable("broker is down")
        await super().publish(topic, messages)


class Member:
    """Member 6, and peers that hold what a test says."""

    def __init__(self, held: dict[int, Proposed]) -> None:
        self.held, self.asked = held, list[int]()
        self.bus, self.registry = Moody(), CollectorRegistry()
        metrics = CommitteeMetrics(self.registry)
        self.reports = Reports(self.bus, "0x", metrics)
        signer = LocalSigner(PARTY.keys[6].secret)
        self.member = PARTY.member(6)
        self.keeper = Keeper(self.member, signer, self.reports, None, metrics)
        peers = SimpleNamespace(ask=self._ask, numbers=[0, 1, 2])
        self.catch_up = CatchUp(self.keeper, peers, metrics, 0.001)  # type: ignore[arg-type]  # hand-made

    async def _ask(self, number: int, _: str, body: bytes, *__: object, **___: object) -> Answer:
        self.asked.append(number)
        held = self.held.get(number)
        if held is not None:
            tally = PARTY.member(0).tally(FIRST)
            assert Since.decode(body).digest == tally.digest
        return Answer(200, SinceAnswer([], held.encode() if held else b"").encode())

    def lost(self, reason: str) -> float:
        """Return how many rounds this member's archive will not have."""
        name = "plumbline_committee_rounds_lost_total"
        return self.registry.get_sample_value(name, {"reason": reason}) or 0.0

    async def published(self, count: int = 1) -> list[CertifiedRound]:
        """Wait for rounds on this member's bus."""
        found: list[CertifiedRound] = []
        async with self.bus.subscribe(Topic.ROUNDS, start=Start.EARLIEST) as reader:
            async with asyncio.timeout(DEADLINE_S):
                while len(found) < count:
                    found += [r.message for r in await reader.take()]  # type: ignore[misc]  # its class
        return found


@asynccontextmanager
async def _running(held: dict[int, Proposed]) -> AsyncIterator[Member]:
    made = Member(held)
    loops = (made.reports.rounds.run(), made.catch_up.follow_rounds())
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield made
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        made.keeper.close()


def _is_first(made: CertifiedRound) -> None:
    assert Proposal.decode(made.proposal) == FIRST.proposal
    assert (made.slot, made.epoch, made.time_ns) == (T0, 1, made.time_ns // 10**6 * 10**6)


async def test_what_a_member_knows_is_published_with_what_it_observed():
    """Nobody is asked; the steps are those of the round."""
    async with _running({}) as one:
        one.reports.rounds.saw(T0, 0, {0: 41, 1: 7})
        one.reports.rounds.saw(T0, 1, {0: 42})
        one.member.learn(FIRST)
        await one.keeper.take([FIRST_BODY])
        (made,) = await one.published()
    _is_first(made)
    assert made.steps == {0: 41, 1: 7}
    assert one.asked == []


async def test_what_it_does_not_know_comes_from_a_peer():
    """Whoever has it; garbage of another is refused, and what it gave is held for others."""
    async with _running({0: OTHER, 1: FORGED, 2: FIRST}) as one:
        await one.keeper.take([FIRST_BODY])
        (made,) = await one.published()
        digest = PARTY.member(0).tally(FIRST).digest
        assert one.reports.rounds.held(digest) == FIRST.encode()
    _is_first(made)
    assert one.lost("not_found") == 0


@pytest.mark.parametrize("lie", [STUFFED, UNPROVEN, LEDBY, OTHER, FORGED])
async def test_a_liar_gets_nothing_held_or_archived(lie: Proposed):
    """A base that proves nothing, another round or leader, a bad signature: the next is asked."""
    async with _running(dict.fromkeys(range(3), lie)) as one:
        await one.keeper.take([FIRST_BODY])
        async with asyncio.timeout(DEADLINE_S):
            while not one.lost("not_found"):  # noqa: ASYNC110 - a counter has no event
                await asyncio.sleep(0.002)
        digest = PARTY.member(0).tally(FIRST).digest
        assert one.reports.rounds.held(digest) is None
        assert one.bus.logs[Topic.ROUNDS][0].end == 0


async def test_who_has_it_nowhere_gives_it_up():
    """After every peer was asked some times; it is counted, and the next is looked for."""
    async with _running({}) as one:
        await one.keeper.take([FIRST_BODY])
        async with asyncio.timeout(DEADLINE_S):
            while not one.lost("not_found"):  # noqa: ASYNC110 - a counter has no event
                await asyncio.sleep(0.002)
    assert sorted(one.asked) == [number for number in range(3) for _ in range(TURNS)]


async def test_a_bus_that_is_away_gets_it_later(monkeypatch: pytest.MonkeyPatch):
    """Once, when it takes it again."""
    monkeypatch.setattr(rounds, "FIRST_PAUSE_S", 0.001)
    async with _running({}) as one:
        one.bus.refusals = 3
        one.member.learn(FIRST)
        await one.keeper.take([FIRST_BODY])
        _is_first(*await one.published())
        assert one.bus.refusals == 0
        assert len(one.bus.logs[Topic.ROUNDS][0].read(0, 10)[0]) == 1


async def test_what_waits_for_a_bus_is_bounded(monkeypatch: pytest.MonkeyPatch):
    """By its bytes too: the oldest gives way and is counted, the newest is published."""
    one = Member({})
    monkeypatch.setattr(rounds, "HELD_BYTES", 2 * len(FIRST.proposal.encode()))
    for number in range(4):
        digest = bytes((number,)) * 32
        one.reports.rounds.take(rounds.Wanted(1, T0 + number, T0, digest), FIRST.encode())
    running = asyncio.create_task(one.reports.rounds.run())
    assert [made.slot for made in await one.published(2)] == [T0 + 2, T0 + 3]
    assert one.lost("bus_away") == 2
    running.cancel()
    one.keeper.close()


async def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch):
    """The oldest goes; a report that was never made of anything is not held twice."""
    monkeypatch.setattr(rounds, "HELD_BYTES", len(FIRST.encode()) + 10)
    one = Member({})
    first, other = (PARTY.member(0).tally(held).digest for held in (FIRST, OTHER))
    for digest, proposed in ((first, FIRST), (first, FIRST), (other, OTHER)):
        one.reports.rounds.take(rounds.Wanted(1, T0, T0 * 10**6, digest), proposed.encode())
    assert one.reports.rounds.held(first) is None
    assert one.reports.rounds.held(other) == OTHER.encode()
    one.keeper.close()
