"""The audit chain: it goes on after a restart, and shows every change made to it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from oracle.bus.interface import Start
from oracle.bus.memory import MemoryBus, MemorySubscription
from oracle.model.errors import Retryable
from oracle.model.messages import AuditEntry
from oracle.model.topics import Topic
from oracle.node.audit import GENESIS, AuditWriter, ChainCheck, entry_hash, verify_chain
from oracle.node.audit_watch import AuditWatch


async def write(writer: AuditWriter, count: int, who: str = "ana") -> None:
    """Append some entries."""
    for at in range(count):
        await writer.append(
            time_ns=at, action="pause", subject="market|BTC-USD", who=who, reason=f"why {at}"
        )


async def entries(bus: MemoryBus) -> list[AuditEntry]:
    """Return the whole audit topic."""
    async with bus.subscribe(Topic.AUDIT, start=Start.EARLIEST) as reader:
        messages = [record.message for record in await reader.take(limit=1000)]
    return [message for message in messages if isinstance(message, AuditEntry)]


async def chain(count: int) -> list[AuditEntry]:
    """Return a chain of some entries."""
    bus = MemoryBus()
    await write(AuditWriter(bus, "node"), count)
    return await entries(bus)


async def test_each_entry_carries_the_hash_of_the_one_before() -> None:
    """The first follows from nothing, the others from their predecessor."""
    first, second, third = await chain(3)
    assert first.previous == GENESIS
    assert second.previous == entry_hash(first)
    assert third.previous == entry_hash(second)
    assert verify_chain([first, second, third]) is None


async def test_a_chain_goes_on_after_a_restart() -> None:
    """A new process with the same name continues from the last entry on the topic."""
    bus = MemoryBus()
    await write(AuditWriter(bus, "node"), 2)
    await write(AuditWriter(bus, "other"), 3)
    restarted = AuditWriter(bus, "node")
    await restarted.resume()
    await write(restarted, 2)
    found = await entries(bus)
    assert [entry.sequence for entry in found if entry.writer == "node"] == [0, 1, 2, 3]
    assert verify_chain(found) is None


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize(
    "changed", [{"who": "bo"}, {"reason": "another"}, {"until_ns": 9}, {"time_ns": 9}]
)
async def test_a_changed_entry_breaks_the_chain_after_it(at: int, changed: dict[str, Any]) -> None:
    """Whatever field is changed, the next entry no longer follows."""
    found = await chain(4)
    found[at] = msgspec.structs.replace(found[at], **changed)
    broken = verify_chain(found)
    assert broken is not None
    assert (broken.writer, broken.sequence) == ("node", at + 1)


async def test_a_removed_entry_breaks_the_chain() -> None:
    """A gap is named by the entry that should be there."""
    found = await chain(4)
    del found[1]
    broken = verify_chain(found)
    assert broken is not None
    assert "entry 1 was expected: one is missing" in broken.reason


async def test_a_chain_without_its_beginning_is_broken() -> None:
    """Removing the oldest entries shows."""
    assert verify_chain((await chain(3))[1:]) is not None


async def test_entries_in_another_order_break_the_chain() -> None:
    """Order is part of what is kept."""
    found = await chain(3)
    found[1], found[2] = found[2], found[1]
    assert verify_chain(found) is not None


async def test_two_writers_of_one_name_write_one_chain() -> None:
    """Who comes second at a place writes again: every entry is in the chain, one of them twice."""
    bus = MemoryBus()
    one, two = (AuditWriter(bus, "node") for _ in range(2))
    await one.resume()
    await two.resume()
    await write(one, 1)
    await asyncio.gather(write(one, 3), write(two, 4, "bo"))
    found, check = await entries(bus), ChainCheck()
    assert [check.take(entry) for entry in found] == [None] * len(found)
    head = check.head("node")
    assert head is not None
    assert head.sequence == 7
    assert check.void["node"] == len(found) - 8 > 0


async def test_a_write_that_arrives_after_it_was_given_up_is_void() -> None:
    """A network that held it back and lets it go later changes no history."""
    found = await chain(3)
    late = msgspec.structs.replace(found[1], reason="held back")
    assert verify_chain([*found, late]) is None
    bus = MemoryBus()
    await bus.publish(Topic.AUDIT, [("node", entry) for entry in (*found, late)])
    await write(AuditWriter(bus, "node"), 1)
    assert verify_chain(await entries(bus)) is None


async def test_a_name_that_others_take_again_and_again_is_given_up() -> None:
    """Not for ever: the caller is told."""

    class Contested(MemoryBus):
        async def publish(self, topic: Topic, messages: Any) -> None:
            pairs = list(messages)
            rivals = [(key, msgspec.structs.replace(entry, who="bo")) for key, entry in pairs]
            await super().publish(topic, [*rivals, *pairs])

    with pytest.raises(Retryable, match="written by others 10 times"):
        await write(AuditWriter(Contested(), "node"), 1)


class FailsOnce(MemoryBus):
    """A bus that stores the first audit entry but reports that it did not."""

    failed = False

    async def publish(self, topic: Topic, messages: Any) -> None:
        await super().publish(topic, messages)
        if not self.failed:
            self.failed = True
            raise Retryable("no acknowledgement in time")


async def test_a_write_that_landed_after_all_does_not_fork_the_chain() -> None:
    """After a failed write the topic is read again before the next entry."""
    bus = FailsOnce()
    writer = AuditWriter(bus, "node")
    with pytest.raises(Retryable):
        await write(writer, 1)
    await write(writer, 2)
    found = await entries(bus)
    assert len(found) == 3
    assert verify_chain(found) is None


class Endless(MemoryBus):
    """A bus whose topics are never read to their end."""

    def subscribe(self, *topics: Topic, **settings: Any) -> MemorySubscription:
        reader = super().subscribe(*topics, **settings)
        reader.caught_up = _never  # type: ignore[method-assign]  # a slow broker, in one line
        return reader


async def _never() -> bool:
    return False


async def test_a_topic_that_never_ends_is_given_up() -> None:
    """The scan for the chain's end is bounded in time."""
    with pytest.raises(Retryable, match="not read to its end"):
        await AuditWriter(Endless(), "node", scan_s=0.01).resume()


async def test_a_broken_chain_is_heard_of_by_itself() -> None:
    """Whoever watches the topic says whose chain broke, and goes on to the next break."""
    found = await chain(4)
    found[1] = msgspec.structs.replace(found[1], reason="another")
    page = CollectorRegistry()
    async with MemoryBus() as bus, asyncio.timeout(30):
        other = AuditWriter(bus, "other")
        await other.append(time_ns=1, action="pause", subject="x", who="al", reason="why")
        await bus.publish(Topic.AUDIT, [(entry.writer, entry) for entry in found])
        watching = asyncio.create_task(AuditWatch(bus, page).run())
        while page.get_sample_value("plumbline_audit_entries_total") != 5:  # noqa: ASYNC110 - a page has no event to wait for
            await asyncio.sleep(0.01)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    broken = "plumbline_audit_chain_broken"
    assert page.get_sample_value(broken, {"writer": "node"}) == 1
    assert page.get_sample_value(broken, {"writer": "other"}) is None
