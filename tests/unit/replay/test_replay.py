"""Replay: pace of the feed, its clock, and the windows for an engine without a clock."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from feeds.metrics import FeedMetrics
from feeds.replay import ReplayFeed, batches
from feeds.ticks.reader import TickReader
from oracle.model.errors import ConfigError, Retryable
from oracle.model.ticks import Tick

START_NS = 1_760_000_000 * 10**9


class Wall:
    """A clock that moves only by sleeping."""

    def __init__(self) -> None:
        self.ns = 77

    def monotonic_ns(self) -> int:
        return self.ns

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.ns += round(seconds * 1e9)
        await asyncio.sleep(0)


class Published:
    """Takes ticks, and remembers when each came by the wall and by the replay's clock."""

    def __init__(self, wall: Wall) -> None:
        self.wall = wall
        self.feed: ReplayFeed | None = None
        self.ticks: list[Tick] = []
        self.at_ns: list[int] = []

    async def __call__(self, ticks: Sequence[Tick]) -> None:
        assert self.feed is not None
        assert self.feed.now_ns() >= ticks[-1].received_ns
        self.ticks += ticks
        self.at_ns += [self.wall.ns - 77] * len(ticks)


def tick_file(folder: Path, received_ns: Sequence[int]) -> Path:
    """Write ticks received at these times."""
    path = folder / "ticks.csv"
    rows = "".join(f"{ns},{ns - 5},a:B/C,,,{row}\n" for row, ns in enumerate(received_ns))
    path.write_text("received_ns,event_ns,source,bid,ask,last\n" + rows)
    return path


async def replay(path: Path, speed: float) -> Published:
    """Run a feed to its end on a clock of its own."""
    wall = Wall()
    published = Published(wall)
    published.feed = ReplayFeed(
        [path],
        speed=speed,
        metrics=FeedMetrics(CollectorRegistry()),
        monotonic_ns=wall.monotonic_ns,
        sleep=wall.sleep,
    )
    await published.feed.run(published)
    return published


@pytest.mark.parametrize("speed", [1.0, 4.0, 0.5])
async def test_ticks_come_at_the_recorded_pace_times_speed(tmp_path: Path, speed: float) -> None:
    """Each tick is published when its recorded time has come, and not much later."""
    offsets = [0, 3_000_000, 3_000_000, 500_000_000, 9_000_000_000]
    published = await replay(tick_file(tmp_path, [START_NS + ns for ns in offsets]), speed)
    for at_ns, offset in zip(published.at_ns, offsets, strict=True):
        assert 0 <= at_ns - offset / speed <= 2_000_000


async def test_flat_out_waits_for_nothing_and_keeps_recorded_times(tmp_path: Path) -> None:
    """Speed 0 needs no time; nothing is stamped anew, and the clock is the newest tick's."""
    times = [START_NS, START_NS + 10**12, START_NS + 2 * 10**12]
    published = await replay(tick_file(tmp_path, times), 0)
    assert [(tick.received_ns, tick.event_ns) for tick in published.ticks] == [
        (ns, ns - 5) for ns in times
    ]
    assert set(published.at_ns) == {0}
    assert published.feed is not None
    assert published.feed.now_ns() == times[-1]


async def test_after_its_end_a_replays_clock_goes_on(tmp_path: Path) -> None:
    """What the files left grows stale, as it would live: it must not look fresh for ever."""
    published = await replay(tick_file(tmp_path, [START_NS]), 0)
    published.wall.ns += 60 * 10**9
    assert published.feed is not None
    assert published.feed.now_ns() == START_NS + 60 * 10**9


async def test_refused_rows_reach_the_metrics(tmp_path: Path) -> None:
    """A row that is no tick is counted where live feeds count theirs."""
    path = tick_file(tmp_path, [START_NS])
    path.write_text(path.read_text() + f"{START_NS + 1},,a:B/C,,,nan\n")
    registry = CollectorRegistry()
    feed = ReplayFeed([path], speed=0, metrics=FeedMetrics(registry))
    published = Published(Wall())
    published.feed = feed
    await feed.run(published)
    labels = {"source": "a:B/C", "reason": "not_finite"}
    assert registry.get_sample_value("plumbline_feed_refused_total", labels) == 1
    assert registry.get_sample_value("plumbline_feed_ticks_total", {"source": "a:B/C"}) == 1


async def test_sizes_and_funding_rates_are_replayed(tmp_path: Path) -> None:
    """What a file has reaches the log: a row with a rate alone is a tick too."""
    path = tmp_path / "sized.csv"
    path.write_text(
        "received_ns,event_ns,source,bid,ask,last,bid_size,ask_size,last_size,funding\n"
        f"{START_NS},,a:B/C,1,2,3,4,5,6.5,\n{START_NS + 1},,a:B/C,,,,,,,-0.0001\n"
    )
    first, second = (await replay(path, 0)).ticks
    assert [str(px) for px in (first.bid_size, first.ask_size, first.last_size)] == [
        "4.0",
        "5.0",
        "6.5",
    ]
    assert (first.funding_e12, second.funding_e12) == (None, -100_000_000)
    steps = list(batches(TickReader([path]), 10))
    assert sum(len(batch) for _, batch in steps) == 2
    assert steps[-1][1].funding_e12


async def test_what_the_bus_does_not_take_is_published_again(tmp_path: Path) -> None:
    """A replay that left ticks out, or began anew after an outage, would not be the recording."""
    wall, tries, taken = Wall(), 0, list[int]()

    async def often_away(ticks: Sequence[Tick]) -> None:
        nonlocal tries
        tries += 1
        if tries % 3:
            raise Retryable("no broker")
        taken.extend(tick.received_ns for tick in ticks)

    times_ns = [START_NS + at for at in range(2_500)]
    feed = ReplayFeed(
        [tick_file(tmp_path, times_ns)],
        speed=0,
        metrics=FeedMetrics(CollectorRegistry()),
        sleep=wall.sleep,
    )
    await feed.run(often_away)
    assert taken == times_ns
    assert tries > 3


def test_a_replay_of_nothing_is_refused() -> None:
    """A reader without files says so at once."""
    with pytest.raises(ConfigError, match="no tick files given"):
        TickReader([])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    offsets=st.lists(st.integers(0, 60), min_size=1, max_size=30).map(sorted),
    batch_rows=st.integers(1, 5),
)
def test_windows_hold_each_tick_once_in_the_step_it_was_received_in(
    tmp_path: Path, offsets: list[int], batch_rows: int
) -> None:
    """Steps follow one another without a hole, on multiples of the step, whatever the batches."""
    path = tick_file(tmp_path, [START_NS + offset for offset in offsets])
    steps = list(batches(TickReader([path], batch_rows=batch_rows), 10))
    times = [now for now, _ in steps]
    assert times == list(range(-(-(START_NS + offsets[0]) // 10) * 10, times[-1] + 1, 10))
    seen = [(tick.received_ns, now) for now, batch in steps for tick in batch.ticks()]
    assert [received - START_NS for received, _ in seen] == offsets
    assert all(now - 10 < received <= now for received, now in seen)


def test_a_long_silence_is_stepped_through_only_so_far(tmp_path: Path) -> None:
    """Sources go stale in steps without ticks; after the idle bound the rest are left out."""
    path = tick_file(tmp_path, [START_NS, START_NS + 10**9])
    steps = list(batches(TickReader([path]), 10, idle_ns=30))
    assert [(now - START_NS, len(batch)) for now, batch in steps] == [
        (0, 1),
        (10, 0),
        (20, 0),
        (30, 0),
        (10**9, 1),
    ]
