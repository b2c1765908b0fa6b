"""What only Kafka can do to us: garbage, a dead broker, topics made by others, a wrong address."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from deploy.kafka.broker import Broker
from oracle.bus.interface import Start
from oracle.bus.kafka import KafkaBus
from oracle.model.errors import ConfigError, Rejected, Retryable
from oracle.model.messages import SCHEMA_VERSION, encode
from oracle.model.topics import Topic
from tests.integration.bus.reading import collect, control, counted, receipt, slots
from tests.kafka_broker import make_topics

pytestmark = pytest.mark.kafka
RECEIPTS = Topic.RECEIPTS


async def test_what_does_not_decode_is_counted_and_passed_over(broker: Broker) -> None:
    """Garbage, an empty value, another class and version N+1 do not stop a reader."""
    prefix = f"{uuid.uuid4()}."
    newer = bytes([SCHEMA_VERSION + 1]) + encode(receipt("a", 1))[1:]
    async with KafkaBus(broker.bootstrap, prefix=prefix) as bus:
        await make_topics(bus)
        raw = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
        await raw.start()
        try:
            for value in (b"\xff garbage", b"", newer, encode(control("X", 1))):
                await raw.send_and_wait(f"{prefix}receipts", value, b"\xff")
        finally:
            await raw.stop()
        await bus.publish(RECEIPTS, [("a", receipt("a", 7))])
        before = counted("undecodable")
        async with bus.subscribe(RECEIPTS, start=Start.EARLIEST) as reader:
            assert slots(await collect(reader, 1)) == [7]
        assert counted("undecodable") - before == 4


async def test_what_retention_removed_before_a_reader_came_is_counted(broker: Broker) -> None:
    """A reader that the log overtakes goes on at the oldest, and the loss is a figure."""
    prefix = f"{uuid.uuid4()}."
    before = counted("skipped")
    async with KafkaBus(broker.bootstrap, prefix=prefix) as bus:
        await make_topics(bus)
        async with bus.subscribe(RECEIPTS) as reader:
            wide = "x" * 4000  # 8 MB in all: several times what a reader fetches ahead
            messages = [(wide, receipt("a", slot)) for slot in range(2000)]
            await bus.publish(RECEIPTS, messages)
            admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
            await admin.start()
            try:
                await admin.delete_records(
                    {TopicPartition(f"{prefix}receipts", 0): RecordsToDelete(1990)}
                )
            finally:
                await admin.close()
            seen: list[int] = []
            while 1999 not in seen:
                seen += slots(await collect(reader, 1))
    assert seen[-10:] == list(range(1990, 2000))
    assert len(seen) < 2000
    assert counted("skipped") - before == 2000 - len(seen)


async def test_topics_that_differ_are_named_and_left_alone(broker: Broker) -> None:
    """A second deployment with other wishes is told what is not as it wants."""
    async with KafkaBus(broker.bootstrap, prefix=f"{uuid.uuid4()}.") as bus:
        assert await bus.ensure_topics({RECEIPTS: 4}) == []
        assert await bus.ensure_topics({RECEIPTS: 4}) == []
        (difference,) = await bus.ensure_topics({RECEIPTS: 2})
        assert "receipts has 4 partitions, not 2: create all topics anew" in difference


async def test_a_missing_topic_says_what_to_do(broker: Broker) -> None:
    """A wrong prefix is a person's mistake, not something to retry."""
    async with KafkaBus(broker.bootstrap, prefix="nobody.", request_timeout_ms=500) as bus:
        with pytest.raises(ConfigError, match="create the topics first"):
            await bus.publish(RECEIPTS, [("a", receipt("a", 1))])
        with pytest.raises(ConfigError, match="check the prefix"):
            async with bus.subscribe(RECEIPTS):
                pass


async def test_a_message_that_is_too_large_is_rejected(kafka_bus: KafkaBus) -> None:
    """To send it again would not help, so it is not called retryable."""
    async with kafka_bus:
        await make_topics(kafka_bus)
        with pytest.raises(Rejected, match="split it"):
            await kafka_bus.publish(RECEIPTS, [("a", receipt("a" * 2_000_000, 1))])


async def test_gzip_messages_are_read_like_others(broker: Broker) -> None:
    """The one codec that needs no further library works."""
    prefix = f"{uuid.uuid4()}."
    async with KafkaBus(broker.bootstrap, prefix=prefix, compression="gzip") as bus:
        await make_topics(bus)
        async with bus.subscribe(RECEIPTS) as reader:
            await bus.publish(RECEIPTS, [("a", receipt("a", 1))])
            assert slots(await collect(reader, 1)) == [1]


@pytest.mark.parametrize("address", ["", "localhost", "localhost:port", "a:1 b:2", "kafka://a:1"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    """A mistyped address is named at once, without waiting for a connection."""
    with pytest.raises(ConfigError, match=r"is not host:port"):
        KafkaBus(address)


def test_an_unknown_codec_is_refused() -> None:
    """Codecs that need another library are not offered."""
    with pytest.raises(ConfigError, match="allowed: gzip"):
        KafkaBus("localhost:9092", compression="lz4")


async def test_no_broker_is_said_in_one_line() -> None:
    """The commonest mistake: nothing listens there."""
    with pytest.raises(Retryable, match=r"^no Kafka broker at 127.0.0.1:1: start one or set bus"):
        async with KafkaBus("127.0.0.1:1", request_timeout_ms=1000):
            pass


@pytest.fixture
def own_broker(broker: Broker) -> Iterator[Broker]:
    """A broker that a test may kill; `broker` has fetched the jars or skipped."""
    with Broker() as own:
        yield own


async def test_a_killed_broker_is_retryable_and_after_its_restart_all_goes_on(
    own_broker: Broker,
) -> None:
    """Publishing fails within the bound, readers stay, nothing acknowledged is lost."""
    bus = KafkaBus(own_broker.bootstrap, request_timeout_ms=2000, session_timeout_ms=3000)
    async with bus:
        await make_topics(bus)
        async with (
            bus.subscribe(RECEIPTS) as alone,
            bus.subscribe(RECEIPTS, group="g") as member,
        ):
            await bus.publish(RECEIPTS, [("a", receipt("a", 1))])
            assert slots(await collect(member, 1)) == [1]
            own_broker.kill()
            for _ in range(2):
                with pytest.raises(Retryable, match="Kafka broker at"):
                    await bus.publish(RECEIPTS, [("a", receipt("a", 2))])
            with pytest.raises(Retryable):
                await member.commit()
            own_broker.restart()
            await _publish_when_back(bus, 3)
            # What was given up is not delivered late.
            assert slots(await collect(alone, 2)) == [1, 3]
            while 3 not in slots(await collect(member, 1)):
                pass
            await member.commit()


async def _publish_when_back(bus: KafkaBus, slot: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            return await bus.publish(RECEIPTS, [("a", receipt("a", slot))])
        except Retryable:
            assert time.monotonic() < deadline


async def test_readers_close_when_the_broker_is_gone(own_broker: Broker) -> None:
    """Ending a process does not hang on a dead broker, nor raise."""
    async with KafkaBus(own_broker.bootstrap, request_timeout_ms=1000) as bus:
        await make_topics(bus)
        async with bus.subscribe(RECEIPTS), bus.subscribe(RECEIPTS, group="g"):
            own_broker.kill()


async def test_a_bus_that_was_not_entered_says_so(kafka_bus: KafkaBus) -> None:
    """Forgetting `async with` is named, not a time-out."""
    with pytest.raises(RuntimeError, match="async with"):
        await kafka_bus.publish(RECEIPTS, [])


async def test_a_bus_that_is_left_at_once_closes(broker: Broker) -> None:
    """What never came to run does not end its owner."""
    for _ in range(3):
        async with KafkaBus(broker.bootstrap):
            pass
