"""Margin calls: said once, in order, with a gap between calling and ending."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from oracle.bus.interface import Start
from oracle.bus.memory import MemoryBus
from oracle.model.messages import MarginCall
from oracle.model.topics import Topic
from relayer.keeper.margin import Margin
from relayer.keeper.metrics import KeeperMetrics
from relayer.keeper.notify import Notifier, px_e18
from relayer.keeper.params import E18
from relayer.keeper.plan import Level
from relayer.keeper.store import Store

WARNING_BPS = 12_000
SOMEBODY = 0xABC << 96


class Desk:
    """A notifier with its store, bus and clock."""

    def __init__(self, bus: MemoryBus, store: Store) -> None:
        self.bus, self.now_ns = bus, 10**18
        self.notifier = Notifier(
            "home", 1, "0xe", bus, store, KeeperMetrics(CollectorRegistry()), lambda: self.now_ns,
            hysteresis_bps=500, repeat_s=60.0,
        )  # fmt: skip

    def stands(self, level: Level, equity: int = 0) -> None:
        """Say how somebody stands, as a keeper does at each mark."""
        margin = Margin(equity * E18, 0, 100 * E18)
        if level:
            self.notifier.say(SOMEBODY, level, margin, 7)
        elif SOMEBODY in self.notifier.called():
            self.notifier.recovered(SOMEBODY, margin, WARNING_BPS, 7)

    async def said(self) -> list[tuple[str, int]]:
        """Return levels and sequences off the bus."""
        await self.notifier.delivered()
        async with self.bus.subscribe(Topic.MARGIN_CALLS, start=Start.EARLIEST) as reader:
            records = await reader.take(timeout_s=0.0)
        return [
            (one.message.level, one.message.sequence)
            for one in records
            if isinstance(one.message, MarginCall)
        ]


async def test_each_worse_level_is_said_once() -> None:
    """Worse is news; the same again, or a little better, is none."""
    async with MemoryBus() as bus:
        desk = Desk(bus, Store())
        for level in (1, 1, 2, 1, 2, 3, 3, 1):
            desk.stands(Level(level))
        assert await desk.said() == [("warned", 1), ("liquidable", 2), ("backstop", 3)]
        await desk.notifier.aclose()


async def test_a_call_ends_only_well_above_its_level() -> None:
    """At the level, and just above it, nothing is said; above the gap it has ended, once."""
    async with MemoryBus() as bus:
        desk = Desk(bus, Store())
        desk.stands(Level.WARNED)
        for equity in (120, 121, 124):
            desk.stands(Level.HEALTHY, equity)
        assert await desk.said() == [("warned", 1)]
        desk.stands(Level.HEALTHY, 125)
        desk.stands(Level.HEALTHY, 125)
        assert await desk.said() == [("warned", 1), ("ended", 2)]
        desk.stands(Level.WARNED)
        assert (await desk.said())[2:] == [("warned", 3)]
        await desk.notifier.aclose()


async def test_what_goes_on_is_said_again_after_a_while() -> None:
    """Once an interval, by the clock."""
    async with MemoryBus() as bus:
        desk = Desk(bus, Store())
        desk.stands(Level.WARNED)
        desk.now_ns += 59 * 10**9
        desk.stands(Level.WARNED)
        desk.now_ns += 10**9
        desk.stands(Level.WARNED)
        assert await desk.said() == [("warned", 1), ("warned", 2)]
        await desk.notifier.aclose()


async def test_a_restart_says_nothing_twice(tmp_path: Path) -> None:
    """What was said is on disk: the next process goes on counting."""
    async with MemoryBus() as bus:
        store = Store(tmp_path / "state.sqlite")
        desk = Desk(bus, store)
        desk.stands(Level.WARNED)
        await desk.said()
        await desk.notifier.aclose()
        store.close()
        again = Desk(bus, Store(tmp_path / "state.sqlite"))
        again.stands(Level.WARNED)
        again.stands(Level.LIQUIDABLE)
        assert await again.said() == [("warned", 1), ("liquidable", 2)]
        await again.notifier.aclose()


@given(st.integers(-(10**40), 10**40))
def test_an_amount_keeps_its_first_digits(value: int) -> None:
    """Within one part in 10^17, of the same sign, and never beyond."""
    px = px_e18(value)
    back = px.mantissa * 10 ** (px.exponent + 18)
    assert abs(value) - abs(back) <= max(abs(value) // 10**17, 0)
    assert abs(back) <= abs(value)
    assert back * value >= 0


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (E18, "1"), (-E18 // 4, "-0.25")])
def test_an_amount_reads_as_people_write_it(value: int, text: str) -> None:
    """Without trailing zeros."""
    assert str(px_e18(value)) == text
