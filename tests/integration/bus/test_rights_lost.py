"""Rights taken from running roles: they go on trying, loudly, and are well once they are back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

import pytest
from prometheus_client import REGISTRY, CollectorRegistry

from oracle.bus.grants import Grants
from oracle.bus.kafka import KafkaBus
from oracle.cli.supervise import Supervisor
from oracle.model.errors import ConfigError
from oracle.model.fixed import Px
from oracle.model.messages import Mark
from oracle.model.ticks import Tick, pack
from oracle.model.topics import Topic
from oracle.node.metrics import NodeMetrics
from oracle.node.sharding import Shard
from oracle.node.shards import ShardHost
from oracle.node.stepper import Cadence, Stepper
from tests.engine_builders import market, source, spec
from tests.integration.bus.secured_site import Site

pytestmark = pytest.mark.kafka
MS: Final = 10**6
PREFIX: Final = "revoked."
ROLES: Final = ("feeds", "oracle", "api")
PART: Final = Shard(
    0, spec([market("X-USD", [source("a:X"), source("b:X")])]), frozenset(["X-USD"])
)
DEADLINE_S: Final = 90.0


class Roles:
    """A feed, an engine and a reader of marks, each as its own user, kept as the command does."""

    def __init__(self, buses: dict[str, KafkaBus]) -> None:
        self._buses = buses
        self.marked_ns = 0
        """Time of the newest mark that was read."""

    async def run(self) -> None:
        """Run until cancelled, or until something needs a person."""
        page = CollectorRegistry()
        metrics = NodeMetrics(page)

        async def step(_number: int) -> None:
            cadence = Cadence(50 * MS, MS)
            await Stepper(self._buses["oracle"], PART, cadence, metrics).run()

        host = ShardHost(self._buses["oracle"], "one", 1, step, metrics)
        services = {"feed": self._feed, "engines": host.run, "reader": self._read}
        await Supervisor(page).run(services)

    async def _feed(self) -> None:
        while True:
            now_ns = time.time_ns()
            ticks = [Tick(name, now_ns, now_ns, now_ns, last=Px(100, 0)) for name in ("a:X", "b:X")]
            await self._buses["feeds"].publish(Topic.TICKS, [("0", pack(ticks))])
            await asyncio.sleep(0.05)

    async def _read(self) -> None:
        async with self._buses["api"].subscribe(Topic.MARKS) as reader:
            while True:
                for record in await reader.take():
                    if isinstance(record.message, Mark) and record.message.index is not None:
                        self.marked_ns = record.message.time_ns


async def _until(holds: Callable[[], bool], running: asyncio.Task[None]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        if running.done():
            running.result()
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def _lost(call: str) -> bool:
    return REGISTRY.get_sample_value("plumbline_bus_right_lost", {"call": call}) == 1


@pytest.fixture
async def buses(site: Site) -> AsyncIterator[dict[str, KafkaBus]]:
    """A bus for each role; what has worked for half a second counts as its right."""
    own = site.of(PREFIX)
    await asyncio.to_thread(own.give_rights)
    made = {role: own.bus(role, Grants(lambda: 20 * time.monotonic())) for role in ROLES}
    async with made["feeds"], made["oracle"], made["api"]:
        yield made


async def test_rights_taken_away_and_given_back(site: Site, buses: dict[str, KafkaBus]) -> None:
    """No process ends, each call that is refused is shown; to give the rights back is enough."""
    own = site.of(PREFIX)
    calls = ("publish to revoked.ticks", "take revoked.marks")
    engines = ("commit a step", "read revoked.ticks", "take revoked.controls")
    roles = Roles(buses)
    running = asyncio.create_task(roles.run())
    try:
        await _until(lambda: roles.marked_ns > 0, running)
        settled_ns = time.time_ns() + 2 * 10**9
        await _until(lambda: roles.marked_ns > settled_ns, running)
        await asyncio.to_thread(own.revoke, *ROLES)
        await _until(lambda: all(map(_lost, calls)) and any(map(_lost, engines)), running)
        await _a_newcomer_is_refused(own)
        await asyncio.to_thread(own.give_rights)
        back_ns = time.time_ns()
        await _until(lambda: roles.marked_ns > back_ns, running)
        await _until(lambda: not any(map(_lost, calls + engines)), running)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _a_newcomer_is_refused(own: Site) -> None:
    """Require that who starts without the right ends at once, told which it lacks."""
    tick = Tick("a:X", 1, 1, 1, last=Px(100, 0))
    with pytest.raises(ConfigError, match=r"user 'feeds' may not write topic revoked\.ticks"):
        async with own.bus("feeds") as bus:
            await bus.publish(Topic.TICKS, [("0", pack([tick]))])
