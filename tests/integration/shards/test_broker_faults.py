"""Engines whose broker dies under them: they wait, go on, and leave one history."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.kafka.broker import Broker
from tests.integration.shards.history import check, replay
from tests.integration.shards.watching import Newest
from tests.integration.shards.world import MARKETS, SHARDS, World
from tests.kafka_broker import running

pytestmark = pytest.mark.kafka


@pytest.fixture
def mortal() -> Iterator[Broker]:
    """A broker of the test's own; without Java or Maven skip, but fail in CI."""
    with running(Broker()) as made:
        yield made


async def test_a_broker_that_dies_and_comes_back_costs_no_mark(
    mortal: Broker, tmp_path: Path
) -> None:
    """What was committed stays, what was not is stepped once, and nobody starts anything anew."""
    world = World.made(tmp_path, mortal.bootstrap, f"{uuid.uuid4()}.")
    newest = Newest(world)
    async with world.bus:
        await world.make_topics()
        tasks = [asyncio.create_task(world.feed(1_000, 3)), asyncio.create_task(newest.run())]
        try:
            for name in ("one", "two"):
                world.start(name)
            await newest.all_fresh(0)
            for away_s in (0.0, 4.0):
                mortal.kill()
                await asyncio.sleep(away_s)
                await asyncio.to_thread(mortal.restart)
                await newest.all_fresh(time.monotonic())
            assert all(process.is_alive() for process in world.running.values())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            world.end_all()
        steps, marks = await world.committed()
        check(steps, marks, MARKETS)
        assert await replay(world.bus, world.config.markets, SHARDS, marks) == len(marks)
