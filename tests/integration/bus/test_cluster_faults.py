"""Three brokers on one machine lose one after the other, and the deployment loses nothing."""

from __future__ import annotations

import asyncio
import os
import random
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import yaml
from confluent_kafka.admin import AdminClient

from deploy.kafka.broker import Broker, Cluster
from oracle.bus.kafka import KafkaBus
from oracle.config.load import load
from oracle.model.errors import Retryable
from oracle.model.topics import SHARDED, Topic
from tests.integration.bus.reading import receipt
from tests.integration.bus.witness import Witness
from tests.integration.shards.history import check, replay
from tests.integration.shards.watching import Newest
from tests.integration.shards.world import MARKETS, SHARDS, World
from tests.kafka_broker import running

pytestmark = pytest.mark.kafka
SECONDS = float(os.environ.get("PLUMBLINE_BROKER_SECONDS", "0"))
SEED = int(os.environ.get("PLUMBLINE_BROKER_SEED", "1"))
DEADLINE_S = 120.0


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Three brokers; without Java or Maven skip, but fail in CI."""
    with running(Cluster(3)) as made:
        yield made


class Deployment:
    """Engines, a feed and a witness on the cluster, all of it under way."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.world = World.made(folder, cluster.bootstrap, f"{uuid.uuid4()}.", request_timeout_s=3)
        file = folder / "config.yaml"
        content = yaml.safe_load(file.read_text())
        content["bus"]["replication"] = 3
        file.write_text(yaml.safe_dump(content))
        self.world.config = load(file)
        self.newest = Newest(self.world)
        self.witness = Witness(self.world.bus)

    async def run(self) -> AsyncIterator[None]:
        """Run until closed; then hold what must be true of all that was written."""
        world = self.world
        prefix = world.bus.log_name(Topic.TICKS).removesuffix(Topic.TICKS)
        patient = KafkaBus(self.cluster.bootstrap, prefix=prefix, request_timeout_ms=60_000)
        async with patient, world.bus:
            await patient.ensure_topics(dict.fromkeys(SHARDED, SHARDS), replication=3)
            works = (world.feed(1_000, 3), self.newest.run(), self.witness.run())
            tasks = [asyncio.create_task(work) for work in works]
            try:
                world.start("one")
                await self.goes_on()
                yield
                assert all(process.is_alive() for process in world.running.values())
                assert not any(task.done() for task in tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                world.end_all()
            assert await self.witness.missing(patient) == set()
            steps, marks = await world.committed()
            check(steps, marks, MARKETS)
            assert await replay(world.bus, world.config.markets, SHARDS, marks) == len(marks)

    async def goes_on(self) -> None:
        """Wait until every market has a new mark, and one more message was acknowledged."""
        await self.newest.all_fresh(time.monotonic())
        await self.witness.more()

    async def back(self, *brokers: Broker) -> None:
        """Start brokers again and wait until they have all that the others have."""
        for broker in brokers:
            await asyncio.to_thread(broker.start)
        for broker in brokers:
            await asyncio.to_thread(broker.wait)
        await asyncio.to_thread(self.whole)

    def whole(self) -> None:
        """Wait until every partition is on all three."""
        admin = AdminClient({"bootstrap.servers": self.cluster.bootstrap})
        deadline = time.monotonic() + DEADLINE_S
        while True:
            topics = admin.list_topics(timeout=10).topics.values()
            parts = [part for topic in topics for part in topic.partitions.values()]
            if parts and all(len(part.isrs) == 3 for part in parts):
                return
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.fixture
async def deployment(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Deployment]:
    """A deployment with nothing wrong yet; what must be true is held at its end."""
    made = Deployment(cluster, tmp_path)
    running_it = made.run()
    await anext(running_it)
    yield made
    with pytest.raises(StopAsyncIteration):
        await anext(running_it)


async def test_brokers_fail_in_turn_and_nothing_acknowledged_is_lost(
    deployment: Deployment,
) -> None:
    """Without one of three marks go on; without two writers are told, and go on afterwards.

    Then at random, for as long as `PLUMBLINE_BROKER_SECONDS` says: `make soak`.
    """
    first, second, _ = deployment.cluster.brokers
    first.kill()
    await deployment.goes_on()
    await deployment.back(first)
    second.fill(64 * 1024)
    assert await asyncio.to_thread(second.ended, DEADLINE_S)
    await deployment.goes_on()
    first.kill()
    await _without(deployment, first, second)
    await _at_random(deployment, time.monotonic() + SECONDS)


async def _without(deployment: Deployment, *away: Broker) -> None:
    """Two are away: nothing is acknowledged that one alone holds, and the error says who is."""
    witness, bus = deployment.witness, deployment.world.bus
    names = ", ".join(broker.bootstrap for broker in away)
    under_way = witness.number
    with pytest.raises(Retryable, match=f"2 of 3 brokers take no connection: {names}"):
        await bus.publish(Topic.RECEIPTS, [("x", receipt("x", 1))])
    assert max(witness.acknowledged) <= under_way
    await deployment.back(*away)
    await deployment.goes_on()


async def _at_random(deployment: Deployment, until_s: float) -> None:
    """One at a time, from a seed: killed, or standing still for a while."""
    rng = random.Random(SEED)
    while time.monotonic() < until_s:
        broker = rng.choice(deployment.cluster.brokers)
        if rng.random() < 0.5:
            broker.freeze()
            await asyncio.sleep(rng.uniform(1, 15))
            broker.thaw()
            await asyncio.to_thread(deployment.whole)
        else:
            broker.kill()
            await asyncio.sleep(rng.uniform(0, 10))
            await deployment.back(broker)
        await deployment.goes_on()
