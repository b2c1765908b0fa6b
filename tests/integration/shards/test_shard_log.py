"""One shard's log on a real broker: whole steps, one owner, and a past that can be taken again."""

from __future__ import annotations

import asyncio
import time

import pytest
from prometheus_client import CollectorRegistry

from oracle.bus.interface import Start
from oracle.bus.kafka import KafkaBus
from oracle.bus.shards import ShardLost
from oracle.model.fixed import Px
from oracle.model.messages import Mark, StepManifest
from oracle.model.ticks import Tick, pack
from oracle.model.topics import Topic
from oracle.node.metrics import NodeMetrics
from oracle.node.recovery import recover
from oracle.node.sharding import Shard
from oracle.node.stepper import Cadence, Stepper
from tests.engine_builders import market, source, spec

pytestmark = pytest.mark.kafka
MS = 10**6
PART = Shard(1, spec([market("X-USD", [source("a:X"), source("b:X")])]), frozenset(["X-USD"]))
DEADLINE_S = 240.0


def stepper(bus: KafkaBus) -> Stepper:
    """Return an engine on shard 1."""
    return Stepper(bus, PART, Cadence(20 * MS, MS), NodeMetrics(CollectorRegistry()))


async def feed(bus: KafkaBus) -> None:
    """Publish a tick of each source again and again."""
    at = 0
    while True:
        now_ns, at = time.time_ns(), at + 1
        ticks = [
            Tick(name, now_ns + at, now_ns, now_ns, last=Px(10_000 + at % 100, -2))
            for name in ("a:X", "b:X")
        ]
        await bus.publish(Topic.TICKS, [("1", pack(ticks))])
        await asyncio.sleep(0.01)


async def committed(bus: KafkaBus) -> tuple[list[StepManifest], list[Mark]]:
    """Return all steps and marks that readers see."""
    steps: list[StepManifest] = []
    marks: list[Mark] = []
    async with bus.subscribe(Topic.STEPS, Topic.MARKS, start=Start.EARLIEST) as reader:
        while not await reader.caught_up():
            for record in await reader.take(timeout_s=0.5):
                if isinstance(record.message, StepManifest):
                    steps.append(record.message)
                elif isinstance(record.message, Mark):
                    marks.append(record.message)
    return steps, marks


async def stepped(bus: KafkaBus, owner: asyncio.Task[None], more: int = 10) -> None:
    """Wait until so many more steps are committed; raise what ended their owner."""
    deadline = time.monotonic() + DEADLINE_S
    wanted = len((await committed(bus))[0]) + more
    while len((await committed(bus))[0]) < wanted:
        if owner.done():
            await owner
        assert time.monotonic() < deadline


async def test_who_takes_a_shard_over_shuts_the_owner_before_it_out(bus: KafkaBus) -> None:
    """Two engines never step one shard: the first ends as lost, and no step is missing or twice."""
    feeding = asyncio.create_task(feed(bus))
    owners = [asyncio.create_task(stepper(bus).run())]
    try:
        await stepped(bus, owners[0])
        owners.append(asyncio.create_task(stepper(bus).run()))
        with pytest.raises(ShardLost):
            async with asyncio.timeout(DEADLINE_S):
                await owners[0]
        await stepped(bus, owners[1])
        assert not owners[1].done()
    finally:
        for task in (feeding, *owners):
            task.cancel()
        await asyncio.gather(feeding, *owners, return_exceptions=True)
    log = bus.shard_log(1)
    async with log:  # which ends what the second had begun to commit
        at = await recover(log, PART.spec, PART.markets, time.time_ns())
    steps, marks = await committed(bus)
    assert [step.sequence for step in steps] == list(range(1, len(steps) + 1))
    assert [mark.sequence for mark in marks] == [step.sequence for step in steps]
    taken = [step.tick_offsets for step in steps[:-1]]
    assert taken == [step.tick_starts for step in steps[1:]]
    assert at.engine.sequence == steps[-1].sequence
    assert at.history == steps[-1].history
