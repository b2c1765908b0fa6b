"""A broker that dies, stands still or has no disk, and a network that cuts, hangs or crawls.

Whatever it is: it is named, nobody ends, nothing acknowledged is lost, and once it is over all
goes on. `docs/kafka.md` has a row for each.
"""

from __future__ import annotations

import asyncio
import functools
import resource
import socket
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

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


@pytest.fixture
async def site(mortal: tuple[Broker, int]) -> AsyncIterator[Site]:
    """A feed process under load, with nothing wrong yet."""
    broker, port = mortal
    if await asyncio.to_thread(broker.ended, 0):  # the test before has failed
        await asyncio.to_thread(broker.restart)
    prefix = f"{uuid.uuid4()}."
    feeding = Feeding(KafkaBus(broker.bootstrap, prefix=prefix, request_timeout_ms=2000))
    async with Proxy(port, broker.port) as network:
        async with KafkaBus(broker.bootstrap, prefix=prefix, request_timeout_ms=60_000) as patient:
            await patient.ensure_topics()
        async with feeding.running():
            await feeding.flowing()
            yield Site(broker, network, feeding)


async def _killed(site: Site) -> None:
    await asyncio.to_thread(site.broker.kill)


async def _restarted(site: Site) -> None:
    await asyncio.to_thread(site.broker.restart)


async def _frozen(site: Site) -> None:
    site.broker.freeze()


async def _thawed(site: Site) -> None:
    site.broker.thaw()


def _held(*directions: str) -> Callable[[Site], Awaitable[None]]:
    async def hold(site: Site) -> None:
        site.network.hold(*directions)

    return hold


async def _freed(site: Site) -> None:
    site.network.free()


FAULTS = {
    "killed": (_killed, "unreachable", _restarted),
    "frozen": (_frozen, "no_answer", _thawed),
    "cut_both_ways": (_held("in", "out"), "no_answer", _freed),
    "cut_to_the_broker": (_held("in"), "no_answer", _freed),
    "cut_from_the_broker": (_held("out"), "no_answer", _freed),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_is_between_us_and_the_broker_costs_nothing_acknowledged(
    site: Site, fault: str
) -> None:
    """It is named, nobody ends, and when it is over prices are new, in order, and nothing lost."""
    begin, name, end = FAULTS[fault]
    feeding = site.feeding
    await begin(site)
    await feeding.until(lambda: feeding.failed(name) >= 1)
    await end(site)
    await feeding.flowing()
    await feeding.witness.more()
    assert feeding.witness.refused
    assert await feeding.witness.missing() == set()
    assert await feeding.disorder() == []


@pytest.mark.parametrize("fault", ["frozen", "cut_both_ways"])
async def test_a_process_knows_that_the_cluster_does_not_answer(site: Site, fault: str) -> None:
    """What readiness asks says it while it is so, and no longer."""
    begin, _, end = FAULTS[fault]
    topics = site.feeding.bus.topics
    await topics.answer()
    await begin(site)
    with pytest.raises(Retryable, match="Kafka"):
        await topics.answer()
    await end(site)

    async def answers() -> bool:
        try:
            await topics.answer()
        except Retryable:
            return False
        return True

    ends = time.monotonic() + 180
    while not await answers():
        assert time.monotonic() < ends


async def test_a_slow_broker_slows_nothing_but_itself(site: Site) -> None:
    """Messages grow with the wait: as many prices come through, only later."""
    site.network.delay_s = 0.1
    for _ in range(3):
        await site.feeding.flowing()
    await site.feeding.witness.more()
    site.network.free()
    assert await site.feeding.witness.missing() == set()


async def test_connections_that_are_reset_are_opened_again(site: Site) -> None:
    """A firewall that was restarted costs a retry."""
    for _ in range(3):
        site.network.reset()
        await site.feeding.flowing()
        await site.feeding.witness.more()
    assert await site.feeding.witness.missing() == set()


async def test_memory_stays_bounded_while_the_broker_is_away(site: Site) -> None:
    """Five times what may wait arrives: the oldest go, counted by venue; the newest stay."""
    feeding = site.feeding
    await asyncio.to_thread(site.broker.kill)
    before = _resident_bytes()
    for _ in range(160):
        feeding.bring(1_000)
        await asyncio.sleep(0)
    assert _resident_bytes() - before < WAITING_BYTES + 32 * 2**20
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
    assert await feeding.disorder() == []


async def test_a_disk_that_is_full_ends_a_lone_broker_and_space_brings_it_back(
    site: Site,
) -> None:
    """Kafka gives its only folder up and ends; what it had acknowledged is there again."""
    feeding = site.feeding
    site.broker.fill(2 * 2**20)
    feeding.bring(30_000)
    assert await asyncio.to_thread(site.broker.ended, 120)
    await feeding.until(lambda: feeding.failed("unreachable") >= 1)
    said = site.broker.log_file.read_text(errors="replace")
    assert "File too large" in said
    await asyncio.to_thread(site.broker.restart)
    await feeding.flowing()
    await feeding.witness.more()
    assert await feeding.witness.missing() == set()


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


@pytest.mark.parametrize("direction", ["in", "out"])
async def test_an_audit_entry_whose_acknowledgement_is_lost_forks_nothing(
    site: Site, direction: str
) -> None:
    """It may have been written or may arrive later: the person is told, and orders again."""
    bus = site.feeding.bus
    audit = AuditWriter(bus, "cli", scan_s=10)
    order = functools.partial(
        audit.append, time_ns=1, action="pause", subject="x", who="ana", reason="why"
    )
    await order()
    site.network.hold(direction)
    with pytest.raises(Retryable):
        await order()
    site.network.free()
    await site.feeding.flowing()
    for _ in range(2):
        await order()
    (chain,) = check(await read(bus))
    assert chain.broken is None
    assert chain.entries in {3, 4}


@pytest.mark.parametrize("directions", [("in",), ("out",), ("in", "out")], ids="-".join)
async def test_engines_behind_a_network_that_hangs_double_nothing(
    mortal: tuple[Broker, int], tmp_path: Path, directions: tuple[str, ...]
) -> None:
    """A commit whose answer is lost, or that arrives when its owner has begun again, is one."""
    broker, port = mortal
    async with Proxy(port, broker.port) as network:
        world = World.made(tmp_path, broker.bootstrap, f"{uuid.uuid4()}.")
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
