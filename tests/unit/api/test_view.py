"""The view over the bus: what it holds, what it refuses, and whom it tells."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from oracle.api.fanout import Fanout
from oracle.api.progress import Progress
from oracle.api.view import LatestView
from oracle.bus.memory import MemoryBus
from oracle.model.errors import Retryable
from oracle.model.messages import SignedReport
from oracle.model.topics import Topic
from tests.unit.api.samples import (
    MARKETS,
    NOW_MS,
    Clock,
    mark,
    paused,
    receipt,
    signed_report,
    until,
)


def view_of(**changed: Any) -> LatestView:
    """Return a view that nothing has been told yet."""
    given = {"bus": MemoryBus(), "markets": MARKETS, "clock_ns": Clock()}
    return LatestView(**{**given, **changed})


async def test_controls_from_before_the_start_are_held() -> None:
    """Orders are read from the beginning of the log, the rest from its end."""
    bus = MemoryBus()
    await bus.publish(Topic.MARKS, [("BTC-USD", mark())])
    await bus.publish(Topic.CONTROLS, [(paused().key, paused())])
    await bus.publish(Topic.RECEIPTS, [("alpha", receipt())])
    view = view_of(bus=bus)
    running = asyncio.create_task(view.run())
    await until(lambda: view.controls.in_force(Clock()()))
    assert not view.marks
    assert not view.receipts
    await until(lambda: len(view.unready()) == len(MARKETS))
    await bus.publish(Topic.RECEIPTS, [("alpha", receipt())])
    await bus.publish(Topic.REPORTS, [("d", signed_report())])
    await bus.publish(Topic.MARKS, [("BTC-USD", mark(sequence=2))])
    await until(lambda: view.receipts and view.reports and view.marks)
    assert view.marks["BTC-USD"].sequence == 2
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


class Unreachable(MemoryBus):
    """A bus whose readers cannot connect."""

    def subscribe(self, *topics: Topic, **kwargs: Any) -> Any:
        raise Retryable("no broker at localhost:9092")


async def test_a_lost_bus_makes_the_view_unready_and_not_dead() -> None:
    """While the bus is away the loops go on trying, and readiness says what is lost."""
    monotonic = Clock()
    view = view_of(bus=Unreachable(), progress=Progress(monotonic))
    running = asyncio.create_task(view.run())
    await until(lambda: any("no broker" in reason for reason in view.unready()))
    assert not running.done()
    assert view.progress.late(10.0) == []
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_a_mark_of_no_configured_market_is_not_served() -> None:
    """What another configuration left in the log stays out."""
    view = view_of()
    view.apply(mark("DOGE-USD"))
    assert view.marks == {}


@pytest.mark.parametrize("body", [b"", b"\x01" * 40, b"\xff" * 500])
def test_a_malformed_report_is_refused_and_the_view_goes_on(body: bytes) -> None:
    """Bytes that are no report are counted, and the next report is held."""
    view = view_of()
    view.apply(SignedReport("0x00", 1, 1, NOW_MS * 10**6, NOW_MS * 10**6, True, body))
    assert not view.reports
    view.apply(signed_report())
    assert len(view.reports) == 1


def test_an_older_report_does_not_replace_a_newer() -> None:
    """Times of held reports rise strictly."""
    view = view_of()
    view.apply(signed_report(NOW_MS, NOW_MS - 250, slot=7))
    view.apply(signed_report(NOW_MS, NOW_MS - 250, slot=8))
    view.apply(signed_report(NOW_MS - 250, NOW_MS - 500, slot=6))
    assert [held.report.slot for held in view.reports] == [7]


def test_the_first_report_after_a_time_is_proven_by_its_predecessor() -> None:
    """`prev < T <= time`; where a report between is missing here, none is given."""
    view = view_of()
    for slot in (1, 2, 4):  # 3 never arrived
        view.apply(signed_report(NOW_MS + 250 * slot, NOW_MS + 250 * (slot - 1), slot=slot))
    expected: dict[int, int | None] = {
        0: None,
        1: 1,
        250: 1,
        251: 2,
        500: 2,
        501: None,
        750: None,
        751: 4,
        1000: 4,
    }
    for offset_ms, wanted in (expected | {1001: None}).items():
        held = view.first_after(NOW_MS + offset_ms)
        assert (held.report.slot if held else None) == wanted, offset_ms


def test_an_epochs_first_report_is_the_first_after_no_time() -> None:
    """Its `prev` of 0 is no proof: reports of the epoch before may have come until then."""
    view = view_of()
    view.apply(signed_report(NOW_MS, 0, slot=1))
    view.apply(signed_report(NOW_MS + 250, NOW_MS, slot=2))
    assert view.first_after(NOW_MS - 1000) is None
    assert view.first_after(NOW_MS) is None
    held = view.first_after(NOW_MS + 1)
    assert held is not None
    assert held.report.slot == 2


def test_an_epoch_that_ended_answers_for_no_time_of_the_next() -> None:
    """Its members may sign on; the report of the newest epoch is the one that counts."""
    view = view_of()
    view.apply(signed_report(NOW_MS, NOW_MS - 250, slot=1, epoch=3))
    view.apply(signed_report(NOW_MS + 5, 0, slot=1, epoch=4))
    view.apply(signed_report(NOW_MS + 10, NOW_MS, slot=2, epoch=3))
    view.apply(signed_report(NOW_MS + 15, NOW_MS + 5, slot=2, epoch=4))
    held = view.first_after(NOW_MS + 8)
    assert held is not None
    assert (held.report.epoch, held.report.slot) == (4, 2)


def test_reports_are_held_up_to_a_bound() -> None:
    """The oldest reports are forgotten first."""
    view = view_of(reports_held=2)
    for slot in (1, 2, 3):
        view.apply(signed_report(NOW_MS + 250 * slot, NOW_MS + 250 * (slot - 1), slot=slot))
    assert view.held() == (NOW_MS + 500, NOW_MS + 750)
    assert view.first_after(NOW_MS + 250) is None


async def test_a_stream_begins_with_what_holds_now() -> None:
    """A new reader knows the state before the first change."""
    view = view_of()
    for message in (mark("ETH-USD"), mark(), signed_report(), paused()):
        view.apply(message)
    stream = view.open_stream(None)
    kinds = [(await stream.take(1.0)) for _ in range(4)]
    assert [event.kind for event in kinds if event] == ["mark", "mark", "report", "control"]


async def test_a_stream_of_one_market_gets_no_marks_of_others() -> None:
    """The filter holds for what is held and for what comes; other kinds come to all."""
    view = view_of()
    view.apply(mark("ETH-USD"))
    stream = view.open_stream("BTC-USD")
    for message in (mark("ETH-USD"), mark("BTC-USD"), receipt()):
        view.apply(message)
    first, second = await stream.take(1.0), await stream.take(1.0)
    assert first is not None
    assert second is not None
    assert (first.kind, first.market, second.kind) == ("mark", "BTC-USD", "receipt")


async def test_a_slow_reader_loses_its_oldest_and_is_told_how_many() -> None:
    """A full queue never makes the bus reader wait, and other readers lose nothing."""
    view = view_of(fanout=Fanout(queued=3))
    slow = view.open_stream(None)
    for sequence in range(5):
        view.apply(mark(sequence=sequence))
    first = await slow.take(1.0)
    assert first is not None
    assert '"sequence":2' in first.data
    assert slow.take_dropped() == 2
    assert slow.take_dropped() == 0


async def test_streams_are_bounded_in_number_and_may_be_opened_again() -> None:
    """The bound is said, and a closed stream makes room."""
    view = view_of(fanout=Fanout(max_streams=1))
    stream = view.open_stream(None)
    with pytest.raises(Retryable, match="1 streams are open"):
        view.open_stream(None)
    view.fanout.close(stream)
    view.fanout.close(view.open_stream(None))
    assert view.fanout.readers == 0


async def test_an_ended_stream_gives_what_is_queued_and_stops() -> None:
    """A server that stops does not lose what it has already said."""
    view = view_of()
    stream = view.open_stream(None)
    view.apply(mark())
    view.fanout.end()
    assert not stream.ended
    assert await stream.take(60.0) is not None
    assert stream.ended
    assert await stream.take(60.0) is None
    with pytest.raises(Retryable, match="stopping"):
        view.open_stream(None)


def test_a_loop_that_stands_still_is_named() -> None:
    """Progress is asked of every loop that ever turned, until it ends."""
    clock = Clock()
    progress = Progress(clock)
    progress.turned("engine")
    progress.turned("feeds")
    clock.now_ms += 10_001
    progress.turned("feeds")
    assert progress.late(10.0) == ["engine has not turned for 10.0 s"]
    progress.ended("engine")
    assert progress.late(10.0) == []
