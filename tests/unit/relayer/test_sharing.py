"""Relayers that share chains, on one bus in memory: hand-over, giving way, draining."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from oracle.bus.interface import Start
from oracle.bus.memory import MemoryBus
from oracle.bus.sharing import Declare, Divide, MemoryGroup, MemorySharing
from oracle.model.messages import Duty
from oracle.model.topics import Topic
from relayer.evm.errors import Unreachable
from relayer.lane import Destination
from relayer.metrics import RelayerMetrics
from relayer.policy import PushPolicy
from relayer.roster import Terms
from relayer.service import Relayer
from tests.unit.relayer.fakes import FakeChain
from tests.unit.relayer.test_service import until
from tests.unit.relayer.words import COMMITTEE, T0_MS, report, valid, word

POLICY = PushPolicy(deviation_bps=10.0, heartbeat_ms=60_000, confidence=3.0, early=1.0)


class Site:
    """A chain as several relayers see it: one contract, and a connection for each."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.words: dict[int, bytes] = {}

    def seen_by(self) -> FakeChain:
        """Return a connection to it."""
        chain = FakeChain(self.name)
        chain.words = self.words
        return chain


class Peer:
    """A relayer with connections of its own."""

    def __init__(
        self,
        name: str,
        bus: MemoryBus,
        sites: list[Site],
        wallets: Mapping[str, str] | None = None,
        **terms: float,
    ) -> None:
        self.name = name
        self.chains = {site.name: site.seen_by() for site in sites}
        self.registry = CollectorRegistry()
        self.relayer = Relayer(
            bus,
            COMMITTEE,
            [
                Destination(chain, {0: POLICY}, poll_s=0.01, backoff_s=(0.001, 0.002))
                for chain in self.chains.values()
            ],
            names={0: "BTC-USD"},
            metrics=RelayerMetrics(self.registry),
            clock=lambda: T0_MS * 10**6,
            terms=Terms(name, wallets or {}, **terms),
            drain_s=0.05,
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def owned(self) -> set[str]:
        """The chains it has."""
        return set(self.relayer.roster.owned)

    def start(self) -> None:
        """Run it."""
        self._task = asyncio.create_task(self.relayer.run())

    async def stop(self) -> None:
        """End it in order."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def metric(self, name: str, **labels: str) -> float:
        """Return a sample, 0 where there is none."""
        return self.registry.get_sample_value(f"plumbline_relayer_{name}", labels) or 0


class World:
    """Two chains, a bus, and reports on it."""

    def __init__(self) -> None:
        self.bus = MemoryBus()
        self.sites = [Site("alpha"), Site("beta")]
        self.slot = 0

    def peer(self, name: str, wallets: Mapping[str, str] | None = None, **terms: float) -> Peer:
        """Return a relayer that serves all chains."""
        return Peer(name, self.bus, self.sites, wallets, **terms)

    async def publish(self) -> bytes:
        """Publish a report that is due everywhere; return its word."""
        self.slot += 1
        signed = report(self.slot, {0: word(self.slot, valid(100_000 * self.slot))})
        await self.bus.publish(Topic.REPORTS, [("main", signed)])
        return word(self.slot, valid(100_000 * self.slot))

    def hold(self, newest: bytes) -> bool:
        """Whether all chains hold a word."""
        return all(site.words.get(0) == newest for site in self.sites)


@asynccontextmanager
async def running(*peers: Peer) -> AsyncIterator[None]:
    """Run relayers, one after the other, until the block ends."""
    try:
        for peer in peers:
            peer.start()
            await until(lambda peer=peer: bool(peer.owned))
        yield
    finally:
        for peer in peers:
            await peer.stop()


async def test_each_report_is_sent_to_each_chain_by_one() -> None:
    """Two relayers, two chains: one each, and nothing is sent twice."""
    world = World()
    a, b = world.peer("a"), world.peer("b")
    async with running(a, b):
        await until(lambda: len(a.owned) == len(b.owned) == 1)
        for _ in range(3):
            newest = await world.publish()
            await until(lambda newest=newest: world.hold(newest))
    sent = [chain.deliveries for peer in (a, b) for chain in peer.chains.values()]
    assert sorted(len(deliveries) for deliveries in sent) == [0, 0, 3, 3]


async def test_who_ends_is_replaced_and_who_comes_back_gets_a_chain_again() -> None:
    """All the while the other goes on with its own."""
    world = World()
    a, b = world.peer("a"), world.peer("b")
    async with running(a, b):
        await until(lambda: len(a.owned) == len(b.owned) == 1)
        kept = set(a.owned)
        await b.stop()
        await until(lambda: a.owned == {"alpha", "beta"})
        newest = await world.publish()
        await until(lambda: world.hold(newest))
        b.start()
        await until(lambda: len(a.owned) == 1 and len(b.owned) == 1)
        assert a.owned == kept
        newest = await world.publish()
        await until(lambda: world.hold(newest))


async def test_who_has_what_is_on_the_log() -> None:
    """For people, who ask which relayer to look at."""
    world = World()
    a = world.peer("a")
    async with running(a), world.bus.subscribe(Topic.DUTIES, start=Start.EARLIEST) as reader:
        duties = [record.message for record in await reader.take(timeout_s=5)]
        await until(lambda: a.metric("owned", chain="alpha") == 1)
    assert all(isinstance(duty, Duty) and duty.since_ns > 0 for duty in duties)
    assert [(duty.chain, duty.relayer) for duty in duties] == [("alpha", "a"), ("beta", "a")]
    assert a.metric("owned", chain="alpha") == 0  # it ended


async def test_who_does_not_get_through_gives_way() -> None:
    """Its wallet may be empty or its provider down: the other has its own."""
    world = World()
    a, b = world.peer("a", give_way_s=0.05), world.peer("b", give_way_s=0.05)
    shown = "plumbline_relayer_gave_way_total"
    assert (
        a.registry.get_sample_value(shown, {"chain": "alpha"}) == 0
    )  # else no rule sees the first
    async with running(a, b):
        await until(lambda: len(a.owned) == len(b.owned) == 1)
        (sick,) = a.owned
        a.chains[sick].failures = [Unreachable(f"chain {sick}: nobody answers")] * 100_000
        await until(lambda: sick in b.owned)
        newest = await world.publish()
        await until(lambda: world.hold(newest))
    assert a.metric("gave_way_total", chain=sick) == 1
    assert a.metric("owned", chain=sick) == 0


async def test_who_has_anothers_wallet_on_a_chain_does_not_get_it() -> None:
    """Not even when the other gives way; who has it is told; and it is over when the other ends."""
    world = World()
    a = world.peer("a", {"alpha": "0xAa", "beta": "0x01"}, give_way_s=0.05)
    b = world.peer("b", {"alpha": "0xaa", "beta": "0x02"})
    with capture_logs() as logs:
        async with running(a, b):
            await until(lambda: b.metric("wallet_shared", chain="alpha") == 1)
            assert (a.owned, b.owned) == ({"alpha"}, {"beta"})
            a.chains["alpha"].failures = [Unreachable("chain alpha: nobody answers")] * 100_000
            await until(lambda: a.metric("gave_way_total", chain="alpha") == 1)
            await until(lambda: any(e["event"] == "gives_way" for e in logs))
            newest = await world.publish()
            await until(lambda: world.sites[1].words.get(0) == newest)
            assert b.owned == {"beta"}
            assert a.metric("wallet_shared", chain="alpha") == 0
            assert b.metric("wallet_shared", chain="beta") == 0
            await a.stop()
            await until(lambda: b.owned == {"alpha", "beta"})
            assert b.metric("wallet_shared", chain="alpha") == 0
    told = [entry for entry in logs if entry["event"] == "wallet_shared"]
    assert [(e["chain"], e["wallet"], e["of"]) for e in told] == [("alpha", "0xaa", "a")]


async def test_who_hangs_in_a_push_gives_way() -> None:
    """A transaction that is in no block is no failure yet, and no update either."""
    world = World()
    a, b = world.peer("a", give_way_s=0.05), world.peer("b", give_way_s=0.05)
    async with running(a, b):
        await until(lambda: len(a.owned) == len(b.owned) == 1)
        (stuck,) = a.owned
        a.chains[stuck].open.clear()
        newest = await world.publish()
        await until(lambda: world.hold(newest))
        assert stuck in b.owned


async def test_alone_it_goes_on_trying() -> None:
    """To give way to nobody would be to give up."""
    world = World()
    a = world.peer("a", give_way_s=0.05)
    a.chains["alpha"].failures = [Unreachable("chain alpha: nobody answers")] * 100
    async with running(a):
        await until(lambda: a.metric("gave_way_total", chain="alpha") == 1)
        assert a.owned == {"alpha", "beta"}
        newest = await world.publish()
        a.chains["alpha"].failures = []
        await until(lambda: world.hold(newest))


async def test_what_is_in_flight_is_waited_for_to_a_bound() -> None:
    """A hand-over ends the push that can end, and leaves the one that hangs to the chain."""
    world = World()
    a = world.peer("a")
    async with running(a):
        for chain in a.chains.values():
            chain.open.clear()
        await world.publish()
        await until(lambda: all(lane.pushing for lane in a.relayer.lanes.values()))
        b = world.peer("b")
        async with running(b):
            (passed_on,) = b.owned
            await until(lambda: not a.relayer.lanes[passed_on].pushing)
            (kept,) = a.owned
            assert a.relayer.lanes[kept].pushing
            await world.publish()
            await until(lambda: bool(b.chains[passed_on].deliveries))


class Doubtful(MemorySharing):
    """A membership that may have run out without our having been told."""

    bus: DoubtfulBus

    def holds(self) -> bool:
        """Say what the test says."""
        return self.bus.sure and super().holds()


class DoubtfulBus(MemoryBus):
    """A bus whose memberships are doubtful while it is not `sure`."""

    sure = True

    def share(self, group: str, name: str, declare: Declare, divide: Divide) -> Doubtful:
        """Take part."""
        made = Doubtful(self.sharing.setdefault(group, MemoryGroup()), name, declare, divide)
        made.bus = self
        return made


async def test_nothing_is_pushed_on_a_share_that_may_have_run_out() -> None:
    """A process that was stopped wakes up with chains that others have by now."""
    world = World()
    world.bus = bus = DoubtfulBus()
    a = world.peer("a")
    async with running(a):
        newest = await world.publish()
        await until(lambda: world.hold(newest))
        bus.sure = False
        await world.publish()
        await until(lambda: a.metric("reports_total", outcome="taken") == 2)
        await until(lambda: a.metric("owned", chain="alpha") == 0)
        assert world.hold(newest)
        bus.sure = True
        newest = await world.publish()
        await until(lambda: world.hold(newest))


async def test_nothing_is_sent_when_the_share_runs_out_while_it_is_made_ready() -> None:
    """To price and to sign takes time: asked again at the last moment; no failure."""
    world = World()
    world.bus = bus = DoubtfulBus()
    a = world.peer("a")
    async with running(a):
        for chain in a.chains.values():
            chain.ready.clear()
        await world.publish()
        await until(lambda: all(lane.pushing for lane in a.relayer.lanes.values()))
        bus.sure = False
        for chain in a.chains.values():
            chain.ready.set()
        await until(lambda: not any(lane.pushing for lane in a.relayer.lanes.values()))
        assert [chain.deliveries for chain in a.chains.values()] == [[], []]
        assert a.metric("updates_failed_total", chain="alpha", error="PassedOn") == 0
        bus.sure = True
        newest = await world.publish()
        await until(lambda: world.hold(newest))


async def test_one_who_divides_and_does_not_understand_us_is_not_flooded() -> None:
    """A relayer of another version leads: we get nothing, say so, and do not ask for ever."""
    world, asked = World(), 0

    def nothing(claims: Mapping[str, bytes]) -> dict[str, bytes]:
        nonlocal asked
        asked += 1
        return dict.fromkeys(claims, b"?")

    stranger = world.bus.share(f"relayers.{COMMITTEE.salt.hex()[:16]}", "z", lambda: b"?", nothing)
    a = world.peer("a")
    with capture_logs() as logs:
        async with stranger:
            a.start()
            await until(lambda: any(e["event"] == "claim_not_understood" for e in logs))
            newest = await world.publish()
            await until(lambda: a.metric("reports_total", outcome="taken") == 1)
            assert not world.hold(newest)
            assert a.owned == set()
            assert asked == 2  # as each of them joined
        await until(lambda: a.owned == {"alpha", "beta"})
    await a.stop()
