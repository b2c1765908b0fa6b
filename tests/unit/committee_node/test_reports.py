"""Certified reports: held for peers, published in order, and what a peer may ask for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from oracle.bus.memory import MemoryBus
from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.running.reports import HELD, Reports
from oracle.committee.wire.messages import MOST_REPORTS, Since, SinceAnswer
from oracle.model.errors import Rejected, Retryable
from oracle.model.messages import Message
from oracle.model.topics import Topic
from oracle.model.validity import Validity
from oracle.report.report import Leaf, Unsigned
from oracle.report.word import Entry, encode_word

T0 = 1_790_000_000_000


def _body(slot: int) -> bytes:
    word = encode_word(slot + 5, [Entry(Validity.HALTED)])
    return Unsigned(1, slot, bytes(32), (Leaf(0, 0, word),)).encode()


class Moody(MemoryBus):
    """A bus that takes nothing while it is told so."""

    well = True
    tried = 0

    async def publish(self, topic: Topic, messages: Iterable[tuple[str, Message]]) -> None:
        """Fail, or publish."""
        self.tried += 1
        if not self.well:
            raise Retryable("broker is down")
        await super().publish(topic, messages)


def _reports(
    path: Path | None = None,
    bus: MemoryBus | None = None,
    registry: CollectorRegistry | None = None,
) -> Reports:
    metrics = CommitteeMetrics(registry or CollectorRegistry())
    return Reports(bus or MemoryBus(), "0xab", metrics, path, lambda: 42)


@asynccontextmanager
async def _running(reports: Reports) -> AsyncIterator[None]:
    running = asyncio.create_task(reports.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - a file or a counter sets no event
            await asyncio.sleep(0.005)


async def test_a_published_report_is_on_the_bus_as_the_members_own():
    """Consumers see the committee's report, its time, and that it is no shared view."""
    bus = MemoryBus()
    async with bus.subscribe(Topic.REPORTS) as reader:
        reports = _reports(bus=bus)
        reports.take(_body(T0))
        async with _running(reports):
            (record,) = await reader.take()
    signed = record.message
    assert (signed.slot, signed.time_ns, signed.signed_ns) == (T0, (T0 + 5) * 10**6, 42)
    assert not signed.shared_view


async def test_reports_are_held_up_to_a_bound():
    """A peer gets what it missed, the oldest first, and the newest alone when it has nothing."""
    reports = _reports()
    for n in range(HELD + 10):
        reports.take(_body(T0 + n))
    assert reports.after(T0 + HELD, 3) == [_body(T0 + HELD + n) for n in (1, 2, 3)]
    assert reports.after(-1, 10) == [_body(T0 + HELD + 9)]
    assert reports.after(0, HELD * 2)[0] == _body(T0 + 10)
    assert reports.has(T0 + 10)
    assert not reports.has(T0 + 9)


async def test_the_newest_report_is_there_after_a_restart(tmp_path: Path):
    """It is read back unchecked: whoever takes it checks the signatures."""
    reports = _reports(tmp_path / "newest")
    async with _running(reports):
        reports.take(_body(T0))
        await _until((tmp_path / "newest").exists)
    assert _reports(tmp_path / "newest").stored() == _body(T0)
    assert _reports(tmp_path / "none").stored() is None


async def test_a_disk_that_takes_nothing_stops_no_report(tmp_path: Path):
    """The file is a convenience; reports go on without it."""
    reports = _reports(tmp_path / "no" / "folder" / "newest")
    async with _running(reports):
        reports.take(_body(T0))
        await _until(lambda: reports.waiting_since_ns is None)
    assert reports.slot == T0


async def test_a_bus_that_fails_gets_all_that_waits_in_order(tmp_path: Path):
    """Reports go on meanwhile; what waits is counted, said once, and published when it works."""
    bus, registry = Moody(), CollectorRegistry()
    bus.well = False
    reports = _reports(tmp_path / "newest", bus, registry)
    async with bus.subscribe(Topic.REPORTS) as reader, _running(reports):
        with capture_logs() as logs:
            for n in range(3):
                reports.take(_body(T0 + n))
            await _until(lambda: bus.tried == 2)
            assert reports.after(T0, 10) == [_body(T0 + 1), _body(T0 + 2)]  # peers get them
            assert registry.get_sample_value("plumbline_committee_reports_waiting") == 3
            assert not (tmp_path / "newest").exists()
            bus.well = True
            slots = [record.message.slot for record in await reader.take()]
            await _until((tmp_path / "newest").exists)
    assert slots == [T0, T0 + 1, T0 + 2]
    assert [log["event"] for log in logs] == ["reports_not_published", "reports_published_again"]
    assert registry.get_sample_value("plumbline_committee_reports_waiting") == 0
    assert reports.stored() == _body(T0 + 2)


async def test_a_bus_that_stays_away_costs_the_oldest_only():
    """What waits is bounded, and each that is given up is counted."""
    bus, registry = Moody(), CollectorRegistry()
    reports = _reports(None, bus, registry)
    for n in range(HELD + 3):
        reports.take(_body(T0 + n))
    assert registry.get_sample_value("plumbline_committee_reports_unpublished_total") == 3
    async with bus.subscribe(Topic.REPORTS) as reader, _running(reports):
        taken = await reader.take()
    assert taken[0].message.slot == T0 + 3


@pytest.mark.parametrize("since", [Since(-1), Since(0), Since(T0, b"\x07" * 32)])
def test_a_question_survives_its_encoding(since):
    """What is asked arrives, the question for the newest alone too."""
    assert Since.decode(since.encode()) == since


@pytest.mark.parametrize(
    "body", [b"", b"\x90", b"\xc1", SinceAnswer([b""] * (MOST_REPORTS + 1)).encode(), b"\x91\x01"]
)
def test_an_answer_that_is_none_is_refused(body):
    """Whatever a peer sends, it decodes or is rejected."""
    with pytest.raises(Rejected):
        SinceAnswer.decode(body)


def test_a_question_of_another_length_is_refused():
    """So is a question."""
    with pytest.raises(Rejected):
        Since.decode(bytes(39))
