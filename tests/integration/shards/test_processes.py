"""Engines as processes: killed at any moment, coming and going, and one history all the same."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from deploy.kafka.broker import Broker
from tests.integration.shards.history import check, longest_gap_s, replay
from tests.integration.shards.watching import Newest, until
from tests.integration.shards.world import MARKETS, SHARDS, World

pytestmark = pytest.mark.kafka
SECONDS = float(os.environ.get("PLUMBLINE_KILL_SECONDS", "30"))
SEED = int(os.environ.get("PLUMBLINE_KILL_SEED", "7"))
LONGEST_GAP_S = 5.0
"""Without a mark, while engines come and go in order."""

_log = structlog.get_logger(__name__)


@pytest.fixture
async def world(broker: Broker, tmp_path: Path) -> AsyncIterator[World]:
    """A deployment with ticks under way."""
    made = World.made(tmp_path, broker.bootstrap, f"{uuid.uuid4()}.")
    async with made.bus:
        await made.make_topics()
        feeding = asyncio.create_task(made.feed(2_000, SEED))
        try:
            yield made
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            made.end_all()


async def test_processes_killed_at_any_moment_leave_one_history(world: World) -> None:
    """No mark twice, none missing between two steps, and a replay gives the same bytes."""
    rng = random.Random(SEED)
    newest = Newest(world)
    following = asyncio.create_task(newest.run())
    for name in ("one", "two"):
        world.start(name)
    await newest.all_fresh(0)
    deadline = time.monotonic() + SECONDS
    kills = 0
    while time.monotonic() < deadline:
        await asyncio.sleep(rng.uniform(0.5, 4.0))
        name = rng.choice(sorted(world.running))
        world.kill(name)
        kills += 1
        await asyncio.sleep(rng.choice((0.0, 0.5, 4.0)))
        world.start(name)
    await newest.all_fresh(time.monotonic())
    for name in list(world.running):
        world.end(name)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    steps, marks = await world.committed()
    assert kills > 0
    check(steps, marks, MARKETS)
    same = await replay(world.bus, world.config.markets, SHARDS, marks)
    _log.info("killed", kills=kills, steps=len(steps), marks=same, gap_s=longest_gap_s(marks))


async def test_engines_come_and_go_and_no_market_is_long_without_a_mark(world: World) -> None:
    """From one process to three and back under load: every shard is always somebody's."""
    newest = Newest(world)
    following = asyncio.create_task(newest.run())
    world.start("one")
    await newest.all_fresh(0)
    for name in ("two", "three"):
        world.start(name)
        await until(lambda started=name: world.has_share(started))
        await newest.all_fresh(time.monotonic())
    for name in ("one", "two"):
        world.end(name)
        await newest.all_fresh(time.monotonic())
    world.end("three")
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    steps, marks = await world.committed()
    check(steps, marks, MARKETS)
    gap_s = longest_gap_s(marks)
    _log.info("came_and_went", steps=len(steps), marks=len(marks), gap_s=gap_s)
    assert gap_s < LONGEST_GAP_S


async def test_an_owner_that_slept_is_shut_out_when_it_wakes(world: World) -> None:
    """It wakes in the middle of a step, in good faith, and commits nothing more of its shards."""
    newest = Newest(world)
    following = asyncio.create_task(newest.run())
    for name in ("one", "two"):
        world.start(name)
    await newest.all_fresh(0)
    for _ in range(2):
        world.signal("one", signal.SIGSTOP)
        await newest.all_fresh(time.monotonic() + 3.0)
        world.signal("one", signal.SIGCONT)
        await newest.all_fresh(time.monotonic() + 1.0)
    assert all(process.is_alive() for process in world.running.values())
    world.end_all()
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    steps, marks = await world.committed()
    check(steps, marks, MARKETS)
    assert await replay(world.bus, world.config.markets, SHARDS, marks) == len(marks)
