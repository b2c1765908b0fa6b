"""What is killed: an archiver on Kafka, or one beside an embedded bus that is written to."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from oracle.archive.archiver import Archiver, Roll
from oracle.archive.layout import KINDS
from oracle.archive.metrics import ArchiveMetrics
from oracle.archive.store import Store
from oracle.bus.interface import Bus
from oracle.bus.kafka import KafkaBus
from oracle.bus.memory import MemoryBus
from tests.unit.archive.samples import MAKE, key_of

ROLL = Roll(rows=23, age_s=0.1)
RUN = 10**6
"""Numbers of one run's messages, at most."""


class Dying(Store):
    """A store whose process dies with its `at`-th write: before it, or once it is done."""

    def __init__(self, url: str, at: int | None, *, after: bool) -> None:
        super().__init__(url)
        self._left, self._after = at, after

    def put(self, path: str, data: bytes) -> None:
        """Write, and die when it is time."""
        dies = self._left == 0
        if dies and not self._after:
            os.kill(os.getpid(), signal.SIGKILL)
        super().put(path, data)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._left is not None:
            self._left -= 1


def on_kafka(
    bootstrap: str, prefix: str, folder: Path, at: int | None = None, after: bool = False
) -> None:
    """Archive until killed; tell that it began by a file."""
    bus = KafkaBus(bootstrap, prefix=prefix, request_timeout_ms=10_000)
    asyncio.run(_on_kafka(bus, Dying(str(folder), at, after=after)))


async def _on_kafka(bus: KafkaBus, store: Store) -> None:
    _quiet()
    async with bus:
        await _archiver(bus, store).run()


def in_memory(folder: Path, run: int) -> None:
    """Publish and archive in one process until killed."""
    asyncio.run(_in_memory(folder, run))


async def _in_memory(folder: Path, run: int) -> None:
    _quiet()
    bus = MemoryBus()
    archiving = asyncio.create_task(_archiver(bus, Store(str(folder))).run())
    for number in range(run * RUN, (run + 1) * RUN):
        for kind in KINDS:
            await bus.publish(kind, [(key_of(kind, number), MAKE[kind](number))])
        await asyncio.sleep(0.001)
        if archiving.done():
            await archiving


def _archiver(bus: Bus, store: Store) -> Archiver:
    return Archiver(bus, store, ArchiveMetrics(CollectorRegistry()), ROLL)


def _quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
