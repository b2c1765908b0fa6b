"""A broker that dies, stands still or has no disk, and a network that cuts, hangs or crawls.

Whatever it is: it is named, nobody ends, nothing acknowledged is lost, and once it is over all
goes on. `docs/kafka.md` has a row for each.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from deploy.kafka.broker import Broker
from feeds.outbox import WAITING_BYTES
from oracle.bus.kafka import KafkaBus
from oracle.cli.audit import check, read
from oracle.model.errors import Retryable
from oracle.node.audit import AuditWriter
from tests.integration.bus.feeding import SOURCES, Feeding
from tests.integration.bus.proxy import Proxy
from tests.integration.shards.history import check as check_history
from tests.integration.shards.history import replay
from tests.integration.shards.watching import Newest, until
from tests.integration.shards.world import MARKETS, SHARDS, World
from tests.kafka_broker import running

pytestmark = pytest.mark.kafka
PAGE_BYTES = resource.getpagesize()
SOAKING = float(os.environ.get("PLUMBLINE_BROKER_SECONDS", "0")) > 0
HUNG = [("out",), ("in",), ("in", "out")] if SOAKING else [("out",)]
"""That the answer to a commit is lost is the worst of them; `make soak` has the others too."""


class Site(NamedTuple):
    """A broker behind a network, and a feed process."""

    broker: Broker
    network: Proxy
    feeding: Feeding


@pytest.fixture(scope="module")
def mortal() -> Iterator[tuple[Broker, int]]:
    """A broker of these tests' own, and the port at which clients look for it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    with running(Broker(advertised=port)) as started:
        yield started, port
        started.kill()  # nobody needs what an orderly end would write


@pytest.fixture
async def site(mortal: tuple[Broker, int]) -> AsyncIterator[Site]:
    """A feed process under load, with nothing wrong yet."""
    broker, port = mortal
    if await asyncio.to_thread(broker.ended, 0):  # the test before has failed
        await asyncio.to_thread(broker.restart)
    prefix = f"{uuid.uuid4()}."
    patient = KafkaBus(broker.bootstrap, prefix=prefix, request_timeout_ms=60_000)
    async with Proxy(port, broker.port) as network, patient:
        await patient.ensure_topics()
        bus = KafkaBus(broker.bootstrap, prefix=prefix, request_timeout_ms=2000)
        feeding = Feeding(bus, patient)
        async with feeding.running():
            await feeding.flowing()
            yield Site(broker, network, feeding)


@pytest.mark.parametrize("directions", [("in",), ("out",), ("in", "out")], ids="-".join)
async def test_a_network_that_holds_all_back_costs_nothing_acknowledged(
    site: Site, directions: tuple[str, ...]
) -> None:
    """It is named, readiness says it, nobody ends, and when it is over prices are new.

    An audit entry whose acknowledgement is lost may have been written, or arrive later: the person
    is told, orders again, and the chain is whole.
    """
    feeding, orders = site.feeding, Orders(site.feeding.bus)
    await orders.until_taken(1)
    site.network.hold(*directions)
    assert not await orders.taken()
    assert not await _answers(feeding.bus)
    await feeding.until(lambda: feeding.failed("no_answer") >= 1)
    site.network.free()
    await feeding.whole()
    await orders.until_taken(3)
    (chain,) = check(await read(feeding.patient))
    assert chain.broken is None
    assert orders.acknowledged <= chain.entries <= orders.given
    await _until_it_answers(feeding.bus)


async def test_a_broker_that_stands_still_costs_nothing_acknowledged(site: Site) -> None:
    """Its connections stay open: only time tells."""
    feeding = site.feeding
    site.broker.freeze()
    assert not await _answers(feeding.bus)
    await feeding.until(lambda: feeding.failed("no_answer") >= 1)
    site.broker.thaw()
    await feeding.whole()
    await _until_it_answers(feeding.bus)


async def test_a_broker_that_dies_costs_no_more_memory_than_may_wait(site: Site) -> None:
    """Ten times what may wait arrives: the oldest go, counted by venue; the newest stay.

    Half of the bound is allowed, since these ticks are small; without one they take twice that.
    """
    feeding = site.feeding
    await asyncio.to_thread(site.broker.kill)
    await feeding.until(lambda: feeding.failed("unreachable") >= 1)
    before = _resident_bytes()
    for _ in range(320):
        feeding.bring(1_000)
        await asyncio.sleep(0)
    assert _resident_bytes() - before < WAITING_BYTES // 2
    newest = feeding.number
    await asyncio.to_thread(site.broker.restart)
    await feeding.until(
        lambda: (
            sum(number >= newest - len(SOURCES) for number in feeding.newest.values())
            == len(SOURCES)
        )
    )
    for venue in ("venue0", "venue1", "venue2", "venue3"):
        labels = {"venue": venue, "why": "backlog"}
        count = feeding.page.get_sample_value("plumbline_feed_dropped_ticks_total", labels)
        assert count is not None
        assert count > 10_000
    await feeding.whole()


async def test_a_slow_network_that_is_then_reset_costs_nothing_acknowledged(site: Site) -> None:
    """Messages grow with the wait, so that every source goes on; what is cut is opened again."""
    site.network.delay_s = 0.1
    await site.feeding.flowing()
    await site.feeding.witness.more()
    for _ in range(2):
        site.network.reset()
        await site.feeding.flowing()
        site.network.free()
    await site.feeding.whole()


async def test_a_disk_that_is_full_ends_a_lone_broker_and_space_brings_it_back(
    site: Site,
) -> None:
    """Kafka gives its only folder up and ends; what it had acknowledged is there again."""
    feeding = site.feeding
    site.broker.fill(64 * 1024)
    assert await asyncio.to_thread(site.broker.ended, 120)
    await feeding.until(lambda: feeding.failed("unreachable") >= 1)
    await asyncio.to_thread(site.broker.restart)
    await feeding.whole()


class Orders:
    """A person who gives orders, and gives one again that is not said to be written."""

    def __init__(self, bus: KafkaBus) -> None:
        self._audit: Final = AuditWriter(bus, "cli", scan_s=10)
        self.given = self.acknowledged = 0

    async def taken(self) -> bool:
        """Give one; return whether it is said to be written."""
        self.given += 1
        try:
            await self._audit.append(
                time_ns=self.given, action="pause", subject="x", who="ana", reason="why"
            )
        except Retryable:
            return False
        self.acknowledged += 1
        return True

    async def until_taken(self, count: int) -> None:
        """Give orders until so many in all are written."""
        async with asyncio.timeout(180):
            while self.acknowledged < count:
                await self.taken()


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


async def _answers(bus: KafkaBus) -> bool:
    """Whether it does, as readiness asks."""
    try:
        await bus.topics.answer()
    except Retryable:
        return False
    return True


async def _until_it_answers(bus: KafkaBus) -> None:
    async with asyncio.timeout(180):
        while not await _answers(bus):
            pass


@pytest.mark.parametrize("directions", HUNG, ids="-".join)
async def test_engines_behind_a_network_that_hangs_double_nothing(
    mortal: tuple[Broker, int], tmp_path: Path, directions: tuple[str, ...]
) -> None:
    """A commit whose answer is lost, or that arrives when its owner has begun again, is one."""
    broker, port = mortal
    async with Proxy(port, broker.port) as network:
        world = World.made(tmp_path, broker.bootstrap, f"{uuid.uuid4()}.", request_timeout_s=3)
        newest = Newest(world)
        async with world.bus:
            await world.make_topics()
            tasks = [asyncio.create_task(world.feed(1_000, 3)), asyncio.create_task(newest.run())]
            try:
                world.start("one")
                await newest.all_fresh(time.monotonic())
                lost = world.lost
                network.hold(*directions)
                await until(lambda: world.lost > lost)
                network.free()
                await newest.all_fresh(time.monotonic())
                assert all(process.is_alive() for process in world.running.values())
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                world.end_all()
            steps, marks = await world.committed()
            check_history(steps, marks, MARKETS)
            assert await replay(world.bus, world.config.markets, SHARDS, marks) == len(marks)
