"""Latencies against figures worked out by hand."""

from __future__ import annotations

from oracle.bus.interface import Record
from oracle.cli.demo.latency import Latency, LatencyBook
from oracle.model.messages import StepManifest
from oracle.model.topics import Topic
from tests.unit.demo.synthetic import receipt, record, report, ticks

MS = 10**6


def _step(time_ms: int, offset: int) -> Record:
    return record(Topic.STEPS, StepManifest("0", 1, time_ms * MS, 1, {0: offset}, {}, {}))


def _ticks(offset: int, *received_ms: int) -> Record:
    return record(Topic.TICKS, ticks(*(ms * MS for ms in received_ms)), offset)


def _report(slot: int, time_ms: int, signed_ms: int) -> Record:
    return record(Topic.REPORTS, report(slot, time_ms * MS, signed_ms * MS))


def _book(*records: Record, kept_ticks: int = 1000, kept_steps: int = 1000) -> LatencyBook:
    book = LatencyBook(kept_ticks, kept_steps)
    for each in records:
        book.add(each)
    return book


STEPS = (
    _ticks(0, 100, 110),
    _ticks(1, 120),
    _step(125, 2),  # took offsets 0 and 1
    _ticks(2, 130),
    _step(140, 3),
    _ticks(3, 200),
    _step(210, 4),
    _ticks(4, 300),  # no step took it
)
REPORTS = (_report(1, 140, 150), _report(2, 210, 260))


def test_a_tick_counts_to_the_first_report_that_holds_its_step() -> None:
    """Steps at 125 and 140 are in report 1 (signed 150), the one at 210 in report 2 (260)."""
    # 150-100, 150-110, 150-120, 150-130, 260-200 = 50, 40, 30, 20, 60
    assert _book(*STEPS, *REPORTS).tick_to_report() == Latency(5, 40.0, 60.0, 60.0)


def test_the_order_of_arrival_between_topics_changes_nothing() -> None:
    """A reader of several topics may see reports before the ticks inside."""
    assert _book(*REPORTS, *STEPS).tick_to_report() == Latency(5, 40.0, 60.0, 60.0)


def test_a_receipt_counts_for_the_ticks_first_held_by_its_report() -> None:
    """Each accepted receipt of a slot is a sample a tick; refused ones and unsent reports none."""
    sent = [
        receipt("a", 2, 500 * MS),
        receipt("b", 2, 700 * MS),
        receipt("a", 1, 400 * MS, accepted=False, error="x"),
    ]
    book = _book(*STEPS, *REPORTS, *(record(Topic.RECEIPTS, each) for each in sent))
    assert book.tick_to_receipt() == Latency(2, 300.0, 500.0, 500.0)
    assert book.tick_to_receipt("b") == Latency(1, 500.0, 500.0, 500.0)


def test_without_a_report_there_is_no_latency() -> None:
    """Missing is None, not zero."""
    assert _book(*STEPS).tick_to_report() == Latency(0, None, None, None)


def test_ticks_of_forgotten_steps_are_left_out_rather_than_misattributed() -> None:
    """With only the last step kept, only the tick that it took remains."""
    assert _book(*STEPS, *REPORTS, kept_steps=1).tick_to_report() == Latency(1, 60.0, 60.0, 60.0)


def test_only_the_newest_ticks_are_kept() -> None:
    """Memory is bounded by ticks, the oldest go first: 20 (130) and 60 (200) remain; 300 is new."""
    assert _book(*STEPS, *REPORTS, kept_ticks=3).tick_to_report().samples == 2
