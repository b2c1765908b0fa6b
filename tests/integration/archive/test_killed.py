"""`kill -9` of the archiver at any moment: nothing is lost, and nothing written twice."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import uuid
from collections import defaultdict
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from deploy.kafka.broker import Broker
from oracle.archive.catalogue import Catalogue
from oracle.archive.layout import KINDS
from oracle.archive.rows import messages_in
from oracle.archive.store import Store
from oracle.bus.interface import Start
from oracle.bus.kafka import KafkaBus
from oracle.model.messages import encode
from oracle.model.topics import SHARDED, Topic
from tests.integration.archive import child
from tests.kafka_broker import make_topics
from tests.unit.api.samples import until
from tests.unit.archive.samples import MAKE, key_of

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.integration.archive.child"])
DEADLINE_S = 300.0
Content = dict[tuple[Topic, int], list[tuple[int, bytes]]]
"""By topic and partition: offsets and bytes."""


def archived(folder: Path) -> Content:
    """Return all that manifests name, in the order of offsets; twice what is there twice."""
    store, found = Store(str(folder)), defaultdict(list)
    catalogue = Catalogue(store)
    for kind in KINDS:
        for piece in catalogue.pieces(kind):
            assert piece.is_whole, "parts of one archiver after another do not overlap"
            read = messages_in(store, kind, [piece])
            found[kind, piece.part.partition] += [(at, encode(message)) for at, message in read]
    return found


def manifests(folder: Path) -> int:
    """Return how many there are."""
    return len(list(folder.rglob("*.json")))


async def in_log(bus: KafkaBus) -> Content:
    """Return all that the log has."""
    found: Content = defaultdict(list)
    async with bus.subscribe(*KINDS, start=Start.EARLIEST) as reader:
        while not await reader.caught_up():
            for record in await reader.take():
                place = (record.topic, record.partition)
                found[place].append((record.offset, encode(record.message)))
    return found


class Feed:
    """Publishes numbered messages of every kind until it is stopped."""

    def __init__(self, bus: KafkaBus) -> None:
        self.number = 0
        self._bus = bus

    async def publish(self, count: int) -> None:
        """Publish some."""
        for kind in KINDS:
            numbers = range(self.number, self.number + count)
            await self._bus.publish(kind, [(self._key(kind, n), MAKE[kind](n)) for n in numbers])
        self.number += count

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            await self.publish(10)
            await asyncio.sleep(0.02)

    @staticmethod
    def _key(kind: Topic, number: int) -> str:
        return str(number % 2) if kind is Topic.TICKS else key_of(kind, number)


def _count(content: Content) -> int:
    return sum(map(len, content.values()))


async def _until_killed(process: BaseProcess) -> None:
    await asyncio.to_thread(process.join, DEADLINE_S)
    assert process.exitcode == -9


async def _complete(bus: KafkaBus, folder: Path, arguments: tuple[str, str, Path]) -> None:
    """Let one archiver go on until it has all, and compare."""
    wanted = await in_log(bus)
    process = CONTEXT.Process(target=child.on_kafka, args=arguments)
    process.start()
    try:
        await until(lambda: _count(archived(folder)) >= _count(wanted), DEADLINE_S)
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
    assert archived(folder) == wanted


@pytest.mark.kafka
async def test_killed_at_seeded_moments_under_load(broker: Broker, tmp_path: Path) -> None:
    """On a real broker, with messages coming all along: in the end every offset is there once."""
    rng, prefix = random.Random(6), f"{uuid.uuid4()}."
    arguments = (broker.bootstrap, prefix, tmp_path)
    async with KafkaBus(broker.bootstrap, prefix=prefix) as bus:
        await make_topics(bus, dict.fromkeys(SHARDED, 2))
        feeding = asyncio.create_task(Feed(bus).run())
        parts = 0
        for _ in range(6):
            process = CONTEXT.Process(target=child.on_kafka, args=arguments)
            process.start()
            await until(lambda: manifests(tmp_path) > parts, DEADLINE_S)  # noqa: B023 - runs here
            parts = manifests(tmp_path)
            await asyncio.sleep(rng.random() * 0.5)
            process.kill()
            await _until_killed(process)
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        await _complete(bus, tmp_path, arguments)


@pytest.mark.kafka
async def test_killed_at_every_write(broker: Broker, tmp_path: Path) -> None:
    """Before and after each of the first parts and manifests, the ones most easily got wrong."""
    prefix = f"{uuid.uuid4()}."
    arguments = (broker.bootstrap, prefix, tmp_path)
    async with KafkaBus(broker.bootstrap, prefix=prefix) as bus:
        await make_topics(bus, dict.fromkeys(SHARDED, 2))
        feed = Feed(bus)
        for at in range(4):
            for after in (False, True):
                await feed.publish(30)
                process = CONTEXT.Process(target=child.on_kafka, args=(*arguments, at, after))
                process.start()
                await _until_killed(process)
        await _complete(bus, tmp_path, arguments)


async def test_killed_beside_an_embedded_bus(tmp_path: Path) -> None:
    """Of each run the archive has a beginning without a hole: what came later died with the bus."""
    rng, runs = random.Random(7), 5
    for run in range(runs):
        enough = manifests(tmp_path) + 10
        process = CONTEXT.Process(target=child.in_memory, args=(tmp_path, run))
        process.start()
        await until(lambda: manifests(tmp_path) >= enough, DEADLINE_S)  # noqa: B023 - runs here
        await asyncio.sleep(rng.random() * 0.3)
        process.kill()
        await _until_killed(process)
    store, seen = Store(str(tmp_path)), set()
    for kind in set(KINDS) - {Topic.SNAPSHOTS}:  # of which memory keeps the newest few only
        by_log: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
        for piece in Catalogue(store).pieces(kind):
            read = messages_in(store, kind, [piece])
            by_log[piece.part.log] += [(at, encode(message)) for at, message in read]
        for content in by_log.values():
            run = next(
                run for run in range(runs) if encode(MAKE[kind](run * child.RUN)) == content[0][1]
            )
            seen.add((kind, run))
            assert content == [
                (at, encode(MAKE[kind](run * child.RUN + at))) for at in range(len(content))
            ]
    assert {run for _, run in seen} == set(range(runs))
