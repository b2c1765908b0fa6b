"""One shard under load: what is sent, what comes of it, and when."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from oracle.bus.interface import Start
from oracle.bus.kafka import KafkaBus
from oracle.cli.bench_pipeline_engine import MARKETS, SOURCES
from oracle.model.messages import StepManifest
from oracle.model.ticks import MISSING, TickBatch
from oracle.model.topics import Topic

IN_FLIGHT: Final = 64
"""Writes that are under way; more wait, and their ticks grow old meanwhile."""
AT_ONCE: Final = 200
"""Messages in one write."""
DRAIN_S: Final = 10.0
"""What is in no mark so long after the last tick was sent counts as lost."""
SETTLE_S: Final = 120.0
_LOOK_S: Final = 0.02


class Source:
    """Makes tick messages of all sources in turn, as columns: what a feed has after parsing.

    Every message has `size` ticks, which must divide the number of sources.
    """

    def __init__(self, size: int) -> None:
        if MARKETS * SOURCES % size:
            raise ValueError(f"{MARKETS * SOURCES} sources are not whole messages of {size}")
        names = [f"v{at}:M{number}/USD" for at in range(SOURCES) for number in range(MARKETS)]
        self._parts = [tuple(names[at : at + size]) for at in range(0, len(names), size)]
        self._turn = 0
        self._draw = np.random.default_rng(1)

    def message(self, received_ns: int) -> TickBatch:
        """Return the next message: quotes received then."""
        names = self._parts[self._turn % len(self._parts)]
        self._turn += 1
        rows = len(names)
        bids = 1_000_000 + self._draw.integers(-500, 500, rows)
        times = np.full(rows, received_ns, "<i8").tobytes()
        return TickBatch(
            names,
            np.arange(rows, dtype="<u2").tobytes(),
            times,
            times,
            times,
            np.full(rows, -2, "i1").tobytes(),
            bids.astype("<i8").tobytes(),
            (bids + 10).astype("<i8").tobytes(),
            np.full(rows, MISSING, "<i8").tobytes(),
        )


@dataclass
class Book:
    """When each message was received, by its offset, and when a step with it was seen."""

    offset: int
    """Of the first message."""
    received_ns: list[int] = field(default_factory=list)
    ticks: list[int] = field(default_factory=list)
    seen_ns: list[int] = field(default_factory=list)
    taken: int = 0

    def sent(self, received_ns: int, ticks: int) -> None:
        """Note a message, in the order of the log."""
        self.received_ns.append(received_ns)
        self.ticks.append(ticks)

    def step(self, manifest: StepManifest, now_ns: int) -> None:
        """Note a step that a reader sees now."""
        self.taken += manifest.ticks
        until = min(manifest.tick_offsets[0] - self.offset, len(self.received_ns))
        self.seen_ns += [now_ns] * (until - len(self.seen_ns))

    @property
    def waiting(self) -> int:
        """Messages that no step has taken."""
        return len(self.received_ns) - len(self.seen_ns)

    @property
    def lost(self) -> int:
        """Ticks that are in no step."""
        return sum(self.ticks) - self.taken

    def late_ms(self, quantile: float) -> float:
        """Return how late ticks were, each counted; of those that were seen."""
        known = len(self.seen_ns)
        late = (np.array(self.seen_ns) - np.array(self.received_ns[:known])) / 1e6
        return float(np.quantile(np.repeat(late, self.ticks[:known]), quantile)) if known else 0.0

    def row(self, took_s: float) -> dict[str, float]:
        """Return the figures of a load that lasted so long."""
        return {
            "ticks_per_s": sum(self.ticks) / took_s,
            "p50_ms": self.late_ms(0.5),
            "p99_ms": self.late_ms(0.99),
            "lost": self.lost,
        }


class Run:
    """Sends to one deployment, and reads what it commits."""

    def __init__(self, bus: KafkaBus) -> None:
        self._bus = bus
        self._offset = self._stepped = 0
        self._book = Book(0)

    async def at(self, rate: int, size: int, seconds: float) -> dict[str, float]:
        """Send so many ticks a second; return the figures of what came of them.

        A tick is received when it is due by the rate, also where the sender is late: its delay is
        a part of what is measured.
        """
        self._book = book = Book(self._offset)
        source, sending = Source(size), set[asyncio.Task[None]]()
        began_ns, last = time.time_ns(), int(rate * seconds)
        due_ns = deque(began_ns + at * 10**9 // rate for at in range(size, last + 1, size))
        while due_ns:
            wait_s = (due_ns[0] - time.time_ns()) / 1e9
            if wait_s > 0:
                await asyncio.sleep(wait_s)
                continue
            messages: list[TickBatch] = []
            while due_ns and due_ns[0] <= time.time_ns() and len(messages) < AT_ONCE:
                messages.append(source.message(due_ns[0]))
                book.sent(due_ns.popleft(), len(messages[-1]))
            self._offset += len(messages)
            sending.add(task := asyncio.create_task(self._publish(messages)))
            task.add_done_callback(sending.discard)
            await asyncio.sleep(0)
            if len(sending) > IN_FLIGHT:
                await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
        took_s = (time.time_ns() - began_ns) / 1e9
        await asyncio.gather(*sending)
        deadline = time.monotonic() + DRAIN_S
        while book.waiting and time.monotonic() < deadline:  # noqa: ASYNC110 - a count
            await asyncio.sleep(_LOOK_S)
        return book.row(took_s)

    async def settle(self) -> None:
        """Wait until nothing of an overload is left to step."""
        deadline = time.monotonic() + SETTLE_S
        while self._stepped < self._offset and time.monotonic() < deadline:  # noqa: ASYNC110 - a count
            await asyncio.sleep(_LOOK_S)

    async def _publish(self, messages: list[TickBatch]) -> None:
        await self._bus.publish(Topic.TICKS, [("0", message) for message in messages])

    async def follow(self) -> None:
        """Read steps until cancelled."""
        async with self._bus.subscribe(Topic.STEPS, start=Start.TAIL) as reader:
            while True:
                for record in await reader.take():
                    if isinstance(record.message, StepManifest):
                        self._stepped = record.message.tick_offsets[0]
                        self._book.step(record.message, time.time_ns())
