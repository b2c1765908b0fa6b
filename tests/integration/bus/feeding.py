"""A feed process's half of the bus under load: what it sends, and what comes out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry

from feeds.metrics import FeedMetrics
from feeds.outbox import outboxes
from oracle.bus.interface import Start
from oracle.bus.kafka import KafkaBus
from oracle.model.errors import Retryable
from oracle.model.fixed import Px
from oracle.model.ticks import Tick, TickBatch, pack
from oracle.model.topics import Topic
from tests.integration.bus.witness import Witness

DEADLINE_S: Final = 120.0
SOURCES: Final = [f"venue{at % 4}:M{at}/USD" for at in range(50)]
TICKS_PER_S: Final = 2_000
LATE_NS: Final = 10 * 10**9


class Feeding:
    """An outbox with ticks coming in, a witness, and a reader; nobody of them may end.

    `patient` is for what is read afterwards, and gives a loaded machine's broker more time.
    """

    def __init__(self, bus: KafkaBus, patient: KafkaBus) -> None:
        self.bus: Final = bus
        self.patient: Final = patient
        self.page: Final = CollectorRegistry()
        (self.box,) = outboxes(1, LATE_NS, time.time_ns, FeedMetrics(self.page))
        self.witness: Final = Witness(bus)
        self.newest: Final[dict[str, int]] = {}
        """Of each source, what has come out at the other end."""
        self.number = 0
        self._tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run all of it."""
        async with self.bus:
            works = (self._tick, self._send, self._follow, self.witness.run)
            self._tasks = [asyncio.create_task(work(), name=work.__name__) for work in works]
            try:
                yield
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    def bring(self, count: int) -> None:
        """Have the venues say `count` prices, each source in its turn."""
        now_ns = time.time_ns()
        self.box.put(
            [
                Tick(SOURCES[at % len(SOURCES)], at, now_ns, now_ns, last=Px(at, 0))
                for at in range(self.number, self.number + count)
            ]
        )
        self.number += count

    async def flowing(self) -> None:
        """Wait until a price of every source that is said from now on has come out."""
        said = self.number
        await self.until(
            lambda: (
                len(self.newest)
                == len(SOURCES)
                <= sum(number >= said for number in self.newest.values())
            )
        )

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds; nobody may end meanwhile."""
        deadline = time.monotonic() + DEADLINE_S
        while not holds():
            for task in self._tasks:
                if task.done():
                    raise AssertionError(f"{task.get_name()} ended") from task.exception()
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    def failed(self, fault: str) -> float:
        """Return how many writes have failed so, by the metric."""
        names = (self.bus.log_name(topic) for topic in (Topic.TICKS, Topic.RECEIPTS))
        found = (
            REGISTRY.get_sample_value(
                "plumbline_bus_writes_failed_total", {"topic": name, "fault": fault}
            )
            for name in names
        )
        return sum(value or 0.0 for value in found)

    async def whole(self) -> None:
        """Go on with new prices and messages; then nothing acknowledged is missing or disordered.

        What was sent twice counts where it came first.
        """
        await self.flowing()
        await self.witness.more()
        assert await self.witness.missing(self.patient) == set()
        assert await self._disorder() == []

    async def _disorder(self) -> list[str]:
        """Return the sources whose ticks are not in their order in the log."""
        first: dict[str, dict[int, None]] = {}
        async with self.patient.subscribe(Topic.TICKS, start=Start.EARLIEST) as reader:
            while not await reader.caught_up():
                for record in await reader.take(timeout_s=0.5):
                    assert isinstance(record.message, TickBatch)
                    for tick in record.message.ticks():
                        first.setdefault(tick.source, {})[tick.sequence] = None
        return [source for source, numbers in first.items() if list(numbers) != sorted(numbers)]

    async def _tick(self) -> None:
        began, said = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - began) * TICKS_PER_S)
            self.bring(due - said)
            said = due
            await asyncio.sleep(0.01)

    async def _send(self) -> None:
        async def send(ticks: Sequence[Tick]) -> None:
            await self.bus.publish(Topic.TICKS, [("0", pack(ticks))])

        await self.box.run(send)

    async def _follow(self) -> None:
        """Read ticks as an engine would; a bus that is away is waited for."""
        while True:
            try:
                async with self.bus.subscribe(Topic.TICKS) as reader:
                    while True:
                        for record in await reader.take():
                            self._take(record.message)
            except Retryable:
                await asyncio.sleep(0.2)

    def _take(self, message: object) -> None:
        assert isinstance(message, TickBatch)
        for tick in message.ticks():
            self.newest[tick.source] = max(tick.sequence, self.newest.get(tick.source, -1))
