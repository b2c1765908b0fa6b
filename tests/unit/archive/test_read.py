"""What a step took and made is read back exactly, or it is said what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from oracle.archive.read import Archive
from oracle.archive.store import Store
from oracle.model.errors import Rejected
from oracle.model.messages import encode
from oracle.model.topics import Topic
from tests.unit.archive.samples import MAKE, manifest, mark, ticks, time_of
from tests.unit.archive.writing import write


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """An archive of 40 messages of every kind, in parts of 7."""
    store = Store(str(tmp_path))
    for kind, make in MAKE.items():
        write(store, kind, [(number, make(number)) for number in range(40)], rows=7)
    return Archive(store)


def wires(batches: list) -> list[bytes]:
    """Return messages as bytes."""
    return [encode(batch) for batch in batches]


def test_ticks_come_by_offset(archive: Archive) -> None:
    """From the first to before the last, across parts, to the byte."""
    for start, end in ((0, 40), (3, 4), (6, 8), (13, 29), (5, 5)):
        read = archive.ticks_between(0, start, end)
        assert wires(read) == wires([ticks(number) for number in range(start, end)])


@pytest.mark.parametrize(("start", "end"), [(39, 41), (100, 101)])
def test_ticks_that_are_not_there_are_said(archive: Archive, start: int, end: int) -> None:
    """Nobody is given half of what a step took."""
    with pytest.raises(Rejected, match="lacks ticks of shard 0 at offset"):
        archive.ticks_between(0, start, end)


def test_a_hole_between_parts_is_said(tmp_path: Path) -> None:
    """Offsets that the log had dropped before they were archived are no empty offsets."""
    store = Store(str(tmp_path))
    write(store, Topic.TICKS, [(number, ticks(number)) for number in range(5)])
    write(store, Topic.TICKS, [(9, ticks(9))])
    with pytest.raises(Rejected, match="at offset 5; 3 to 10"):
        Archive(store).ticks_between(0, 3, 10)


def test_offsets_without_a_message_are_no_hole(tmp_path: Path) -> None:
    """What did not decode, and the log's own marks, leave offsets that the part has covered."""
    store = Store(str(tmp_path))
    write(store, Topic.TICKS, [(0, ticks(0)), (4, ticks(4))])
    assert wires(Archive(store).ticks_between(0, 0, 5)) == wires([ticks(0), ticks(4)])


def test_a_step_has_its_ticks_and_its_marks(archive: Archive) -> None:
    """By the manifest's offsets and time, in the log that it was in."""
    step = archive.manifest_at(0, time_of(17))
    assert (step.manifest, step.offset) == (manifest(17), 17)
    assert wires(archive.ticks_of(step)) == wires([ticks(17)])
    assert archive.marks_made(step) == [mark(17)]


def test_the_step_at_a_time_is_the_newest_before_it(archive: Archive) -> None:
    """Between two steps the earlier one holds, after the last the last, before the first none."""
    assert archive.manifest_at(0, time_of(18) - 1).manifest == manifest(17)
    assert archive.manifest_at(0, time_of(39) + 20 * 24 * 3600 * 10**9).manifest == manifest(39)
    with pytest.raises(Rejected, match="no step of shard 0"):
        archive.manifest_at(0, time_of(0) - 1)
    with pytest.raises(Rejected, match="no step of shard 1"):
        archive.manifest_at(1, time_of(17))


def test_times_are_from_to_before(archive: Archive) -> None:
    """Every kind by its own time."""
    begin, end = time_of(5), time_of(21)
    numbers = range(5, 21)
    assert [s.manifest for s in archive.steps_between(0, begin, end)] == [*map(manifest, numbers)]
    assert archive.marks_of("ETH-USD", begin, end) == [mark(n) for n in numbers if n % 2]
    for kind, read in (
        (Topic.REPORTS, archive.reports_between),
        (Topic.RECEIPTS, archive.receipts_between),
        (Topic.CONTROLS, archive.controls_between),
        (Topic.AUDIT, archive.audit_between),
    ):
        assert read(begin, end) == [MAKE[kind](number) for number in numbers]


def test_a_receipt_is_found_by_its_transaction(archive: Archive) -> None:
    """Whatever time it is of."""
    assert archive.receipts_of(f"0x{12:064x}") == [MAKE[Topic.RECEIPTS](12)]
    assert archive.receipts_of("0x") == []


def test_the_newest_log_counts_unless_another_is_named(tmp_path: Path) -> None:
    """A topic made anew counts its offsets anew."""
    store = Store(str(tmp_path))
    write(store, Topic.TICKS, [(0, ticks(1))], log="old.ticks", now_ns=1)
    write(store, Topic.TICKS, [(0, ticks(2))], log="new.ticks", now_ns=2)
    archive = Archive(store)
    assert wires(archive.ticks_between(0, 0, 1)) == wires([ticks(2)])
    assert wires(archive.ticks_between(0, 0, 1, log="old.ticks")) == wires([ticks(1)])
