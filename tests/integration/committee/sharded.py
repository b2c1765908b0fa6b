"""Seven members whose engines are in four shards; one is on Kafka, stepped by two processes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, Final

from oracle.bus.interface import Bus
from oracle.bus.memory import MemoryBus
from oracle.committee.rounds.rules import AcceptedConfig, Rules
from oracle.committee.running.node import Node
from oracle.committee.running.observer import Observer
from oracle.committee.steps import View
from oracle.config.root import Config
from oracle.model.errors import Retryable
from oracle.model.fixed import Px
from oracle.model.messages import Mark, StepManifest
from oracle.model.ticks import Tick, pack
from oracle.model.topics import SHARDED, Topic
from oracle.model.validity import BreakerState, Validity
from oracle.node.sharding import Router
from oracle.report.word import shard_of
from tests.integration.committee.nodes import COMMITTEE, CONFIG, Cluster, Running
from tests.integration.shards.world import MARKETS, SHARDS, World

SLOT_MS: Final = 800
VIEW_MS: Final = 400
_PRICE_E2: Final = 10_000
_PAUSE_S: Final = 0.1


class Watched(Observer):
    """An observer whose views a test looks at."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.missing: frozenset[int] = frozenset()
        """Shards whose markets the newest view lacks."""
        self.views = 0

    async def step(self, view: View) -> None:
        """Remember what is missing, and go on."""
        self.views += 1
        self.missing = frozenset(
            mark.number // 4 % SHARDS for mark in view.marks if mark.validity is Validity.MISSING
        )
        await super().step(view)


class ShardedNode(Node):
    """A member that is watched."""

    observer_class = Watched


class Sharded(Running):
    """A member on a bus of its own. In memory its shards' steps are made up, on Kafka real."""

    def __init__(self, number: int, cluster: ShardedCluster, bus: Bus) -> None:
        markets = cluster.config.markets
        numbers = {name: market.number for name, market in markets.items()}
        self._parts: Final = [
            {name: at for name, at in numbers.items() if shard_of(at, SHARDS) == shard}
            for shard in range(SHARDS)
        ]
        self._router: Final = Router(markets, SHARDS)
        self._sources: Final = [entry.source for m in markets.values() for entry in m.sources]
        self.stepped: set[int] = set(range(SHARDS))
        """The shards that somebody steps, on a bus in memory."""

        def make(_bus: Bus, rules: Any, seat: Any, files: Any, _: Any, *more: Any) -> Node:
            return ShardedNode(bus, rules, seat, files, numbers, *more, shards=SHARDS)

        cluster.makers[number] = make
        super().__init__(number, cluster, CONFIG)
        self.bus = bus  # type: ignore[assignment] - of either kind, as the node takes it

    @property
    def missing(self) -> frozenset[int]:
        """Shards whose markets this member does not have now."""
        observer: Any = self.node._observer
        return frozenset(observer.missing)

    def start(self) -> None:
        """Run the node, its engines, and the reader of its reports."""
        engines = self._steps if isinstance(self.bus, MemoryBus) else self._feed
        self._tasks = [asyncio.create_task(loop()) for loop in (self.node.run, engines, self._read)]

    async def _steps(self) -> None:
        """Publish a step of every shard at the beginning of every view."""
        sequence, view_ns = 0, VIEW_MS * 10**6
        while True:
            await asyncio.sleep((view_ns - time.time_ns() % view_ns) / 1e9 + 0.001)
            sequence, now_ns = sequence + 1, time.time_ns()
            for shard in self.stepped:
                manifest = StepManifest(str(shard), sequence, now_ns, 1, {shard: sequence}, {}, {})
                await self.bus.publish(Topic.STEPS, [(str(shard), manifest)])
                marks = [
                    self._valid(name, at, sequence, now_ns)
                    for name, at in self._parts[shard].items()
                ]
                await self.bus.publish(Topic.MARKS, [(mark.market, mark) for mark in marks])

    def _valid(self, market: str, number: int, sequence: int, now_ns: int) -> Mark:
        price = self._price(market)
        return Mark(
            market, number, sequence, now_ns, Validity.VALID, "", BreakerState.NORMAL,
            price, price, None, 5_000, 0, now_ns, now_ns, (),
        )  # fmt: skip

    async def _feed(self) -> None:
        """Quote every source ten times a second for real engines."""
        while True:
            now_ns = time.time_ns()
            ticks = [
                Tick(name, now_ns, now_ns, now_ns, last=self._price(name.partition(":")[2]))
                for name in self._sources
            ]
            pairs = [(str(at), pack(part)) for at, part in self._router.divide(ticks).items()]
            with contextlib.suppress(Retryable):  # a busy machine: the next ones come soon
                await self.bus.publish(Topic.TICKS, pairs)
            await asyncio.sleep(_PAUSE_S)

    def _price(self, name: str) -> Px:
        """A dollar for the currency that others convert through, else a hundred and our cents."""
        return Px(_PRICE_E2, -4) if name.startswith("USDT") else Px(_PRICE_E2 + self.number, -2)

    def wholly_valid(self, since: int) -> int:
        """Return how many reports from the `since`-th on have every market VALID."""
        return sum(
            all(entry.validity is Validity.VALID for entry in entries)
            for entries in map(_entries, self.reports[since:])
        )


def _entries(report: Any) -> list[Any]:
    leaves = COMMITTEE.verify(report.body).leaves
    return [entry for leaf in leaves for entry in leaf.decoded().entries][:MARKETS]


class ShardedCluster(Cluster):
    """Seven of them; the last is on Kafka, its engines are the world's processes."""

    def __init__(self, world: World) -> None:
        super().__init__(world.folder)
        self.config: Final[Config] = world.config
        self._world: Final = world

    def rules(self, config: bytes) -> Rules:
        """Return rules with time for real engines on a busy machine."""
        return Rules(COMMITTEE, (AcceptedConfig(config),), SLOT_MS, VIEW_MS)

    def member(self, number: int) -> Sharded:
        """Return one that was started."""
        found = self.members[number]
        assert isinstance(found, Sharded)
        return found

    def start_all(self) -> None:
        """Start everybody."""
        for number in range(7):
            bus = (
                self._world.bus
                if number == 6
                else MemoryBus(partitions=dict.fromkeys(SHARDED, SHARDS))
            )
            self.members[number] = Sharded(number, self, bus)
            self.members[number].start()

    async def valid_while(self, holds: Callable[[], bool], *numbers: int, count: int = 3) -> None:
        """Wait until these have published reports that are valid throughout while something held.

        A report that another member's slowness made worse does not count, nor against it.
        """
        found = dict.fromkeys(numbers, 0)
        before = {n: self.published(n) for n in numbers}

        def enough() -> bool:
            held = holds()
            for number in numbers:
                since, before[number] = before[number], self.published(number)
                if held:
                    found[number] += self.member(number).wholly_valid(since)
            return all(seen >= count for seen in found.values())

        await self.until(enough, f"{count} reports, all VALID, of each of {numbers}: {found}")
