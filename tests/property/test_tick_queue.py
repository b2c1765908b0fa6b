"""The queue of ticks before the bus: bounded, and of each source the newest in their order."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from feeds.tick_queue import BACKLOG, LATE, TICK_BYTES, TickQueue
from oracle.model.fixed import Px
from oracle.model.ticks import Tick

MOST = 7
SOURCES = st.sampled_from([f"venue:{letter}" for letter in "abcde"])
BIG = 2**62
_NUMBERS = ("bid", "ask", "last", "bid_size", "ask_size", "last_size")


class Waiting(RuleBasedStateMachine):
    """Puts, takes, forgets and takes back, beside plain lists of what each source sent."""

    def __init__(self) -> None:
        super().__init__()
        self.dropped: Counter[tuple[str, str]] = Counter()
        self.queue = TickQueue(MOST, lambda source, why: self.dropped.update([(source, why)]))
        self.put: dict[str, list[Tick]] = {}
        self.sent: dict[str, list[Tick]] = {}
        self.now_ns = 0

    @rule(source=SOURCES, count=st.integers(1, 2 * MOST))
    def arrive(self, source: str, count: int) -> None:
        """A source sends some."""
        for _ in range(count):
            self.now_ns += 1
            tick = Tick(source, self.now_ns, self.now_ns, self.now_ns, last=Px(1, 0))
            self.put.setdefault(source, []).append(tick)
            self.queue.put(tick)

    @rule(limit=st.integers(0, 2 * MOST), age_ns=st.integers(0, 20))
    def take(self, limit: int, age_ns: int) -> None:
        """The bus takes some, none that is late unless it is its source's newest."""
        before_ns = self.now_ns - age_ns
        for tick in self.queue.take(limit, before_ns):
            newer = self.put[tick.source][-1] is not tick
            assert tick.received_ns >= before_ns or not newer or not self._waits(tick.source)
            self.sent.setdefault(tick.source, []).append(tick)

    @rule(limit=st.integers(0, 2 * MOST), arriving=st.lists(SOURCES, max_size=MOST))
    def fail(self, limit: int, arriving: list[str]) -> None:
        """The bus fails to take some while others arrive."""
        taken = self.queue.take(limit)
        for source in arriving:
            self.arrive(source, 1)
        self.queue.put_back(taken)

    @invariant()
    def never_more_than_the_bound(self) -> None:
        """However many arrive."""
        assert len(self.queue) <= MOST

    @invariant()
    def what_waits_of_a_source_is_its_newest_in_their_order(self) -> None:
        """Nothing newer was dropped before anything older, and what was sent keeps its order."""
        held = self._held()
        assert len(held) == len(self.queue)
        for source, ticks in self.put.items():
            waits = [tick for tick in held if tick.source == source]
            assert waits == ticks[len(ticks) - len(waits) :]
            sent = [tick.sequence for tick in self.sent.get(source, [])]
            assert sent == sorted(set(sent))

    @invariant()
    def the_counts_add_up(self) -> None:
        """What arrived was sent, waits, or is counted by source as dropped."""
        held = Counter(tick.source for tick in self._held())
        for source, ticks in self.put.items():
            lost = self.dropped[source, BACKLOG] + self.dropped[source, LATE]
            assert len(ticks) == len(self.sent.get(source, [])) + held[source] + lost

    @invariant()
    def every_source_has_its_newest_waiting_or_sent(self) -> None:
        """There are fewer sources than room, so none is silenced by the others."""
        held = {tick.source: tick for tick in self._held()}
        for source, ticks in self.put.items():
            newest = self.sent.get(source, [None])[-1]
            assert ticks[-1] in {held.get(source), newest}

    def _waits(self, source: str) -> bool:
        return any(tick.source == source for tick in self._held())

    def _held(self) -> list[Tick]:
        """Look at what waits without changing it."""
        held = self.queue.take(len(self.queue))
        self.queue.put_back(held)
        return held


TestWaiting = Waiting.TestCase


@given(st.integers(1, 50))
def test_a_flood_takes_room_from_nobody_else(flood: int) -> None:
    """The source with the most waiting loses its own oldest, not a quiet one's."""
    dropped: list[str] = []
    queue = TickQueue(10, lambda source, _why: dropped.append(source))
    for at in range(4):
        queue.put(Tick("quiet", at, at, at, last=Px(1, 0)))
    for at in range(6 + flood):
        queue.put(Tick("loud", at, at, at, last=Px(1, 0)))
    assert set(dropped) == {"loud"}
    assert [tick.sequence for tick in queue.take(10) if tick.source == "quiet"] == [0, 1, 2, 3]


@pytest.mark.parametrize("sources", [1, 5_000])
def test_a_waiting_tick_takes_no_more_than_is_said(sources: int) -> None:
    """The bound by number is a bound by bytes, with all fields set and few or many sources."""
    names = [f"venue:BASE{at}/USDT" for at in range(sources)]
    count = 5_000
    tracemalloc.start()
    try:
        queue = TickQueue(count, lambda _source, _why: None)
        for at in range(count):
            numbers = {field: Px(BIG + at, -at % 10) for field in _NUMBERS}
            name = names[at % sources]
            full = Tick(name, BIG + at, BIG - at, BIG + at, funding_e12=BIG + at)
            queue.put(msgspec.structs.replace(full, **numbers))
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(queue) == count
    assert used <= count * TICK_BYTES
