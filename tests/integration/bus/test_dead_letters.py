"""What does not decode, on a real broker: set aside with its place, and nothing stops for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import yaml
from aiokafka import AIOKafkaProducer
from prometheus_client import REGISTRY, CollectorRegistry
from typer.testing import CliRunner, Result

from deploy.kafka.broker import Broker
from oracle.bus import kafka_dead_letters
from oracle.bus.interface import Start, Subscription
from oracle.bus.kafka import KafkaBus
from oracle.bus.kafka_topics import Layout
from oracle.cli.app import app
from oracle.config.load import parse
from oracle.model.errors import ConfigError
from oracle.model.messages import SCHEMA_VERSION, DeadLetter, Mark, encode
from oracle.model.ticks import pack
from oracle.model.topics import Topic
from oracle.node.metrics import NodeMetrics
from oracle.node.sharding import shard
from oracle.node.stepper import Cadence, Stepper
from tests import cbeth
from tests.integration.bus.reading import collect, control, receipt
from tests.kafka_broker import make_topics

pytestmark = pytest.mark.kafka
DEADLINE_S = 240.0

BAD = {
    "garbage": b"\xff garbage",
    "empty": b"",
    "another class": encode(receipt("a", 1)),
    "version N+1": bytes([SCHEMA_VERSION + 1]) + encode(receipt("a", 1))[1:],
}


class Site:
    """A bus, and a writer that knows no schema."""

    def __init__(self, broker: Broker) -> None:
        self.prefix = f"{uuid.uuid4()}."
        self.bootstrap = broker.bootstrap
        self.bus = KafkaBus(broker.bootstrap, prefix=self.prefix, request_timeout_ms=5000)
        self.raw = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, linger_ms=5)

    async def spoil(self, topic: Topic, count: int = 0) -> None:
        """Write every kind of bad message, or one kind many times."""
        values = [BAD["garbage"]] * count if count else list(BAD.values())
        sent = [await self.raw.send(self.prefix + topic, value, b"k") for value in values]
        await asyncio.gather(*sent)

    def run(self, folder: Path, *options: str) -> Result:
        """Run the command on this bus."""
        file = folder / "config.yaml"
        bus = {"kind": "kafka", "bootstrap": self.bootstrap, "prefix": self.prefix}
        file.write_text(yaml.safe_dump(cbeth.OLD | {"bus": bus}))
        command = ["dead-letters", "--config", str(file), *options]
        return CliRunner().invoke(app, command, catch_exceptions=False)


@pytest.fixture
async def site(broker: Broker) -> AsyncIterator[Site]:
    """A bus with topics of its own."""
    made = Site(broker)
    async with made.bus:
        await make_topics(made.bus)
        await made.raw.start()
        try:
            yield made
        finally:
            await made.raw.stop()


def _letters(outcome: str) -> float:
    sample = REGISTRY.get_sample_value
    return sample("plumbline_bus_dead_letters_total", {"outcome": outcome}) or 0.0


async def _found(bus: KafkaBus, count: int) -> list[DeadLetter]:
    async with bus.subscribe(Topic.DEAD_LETTERS, start=Start.EARLIEST) as reader:
        letters = [record.message for record in await collect(reader, count)]
    return [letter for letter in letters if isinstance(letter, DeadLetter)]


@pytest.mark.parametrize("topic", [Topic.MARKS, Topic.REPORTS, Topic.CONTROLS])
async def test_each_kind_is_set_aside_with_its_place_and_reason(site: Site, topic: Topic) -> None:
    """The reader passes over all four; who looks later learns where they are and why."""
    async with site.bus.subscribe(topic) as reader:
        await site.spoil(topic)
        deadline = time.monotonic() + DEADLINE_S
        before = _letters("kept")
        while _letters("kept") - before < len(BAD):
            assert time.monotonic() < deadline
            assert await reader.take(timeout_s=0.2) == []
    letters = await _found(site.bus, len(BAD))
    assert [(letter.topic, letter.partition, letter.offset) for letter in letters] == [
        (topic, 0, offset) for offset in range(len(BAD))
    ]
    assert [letter.wire for letter in letters] == list(BAD.values())
    reasons = [letter.reason for letter in letters]
    assert "version 255; this reader knows" in reasons[0]
    assert "empty message" in reasons[1]
    assert "does not decode" in reasons[2]
    assert f"version {SCHEMA_VERSION + 1}" in reasons[3]


@contextlib.asynccontextmanager
async def _stepping(bus: KafkaBus) -> AsyncIterator[None]:
    """Step the one shard, with fresh ticks all along."""
    markets = parse(cbeth.OLD).markets
    metrics = NodeMetrics(CollectorRegistry())
    stepper = Stepper(bus, shard(markets, 0, 1), Cadence(50 * 10**6, 10**6), metrics)
    async with bus.subscribe(Topic.RECEIPTS, group="first"):
        pass  # the cluster makes its topic of offsets for the first group
    tasks = [asyncio.create_task(stepper.run()), asyncio.create_task(_feed(bus))]
    try:
        yield
        for task in tasks:
            assert not task.done(), task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _feed(bus: KafkaBus) -> None:
    sequence = 0
    while True:
        sequence += 1
        batch = pack(cbeth.ticks(time.time_ns(), sequence))
        await bus.publish(Topic.TICKS, [("0", batch)])
        await asyncio.sleep(0.05)


async def _until(reader: Subscription, wanted: Callable[[Mark], bool]) -> Mark:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        assert time.monotonic() < deadline
        for record in await reader.take(timeout_s=0.2):
            if isinstance(record.message, Mark) and wanted(record.message):
                return record.message


async def test_the_engine_steps_on_through_a_flood_on_ticks_and_controls(site: Site) -> None:
    """Ticks after it reach the marks; what is kept of it has a bound, the rest is counted."""
    over = _letters("over_rate")
    async with site.bus.subscribe(Topic.MARKS) as marks, _stepping(site.bus):
        first = await _until(marks, lambda mark: mark.index is not None)
        await site.spoil(Topic.CONTROLS)
        await site.spoil(Topic.TICKS, count=5000)
        flooded_ns = time.time_ns()
        later = await _until(marks, lambda mark: mark.newest_received_ns > flooded_ns)
        assert later.sequence > first.sequence
        pause = control("CBETH-USD", time.time_ns())
        await site.bus.publish(Topic.CONTROLS, [(pause.key, pause)])  # orders are heard still
        await _until(marks, lambda mark: mark.sequence > later.sequence)
    kept = await _found(site.bus, 1)
    assert 0 < len(kept) < 2 * kafka_dead_letters.BURST
    assert _letters("over_rate") - over > 4000


async def test_a_dead_letter_that_does_not_decode_has_no_letter_of_its_own(site: Site) -> None:
    """There is no loop: it is counted, and that is all."""
    label = {"topic": "dead-letters"}
    name = "plumbline_bus_undecodable_total"
    before = REGISTRY.get_sample_value(name, label) or 0.0
    await site.spoil(Topic.DEAD_LETTERS)
    async with site.bus.subscribe(Topic.DEAD_LETTERS, start=Start.EARLIEST) as reader:
        while not await reader.caught_up():
            assert await reader.take(timeout_s=0.2) == []
    assert (REGISTRY.get_sample_value(name, label) or 0.0) - before == len(BAD)
    async with site.bus.subscribe(Topic.DEAD_LETTERS, start=Start.EARLIEST) as reader:
        ends = [record.offset for record in await reader.take(timeout_s=1)]
    assert ends == []


async def test_without_a_topic_for_it_nothing_waits(broker: Broker) -> None:
    """A letter that cannot be written is lost by count; readers and writers go on at once."""
    site = Site(broker)
    async with site.bus:
        states = await site.bus.topics.look(Layout({}))
        wanted = [state.wanted for state in states if state.topic is Topic.RECEIPTS]
        await site.bus.topics._admin.create(wanted)
        await site.raw.start()
        async with site.bus.subscribe(Topic.RECEIPTS) as reader:
            before = _letters("lost")
            await site.spoil(Topic.RECEIPTS)
            await site.bus.publish(Topic.RECEIPTS, [("a", receipt("a", 7))])
            await collect(reader, 1)
            await site.bus.publish(Topic.RECEIPTS, [("a", receipt("a", 8))])
            await collect(reader, 1)
            deadline = time.monotonic() + DEADLINE_S
            while _letters("lost") == before:
                assert time.monotonic() < deadline
                await reader.take(timeout_s=0.2)
        await site.raw.stop()


async def test_the_command_lists_each_once(site: Site, tmp_path: Path) -> None:
    """For people and for programs; what a stranger wrote moves no cursor."""
    for found_ns in (1, 2):  # two readers have found the same
        letter = DeadLetter("marks", 3, 17, "bad \x1b[2J name", b"\xff\x01", 2, found_ns)
        await site.bus.publish(Topic.DEAD_LETTERS, [(letter.key, letter)])
    listed = await asyncio.to_thread(site.run, tmp_path, "--json")
    (line,) = listed.stdout.splitlines()
    shown = json.loads(line)
    assert (shown["topic"], shown["partition"], shown["offset"]) == ("marks", 3, 17)
    assert (shown["wire"], shown["size"]) == ("ff01", 2)
    table = (await asyncio.to_thread(site.run, tmp_path)).stdout
    assert "marks/3@17" in table
    assert "\x1b[2J" not in table


def test_a_bus_in_memory_has_none(tmp_path: Path) -> None:
    """It says so instead of an empty list."""
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(cbeth.OLD))
    with pytest.raises(ConfigError, match="no dead letters"):
        CliRunner().invoke(app, ["dead-letters", "-c", str(file)], catch_exceptions=False)
