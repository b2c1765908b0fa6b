"""The recorder: what it keeps of the bus, and that it stays bounded."""

from __future__ import annotations

import asyncio
import contextlib
import time

from oracle.cli.demo.series import KEPT_SAMPLES, SAMPLE_NS, Series
from oracle.model.fixed import Px
from oracle.model.messages import StepManifest
from oracle.model.topics import Topic
from oracle.model.validity import BreakerState, Validity
from relayer.held import HeldMark
from tests.unit.demo.synthetic import (
    START_NS,
    Clock,
    mark,
    receipt,
    record,
    recorder_of,
    report,
    ticks,
    view,
)


async def test_it_follows_the_bus_from_its_tail() -> None:
    """Ticks, rejections and reports are counted; marks and receipts kept."""
    recorder = recorder_of()
    task = asyncio.create_task(recorder.run())
    bus = recorder._bus
    deadline = time.monotonic() + 30
    while recorder.reports < 2:  # the reader may begin amid the first round
        assert time.monotonic() < deadline
        manifest = StepManifest("0", 1, START_NS, 2, {0: 1}, {}, {"crossed": 3})
        await bus.publish(Topic.STEPS, [("0", manifest)])
        await bus.publish(Topic.TICKS, [("0", ticks(1, 2))])
        await bus.publish(Topic.MARKS, [("BTC-USD", mark())])
        await bus.publish(Topic.RECEIPTS, [("anvil-a", receipt("anvil-a", 5, START_NS))])
        await bus.publish(Topic.REPORTS, [("d", report(5, START_NS, START_NS))])
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert recorder.ticks >= 2
    assert recorder.rejected_ticks["crossed"] >= 3
    assert recorder.marks["BTC-USD"] == mark()
    assert recorder.chains["anvil-a"].gas_per_update == 118_500


def test_samples_are_thinned_to_the_whole_run_in_bounded_memory() -> None:
    """However long the run, the first and a recent mark are there, and no more than the limit."""
    series = Series()
    for step in range(10 * KEPT_SAMPLES):
        series.add(mark(time_ns=START_NS + step * SAMPLE_NS // 2))
    assert KEPT_SAMPLES // 2 <= len(series.samples) <= KEPT_SAMPLES
    assert series.samples[0].time_ns == START_NS
    assert series.samples[-1].time_ns > START_NS + 9.9 * KEPT_SAMPLES * SAMPLE_NS / 2
    gaps = {b.time_ns - a.time_ns for a, b in zip(series.samples, series.samples[1:], strict=False)}
    assert max(gaps) <= 16 * SAMPLE_NS


def test_a_short_halt_is_kept_even_between_two_samples() -> None:
    """Standings come from every mark."""
    series = Series()
    halted = (Validity.HALTED, BreakerState.HALTED, "why")
    series.add(mark(time_ns=START_NS))
    series.add(mark("BTC-USD", START_NS + 10, 1.0, *halted))
    series.add(mark(time_ns=START_NS + 20))
    assert [s.validity.name for s in series.standings] == ["VALID", "HALTED", "VALID"]
    assert len(series.samples) == 1


def test_the_time_a_source_was_refused_is_added_up_by_reason() -> None:
    """A refusal lasts until the next mark."""
    series = Series()
    out = (view("kraken:BTC/USD", 1.0, "outlier"),)
    for time_ns, sources in ((0, out), (5, out), (7, (view("kraken:BTC/USD", 1.0),)), (9, ())):
        series.add(mark(time_ns=START_NS + time_ns, sources=sources))
    assert series.refused_ns == {"kraken:BTC/USD": {"outlier": 7}}


def test_a_chain_is_noted_when_it_changes_and_unknown_gas_is_missing() -> None:
    """Reading the same again adds nothing; a refused receipt is no update."""
    recorder = recorder_of()
    recorder.take(
        record(Topic.RECEIPTS, receipt("anvil-a", 1, START_NS, accepted=False, error="no"))
    )
    for _ in range(2):
        recorder.note_chain("anvil-a", "BTC-USD", Px(65, 3), 1, Validity.VALID)
    assert recorder.chain_states["anvil-a"] == {"BTC-USD": HeldMark(Px(65, 3), 1, Validity.VALID)}
    assert len(recorder.chains["anvil-a"].stored["BTC-USD"]) == 1
    chain = recorder.chains["anvil-a"]
    assert (chain.updates, chain.failed, chain.gas_per_update) == (0, 1, None)


def test_the_story_is_timed_from_when_the_clock_was_started() -> None:
    """An act's time counts from `start_clock`."""
    clock = Clock()
    recorder = recorder_of(clock)
    clock.now_ns += 5 * 10**9
    recorder.start_clock()
    clock.now_ns += 2 * 10**9
    recorder.note_event("wick", "thrown out", True)
    assert recorder.story[0].t_s == 2.0
