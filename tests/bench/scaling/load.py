"""The load that the measurement brings: markets of forty sources, and their ticks."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any, Final, NamedTuple

import numpy as np

from oracle.bus.kafka import KafkaBus
from oracle.model.errors import Retryable
from oracle.model.ticks import MISSING, TickBatch
from oracle.model.topics import Topic

SOURCES: Final = 40
VENUES: Final = tuple(f"venue{at:02}" for at in range(SOURCES))
TICKS_A_MESSAGE: Final = 100
DEFAULTS: Final = {"mark": "index_only", "min_sources": 3, "min_origins": 3}
_MS: Final = 1_000_000
_IN_FLIGHT: Final = 64


class Load(NamedTuple):
    """So many markets of `SOURCES`, under so many ticks a second."""

    markets: int
    ticks_per_s: int

    def configuration(self) -> dict[str, Any]:
        """Return the markets as a configuration has them."""
        return {
            f"A{at:04}-USD": {
                "number": at,
                "sources": [{"source": f"{venue}:A{at:04}/USD"} for venue in VENUES],
            }
            for at in range(self.markets)
        }


class Ticks:
    """What forty venues send: a message is new quotes of a hundred of one venue's instruments."""

    def __init__(self, markets: int) -> None:
        draw = np.random.default_rng(1)
        self._names = [[f"{venue}:A{at:04}/USD" for at in range(markets)] for venue in VENUES]
        cents = draw.integers(10_000, 10_000_000, markets)
        self._cents = np.tile(cents, (SOURCES, 1))
        self._draw, self._turn = draw, 0

    def message(self, now_ns: int) -> TickBatch:
        """Return the next message."""
        venue = self._turn % SOURCES
        first = self._turn // SOURCES * TICKS_A_MESSAGE % len(self._names[venue])
        names = self._names[venue][first : first + TICKS_A_MESSAGE]
        self._turn += 1
        rows = len(names)
        cents = self._cents[venue, first : first + rows]
        cents += self._draw.integers(-3, 4, rows)
        received = np.full(rows, now_ns, "<i8")
        event = received // _MS * _MS - self._draw.integers(1, 60, rows) * _MS
        return TickBatch(
            tuple(names),
            np.arange(rows, dtype="<u2").tobytes(),
            np.full(rows, self._turn, "<i8").tobytes(),
            event.tobytes(),
            received.tobytes(),
            np.full(rows, -2, "i1").tobytes(),
            cents.astype("<i8").tobytes(),
            (cents + 1).astype("<i8").tobytes(),
            np.full(rows, MISSING, "<i8").tobytes(),
        )


class Sender:
    """Publishes at a load's rate."""

    def __init__(self, bus: KafkaBus, load: Load) -> None:
        self._bus, self._load, self._ticks = bus, load, Ticks(load.markets)

    async def run(self) -> None:
        """Send until cancelled; what an overloaded broker refuses is not sent again."""
        began, sent, sending = time.monotonic(), 0, set[asyncio.Task[None]]()
        while True:
            due = int((time.monotonic() - began) * self._load.ticks_per_s) - sent
            if due < TICKS_A_MESSAGE:
                await asyncio.sleep(0.005)
                continue
            message = self._ticks.message(time.time_ns())
            sent += len(message)
            sending.add(task := asyncio.create_task(self._publish(message)))
            task.add_done_callback(sending.discard)
            if len(sending) >= _IN_FLIGHT:
                await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)

    async def _publish(self, message: TickBatch) -> None:
        with suppress(Retryable):
            await self._bus.publish(Topic.TICKS, [("0", message)])
