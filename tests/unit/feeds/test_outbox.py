"""Ticks on their way to a bus that is slow, away, or refuses them."""

from __future__ import annotations

import asyncio
import itertools
import tracemalloc
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from feeds import outbox
from feeds.metrics import FeedMetrics
from feeds.outbox import BATCH, Outbox, outboxes
from feeds.tick_queue import TICK_BYTES, TickQueue
from oracle.model.errors import ConfigError, Rejected, Retryable
from oracle.model.fixed import Px
from oracle.model.ticks import Tick

LATE_NS = 1_000


class Bus:
    """Takes batches, or raises what it is told to."""

    def __init__(self) -> None:
        self.taken: list[list[Tick]] = []
        self.error: Exception | None = None
        self.tries = 0

    async def send(self, ticks: Sequence[Tick]) -> None:
        self.tries += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self.taken.append(list(ticks))

    @property
    def sequences(self) -> list[int]:
        return [tick.sequence for batch in self.taken for tick in batch]


class Office:
    """An outbox with a clock that stands."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int = 100) -> None:
        monkeypatch.setattr(outbox, "FIRST_PAUSE_S", 0.0)
        monkeypatch.setattr(outbox, "LONGEST_PAUSE_S", 0.0)
        self.page = CollectorRegistry()
        self.now_ns = 10_000
        self.bus = Bus()
        self.box = Outbox(0, most, LATE_NS, lambda: self.now_ns, FeedMetrics(self.page))
        self._numbers = itertools.count()

    def put(self, source: str, count: int, received_ns: int | None = None) -> None:
        at_ns = self.now_ns if received_ns is None else received_ns
        self.box.put(
            [Tick(source, next(self._numbers), at_ns, at_ns, last=Px(1, 0)) for _ in range(count)]
        )

    async def until(self, holds: Callable[[], bool]) -> None:
        """Send until something holds."""
        running = asyncio.create_task(self.box.run(self.bus.send))
        try:
            async with asyncio.timeout(30):
                while not holds():
                    assert not running.done()
                    await asyncio.sleep(0)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def value(self, name: str, **labels: str) -> float:
        return self.page.get_sample_value(f"plumbline_feed_{name}", labels) or 0.0


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Office:
    """An outbox of a hundred ticks."""
    return Office(monkeypatch)


async def test_what_comes_is_sent_in_its_order_in_messages_of_a_bounded_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A backlog goes in several messages, none larger than the bus takes."""
    office = Office(monkeypatch, most=3 * BATCH)
    office.put("a:X", 2 * BATCH + 1)
    await office.until(lambda: len(office.bus.sequences) == 2 * BATCH + 1)
    assert [len(batch) for batch in office.bus.taken] == [BATCH, BATCH, 1]
    assert office.bus.sequences == list(range(2 * BATCH + 1))


async def test_while_the_bus_is_away_each_sources_newest_stay_and_the_rest_is_counted(
    office: Office,
) -> None:
    """What was in flight when it failed is sent again, before what came after it."""
    office.bus.error = Retryable("no broker")
    office.put("quiet:X", 1)
    await office.until(lambda: office.bus.tries > 2)
    office.put("loud:X", 500)
    office.bus.error = None
    await office.until(lambda: len(office.bus.sequences) == 100)
    assert office.bus.sequences == [0, *range(402, 501)]
    assert office.value("dropped_ticks_total", venue="loud", why="backlog") == 401
    assert office.value("waiting_ticks", shard="0") == 0


async def test_a_source_that_floods_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes behind a backlog goes with the next message, and the turn goes round."""
    office = Office(monkeypatch, most=3 * BATCH)
    office.put("loud:X", 2 * BATCH)
    for quiet in range(BATCH):
        office.put(f"quiet:{quiet}", 1)
    await office.until(lambda: len(office.bus.taken) == 2)
    first, second = ([tick.source for tick in batch] for batch in office.bus.taken)
    assert first.count("loud:X") == 1
    assert set(first) | set(second) >= {f"quiet:{quiet}" for quiet in range(BATCH)}
    assert not set(first) & set(second) - {"loud:X"}


@settings(deadline=None)
@given(st.data(), st.integers(1, 12))
def test_whatever_happens_a_queue_keeps_order_and_bound(data: st.DataObject, most: int) -> None:
    """Nothing is lost uncounted or comes twice, and of each source the newest stay."""
    dropped: list[str] = []
    queue = TickQueue(most, lambda source, _why: dropped.append(source))
    waiting: dict[str, list[int]] = {}
    numbers = itertools.count()
    for _ in range(data.draw(st.integers(0, 40))):
        if data.draw(st.booleans()):
            source = data.draw(st.sampled_from("abc"))
            waiting.setdefault(source, []).append(number := next(numbers))
            queue.put(Tick(source, number, 1, 1))
        else:
            batch = queue.take(data.draw(st.integers(1, 5)))
            more = [next(numbers) for _ in range(data.draw(st.integers(0, 15)))]
            for number in more:
                waiting.setdefault("c", []).append(number)
                queue.put(Tick("c", number, 1, 1))
            if data.draw(st.booleans()):
                queue.put_back(batch)
            else:
                for tick in batch:
                    waiting[tick.source].remove(tick.sequence)
        assert len(queue) <= most
        held = sum(map(len, waiting.values()))
        assert held == len(queue) + len(dropped)
        for source in dropped:
            waiting[source].pop(0)
        dropped.clear()
    sent = queue.take(10**6)
    assert len(queue) == 0
    for source, expected in waiting.items():
        assert [tick.sequence for tick in sent if tick.source == source] == expected


async def test_what_no_engine_would_take_any_more_is_not_sent(office: Office) -> None:
    """A late tick gives way to a newer one of its source; the newest is the engine's to judge."""
    office.put("a:X", 3, received_ns=office.now_ns - LATE_NS - 1)
    office.put("b:X", 2, received_ns=office.now_ns - LATE_NS - 1)
    office.put("a:X", 1)
    await office.until(lambda: len(office.bus.sequences) == 2)
    assert sorted(office.bus.sequences) == [4, 5]
    assert office.value("dropped_ticks_total", venue="a", why="late") == 3
    assert office.value("dropped_ticks_total", venue="b", why="late") == 1


async def test_a_batch_that_no_bus_takes_is_given_up(office: Office) -> None:
    """To send it for ever would silence every source after it."""
    office.bus.error = Rejected("too large")
    office.put("a:X", 3)
    refused = {"venue": "a", "why": "refused"}
    await office.until(lambda: office.value("dropped_ticks_total", **refused) == 3)
    office.bus.error = None
    office.put("a:X", 1)
    await office.until(lambda: office.bus.sequences == [3])


async def test_a_bus_that_refuses_us_ends_the_sending_and_loses_nothing(office: Office) -> None:
    """A missing right is for a person; whoever runs us again goes on from here."""
    office.bus.error = ConfigError("may not write topic ticks")
    office.put("a:X", 2)
    with pytest.raises(ConfigError):
        await office.box.run(office.bus.send)
    office.bus.error = None
    await office.until(lambda: office.bus.sequences == [0, 1])


def test_all_shards_together_hold_no_more_than_is_said() -> None:
    """The bound is the process's, however many shards it feeds."""
    made = outboxes(4, LATE_NS, lambda: 0, FeedMetrics(CollectorRegistry()))
    many = outbox.WAITING_BYTES // TICK_BYTES
    for box in made:
        box.put([Tick("a:X", at, at, at, last=Px(1, 0)) for at in range(many)])
    assert sum(box.waiting for box in made) == many


def test_no_waiting_tick_takes_more_than_is_said() -> None:
    """Every field as long as it may be and shared with no other tick, in a queue of its own."""
    count = 2_000
    queue = TickQueue(count, lambda _source, _why: None)
    tracemalloc.start()
    try:
        for at in range(2**62, 2**62 + count):
            a, b, c, d, e, f = (Px(at + field, -60) for field in range(6))
            name = f"exchange:{'X' * 60}{at}"
            queue.put(Tick(name, at, at + 6, at + 7, a, b, c, d, e, f, at + 8))
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < count * TICK_BYTES
