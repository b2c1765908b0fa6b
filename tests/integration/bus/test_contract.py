"""What every bus promises, run against both implementations."""

from __future__ import annotations

import asyncio
import time

import pytest

from oracle.bus.interface import Bus, Record, Start, Subscription
from oracle.model.errors import ConfigError
from oracle.model.fixed import Px
from oracle.model.messages import Control, Message, Receipt
from oracle.model.ticks import Tick, pack
from oracle.model.topics import Topic
from tests.integration.bus.reading import collect, collect_from, control, counted, receipt, slots

CHAINS = [f"chain-{number}" for number in range(12)]
RECEIPTS = Topic.RECEIPTS


def _round(slot: int) -> list[tuple[str, Message]]:
    return [(chain, receipt(chain, slot)) for chain in CHAINS]


async def test_messages_of_one_key_keep_their_order(bus: Bus) -> None:
    """Records of one key come as published and from one partition, whatever comes between."""
    async with bus.subscribe(RECEIPTS) as reader:
        for slot in range(20):
            await bus.publish(RECEIPTS, _round(slot))
        records = await collect(reader, 20 * len(CHAINS), limit=7)
    for chain in CHAINS:
        assert slots(records, chain) == list(range(20))
        assert len({record.partition for record in records if record.key == chain}) == 1
    assert len({record.partition for record in records}) > 1


async def test_a_reader_from_the_tail_sees_only_what_is_published_after_it_enters(
    bus: Bus,
) -> None:
    """The tail is fixed on entering, not at the first take."""
    await bus.publish(RECEIPTS, [("a", receipt("a", 1))])
    async with bus.subscribe(RECEIPTS, start=Start.TAIL) as reader:
        await bus.publish(RECEIPTS, [("a", receipt("a", 2))])
        assert slots(await collect(reader, 1)) == [2]


async def test_a_reader_from_the_earliest_sees_what_was_there(bus: Bus) -> None:
    """What was published before the reader came is read first."""
    await bus.publish(RECEIPTS, [("a", receipt("a", 1))])
    async with bus.subscribe(RECEIPTS, start=Start.EARLIEST) as reader:
        await bus.publish(RECEIPTS, [("a", receipt("a", 2))])
        assert slots(await collect(reader, 2)) == [1, 2]


async def test_a_reader_knows_when_it_has_caught_up(bus: Bus) -> None:
    """Orders given before a start can be told from those that are still to come."""
    async with bus.subscribe(RECEIPTS, start=Start.EARLIEST) as reader:
        assert await reader.caught_up()
    await bus.publish(RECEIPTS, _round(1))
    async with bus.subscribe(RECEIPTS, start=Start.EARLIEST) as reader:
        await bus.publish(RECEIPTS, _round(2))
        assert not await reader.caught_up()
        await collect(reader, 2 * len(CHAINS))
        assert await reader.caught_up()
    async with bus.subscribe(RECEIPTS, start=Start.TAIL) as reader:
        assert await reader.caught_up()


async def test_offsets_rise_by_one_within_a_partition(bus: Bus) -> None:
    """An offset names one record, and the next is one more."""
    await bus.publish(RECEIPTS, [("a", receipt("a", slot)) for slot in range(5)])
    async with bus.subscribe(RECEIPTS, start=Start.EARLIEST) as reader:
        assert [r.offset for r in await collect(reader, 5)] == [0, 1, 2, 3, 4]


async def test_take_returns_no_more_than_its_limit(bus: Bus) -> None:
    """What is over the limit comes with the next take."""
    await bus.publish(RECEIPTS, [("a", receipt("a", slot)) for slot in range(5)])
    async with bus.subscribe(RECEIPTS, start=Start.EARLIEST) as reader:
        records = list(await reader.take(limit=2, timeout_s=10))
        assert len(records) <= 2
        assert slots(records + await collect(reader, 5 - len(records), limit=2)) == [0, 1, 2, 3, 4]


async def test_take_returns_nothing_when_its_time_is_out(bus: Bus) -> None:
    """A quiet topic gives an empty answer, not an error."""
    async with bus.subscribe(RECEIPTS) as reader:
        assert not await reader.take(timeout_s=0.05)


async def test_take_wakes_as_soon_as_there_is_a_record(bus: Bus) -> None:
    """A waiting reader does not sit out its time."""
    async with bus.subscribe(RECEIPTS) as reader:
        taking = asyncio.create_task(reader.take(timeout_s=600))
        await bus.publish(RECEIPTS, [("a", receipt("a", 1))])
        async with asyncio.timeout(120):
            assert slots(list(await taking)) == [1]


async def test_two_independent_readers_each_see_everything(bus: Bus) -> None:
    """Readers without a group do not share."""
    async with bus.subscribe(RECEIPTS) as one, bus.subscribe(RECEIPTS) as two:
        await bus.publish(RECEIPTS, _round(1))
        assert len(await collect(one, len(CHAINS))) == len(CHAINS)
        assert len(await collect(two, len(CHAINS))) == len(CHAINS)


async def test_a_reader_of_two_topics_sees_both(bus: Bus) -> None:
    """One subscription merges its topics, and each record says which it is of."""
    async with bus.subscribe(RECEIPTS, Topic.CONTROLS) as reader:
        await bus.publish(RECEIPTS, [("a", receipt("a", 1))])
        await bus.publish(Topic.CONTROLS, [("market|X", control("X", 1))])
        assert {r.topic for r in await collect(reader, 2)} == {RECEIPTS, Topic.CONTROLS}


async def _shared_out(bus: Bus, readers: list[Subscription]) -> list[set[int]]:
    """Publish until every reader gets records and no partition has two owners."""
    deadline = time.monotonic() + 30
    slot = 0
    while True:
        slot += 1
        await bus.publish(RECEIPTS, _round(slot))
        taken = await collect_from(readers, len(CHAINS))
        for reader in readers:
            await reader.commit()
        owned = [{record.partition for record in records} for records in taken]
        if all(owned) and sum(map(len, owned)) == 4:
            return owned
        assert time.monotonic() < deadline, f"partitions were shared out as {owned}"


async def test_members_of_a_group_share_the_partitions(bus: Bus) -> None:
    """Each of four partitions has one owner, and both members have some."""
    async with (
        bus.subscribe(RECEIPTS, group="g") as one,
        bus.subscribe(RECEIPTS, group="g") as two,
    ):
        owned = await _shared_out(bus, [one, two])
        assert owned[0] | owned[1] == {0, 1, 2, 3}
        assert not owned[0] & owned[1]


async def test_a_leaving_member_hands_over_its_partitions(bus: Bus) -> None:
    """What it took but did not commit, and all that follows, goes on; none of it counts as lost."""
    skipped = counted("skipped")
    async with bus.subscribe(RECEIPTS, group="g") as stays:
        await bus.publish(RECEIPTS, _round(0))
        await collect(stays, len(CHAINS))  # it has held every partition before
        await stays.commit()
        async with bus.subscribe(RECEIPTS, group="g") as leaves:
            await _shared_out(bus, [stays, leaves])
            await bus.publish(RECEIPTS, _round(1000))
            before = await collect_from([stays, leaves], len(CHAINS))
            assert before[1]
            await stays.commit()
        seen: set[str] = {r.key for r in before[0]}
        await bus.publish(RECEIPTS, _round(1001))
        last: set[str] = set()
        deadline = time.monotonic() + 30
        while seen != set(CHAINS) or last != set(CHAINS):
            assert time.monotonic() < deadline
            for record in await stays.take(timeout_s=0.2):
                assert isinstance(record.message, Receipt)
                assert counted("skipped") == skipped
                (last if record.message.slot == 1001 else seen).add(record.key)


async def test_a_group_goes_on_from_its_commit(bus: Bus) -> None:
    """The next member reads what was not committed again, and nothing that was."""
    async with bus.subscribe(RECEIPTS, group="g", start=Start.EARLIEST) as reader:
        await bus.publish(RECEIPTS, [("a", receipt("a", 1))])
        await collect(reader, 1)
        await reader.commit()
        await bus.publish(RECEIPTS, [("a", receipt("a", 2))])
        await collect(reader, 1)
    await bus.publish(RECEIPTS, [("a", receipt("a", 3))])
    async with bus.subscribe(RECEIPTS, group="g", start=Start.TAIL) as reader:
        assert slots(await collect(reader, 2)) == [2, 3]


async def test_a_group_that_never_committed_goes_on_from_where_it_first_entered(bus: Bus) -> None:
    """A tail reader that dies before its first commit loses nothing."""
    await bus.publish(RECEIPTS, [("a", receipt("a", 1))])
    async with bus.subscribe(RECEIPTS, group="g", start=Start.TAIL):
        await bus.publish(RECEIPTS, [("a", receipt("a", 2))])
    async with bus.subscribe(RECEIPTS, group="g", start=Start.TAIL) as reader:
        assert slots(await collect(reader, 1)) == [2]


async def test_commit_without_a_group_does_nothing(bus: Bus) -> None:
    """An independent reader may commit like any other."""
    async with bus.subscribe(RECEIPTS) as reader:
        await reader.commit()


async def test_a_late_reader_gets_the_last_control_of_each_key(bus: Bus) -> None:
    """Controls are kept for ever: whoever starts late knows what is paused."""
    for issued in range(50):
        subject = f"M{issued % 5}"
        await bus.publish(Topic.CONTROLS, [(f"market|{subject}", control(subject, issued))])
    last: dict[str, int] = {}
    async with bus.subscribe(Topic.CONTROLS, start=Start.EARLIEST) as reader:
        deadline = time.monotonic() + 30
        while sorted(last.values()) != [45, 46, 47, 48, 49]:
            assert time.monotonic() < deadline, last
            for record in await reader.take(timeout_s=0.2):
                assert isinstance(record.message, Control)
                last[record.key] = record.message.issued_ns


async def test_many_publishers_at_once_lose_nothing(bus: Bus) -> None:
    """Fifty tasks publish together; every message is there once."""
    async with bus.subscribe(RECEIPTS) as reader:
        await asyncio.gather(
            *(bus.publish(RECEIPTS, [(str(n), receipt(str(n), n))]) for n in range(50))
        )
        assert sorted(slots(await collect(reader, 50))) == list(range(50))


async def test_a_large_publish_arrives_whole(bus: Bus) -> None:
    """Five thousand messages in one call, in order."""
    async with bus.subscribe(RECEIPTS) as reader:
        await bus.publish(RECEIPTS, [("a", receipt("a", slot)) for slot in range(5000)])
        assert slots(await collect(reader, 5000)) == list(range(5000))


async def test_a_tick_batch_comes_back_equal(bus: Bus) -> None:
    """A columnar batch of 5,000 ticks survives the way."""
    batch = pack(Tick("s:A/B", n, n, n, bid=Px(n + 1, -2), ask=Px(n + 2, -2)) for n in range(5000))
    async with bus.subscribe(Topic.TICKS) as reader:
        await bus.publish(Topic.TICKS, [("0", batch)])
        assert [record.message for record in await collect(reader, 1)] == [batch]


async def test_a_message_of_another_topic_is_refused(bus: Bus) -> None:
    """A programming error shows at the writer, not at every reader."""
    with pytest.raises(TypeError, match="receipts carries Receipt, not Control"):
        await bus.publish(RECEIPTS, [("a", control("X", 1))])


async def test_publishing_nothing_is_allowed(bus: Bus) -> None:
    """An empty step publishes an empty list."""
    await bus.publish(RECEIPTS, [])


async def test_a_reader_begins_at_the_positions_it_is_given(bus: Bus) -> None:
    """Each partition at its own offset, one that is left out at its first message."""
    await bus.publish(RECEIPTS, _round(1) + _round(2))
    async with bus.subscribe(RECEIPTS, start=Start.EARLIEST) as reader:
        everything = await collect(reader, 2 * len(CHAINS))
    skipped, *others = sorted({record.partition for record in everything})
    wanted = [r for r in everything if r.partition != skipped or r.offset >= 1]
    async with bus.subscribe(RECEIPTS, start={(RECEIPTS, skipped): 1}) as reader:
        assert reader.begun[RECEIPTS, skipped] == 1
        assert all(reader.begun[RECEIPTS, partition] == 0 for partition in others)
        read = await collect(reader, len(wanted))
    assert sorted(read, key=_place) == sorted(wanted, key=_place)


async def test_a_position_that_the_log_has_not_reached_is_refused(bus: Bus) -> None:
    """To begin elsewhere would be to read again, or to miss, what nobody would notice."""
    await bus.publish(RECEIPTS, [("a", receipt("a", 1))])
    with pytest.raises(ConfigError, match="there is no offset 99"):
        async with bus.subscribe(RECEIPTS, start={(RECEIPTS, 0): 99}):
            pass


def _place(record: Record) -> tuple[int, int]:
    return record.partition, record.offset
