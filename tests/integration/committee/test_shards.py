"""A committee whose members' engines are in shards, one member's shared by processes over Kafka."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.kafka.broker import Broker
from tests.integration.committee.sharded import ShardedCluster
from tests.integration.shards.world import World
from tests.kafka_broker import running

ALL = tuple(range(7))
ON_KAFKA = 6


@pytest.fixture
def broker() -> Iterator[Broker]:
    """A broker; without Java or Maven skip, but fail in CI."""
    with running(Broker()) as started:
        yield started


@pytest.mark.kafka
async def test_a_shard_that_dies_at_one_member_worsens_no_report(
    broker: Broker, tmp_path: Path
) -> None:
    """Its markets are MISSING at that member alone until somebody steps them again."""
    world = World.made(tmp_path, broker.bootstrap, f"{uuid.uuid4()}.")
    seven = ShardedCluster(world)
    async with world.bus:
        await world.make_topics()
        try:
            for name in ("one", "two"):
                world.start(name)
            seven.start_all()
            await seven.valid_while(lambda: not any(seven.member(n).missing for n in ALL), *ALL)

            first, on_kafka = seven.member(0), seven.member(ON_KAFKA)
            first.stepped.remove(1)
            await seven.until(lambda: 1 in first.missing, "member 0 says that shard 1 is missing")
            await seven.valid_while(lambda: 1 in first.missing, *ALL)
            first.stepped.add(1)
            await seven.until(lambda: not first.missing, "member 0 has all of its shards again")

            world.kill("one")
            await seven.until(lambda: bool(on_kafka.missing), "some shards are missing on Kafka")
            await seven.until(lambda: not on_kafka.missing, "the other process has taken them")
            await seven.valid_while(lambda: not on_kafka.missing, *ALL)
        finally:
            for member in seven.members.values():
                await member.stop()
            world.end_all()
