"""The in-process bus: retention, compaction and what a slow reader loses."""

from __future__ import annotations

from oracle.bus.interface import Record, Start
from oracle.bus.memory import MemoryBus
from oracle.model.messages import CertifiedRound, Control, Duty, Receipt, decode, encode
from oracle.model.topics import Topic
from tests.integration.bus.reading import control, counted, receipt, slots


async def test_a_slow_reader_goes_on_at_the_oldest_retained_and_the_loss_is_counted() -> None:
    """Nothing is dropped silently: the counter rises by exactly what was not seen."""
    before = counted("skipped")
    async with MemoryBus(retained=10) as bus, bus.subscribe(Topic.RECEIPTS) as reader:
        await bus.publish(Topic.RECEIPTS, [("a", receipt("a", slot)) for slot in range(25)])
        seen = slots(list(await reader.take()))
    assert seen == list(range(25 - len(seen), 25))
    assert 10 <= len(seen) < 20
    assert counted("skipped") - before == 25 - len(seen)


async def test_memory_is_bounded_at_twice_what_is_retained() -> None:
    """A topic nobody reads does not grow for ever."""
    async with MemoryBus(retained=10) as bus:
        for slot in range(1000):
            await bus.publish(Topic.RECEIPTS, [("a", receipt("a", slot))])
        async with bus.subscribe(Topic.RECEIPTS, start=Start.EARLIEST) as reader:
            assert 10 <= len(await reader.take()) < 20


async def test_of_large_messages_fewer_are_retained() -> None:
    """A day of rounds of a large committee, a hundred KiB each, would not fit into memory."""
    async with MemoryBus() as bus:
        made = CertifiedRound("0x", 1, 0, 0, b"round")
        await bus.publish(Topic.ROUNDS, [("0x", made)] * 5_000)
        async with bus.subscribe(Topic.ROUNDS, start=Start.EARLIEST) as reader:
            assert 1_024 <= len(await reader.take(limit=5_000)) < 2_048


async def test_a_compacted_topic_keeps_the_last_of_each_key_past_retention() -> None:
    """A control older than all that is retained is still read, once, in order, limit or not."""
    async with MemoryBus(retained=5) as bus:
        for issued in range(100):
            key = "market|OLD" if issued == 3 else f"market|{issued % 3}"
            await bus.publish(Topic.CONTROLS, [(key, control(key, issued))])
        async with bus.subscribe(Topic.CONTROLS, start=Start.EARLIEST) as reader:
            records: list[Record] = []
            while taken := await reader.take(limit=2, timeout_s=0):
                assert len(taken) <= 2
                records += taken
    offsets = [record.offset for record in records]
    assert offsets == sorted(set(offsets))
    assert sum(record.key == "market|OLD" for record in records) == 1
    last = {r.key: r.message.issued_ns for r in records if isinstance(r.message, Control)}
    assert last == {"market|OLD": 3, "market|0": 99, "market|1": 97, "market|2": 98}


async def test_readers_get_the_published_object_and_it_could_have_been_encoded() -> None:
    """No copy is made, and what passes here would pass through Kafka unchanged."""
    message = receipt("a", 1)
    async with MemoryBus() as bus, bus.subscribe(Topic.RECEIPTS) as reader:
        await bus.publish(Topic.RECEIPTS, [("a", message)])
        (record,) = await reader.take()
    assert record.message is message
    assert isinstance(record.message, Receipt)
    assert decode(Topic.RECEIPTS, encode(record.message)) == message


async def test_a_busy_topic_does_not_starve_a_quiet_one() -> None:
    """With a backlog of receipts larger than the limit, a control comes with the second take."""
    async with MemoryBus() as bus:
        async with bus.subscribe(Topic.RECEIPTS, Topic.CONTROLS) as reader:
            await bus.publish(Topic.RECEIPTS, [("a", receipt("a", slot)) for slot in range(100)])
            await bus.publish(Topic.CONTROLS, [("market|X", control("X", 1))])
            records = [*await reader.take(limit=10), *await reader.take(limit=10)]
        assert Topic.CONTROLS in {record.topic for record in records}


async def test_a_third_member_leaves_nobody_with_two_partitions_too_many() -> None:
    """Partitions are dealt out evenly, and all come back to the last member."""
    async with (
        MemoryBus(partitions={Topic.DUTIES: 6}) as bus,
        bus.subscribe(Topic.DUTIES, group="g") as one,
    ):
        async with (
            bus.subscribe(Topic.DUTIES, group="g") as two,
            bus.subscribe(Topic.DUTIES, group="g") as three,
        ):
            assert [len(m.positions) for m in (one, two, three)] == [2, 2, 2]
        await bus.publish(Topic.DUTIES, [(str(n), Duty("d", str(n))) for n in range(30)])
        assert len(await one.take()) == 30
