"""Orders and audit outlive an embedded process."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from oracle.bus.interface import Start
from oracle.bus.ledger import LedgerBus
from oracle.model.errors import ConfigError, Retryable
from oracle.model.messages import AuditEntry, Control
from oracle.model.topics import Topic

PAUSE = Control("market", "BTC-USD", True, "ann", "exploit", 1_000, 2_000)
RESUME = Control("market", "BTC-USD", False, "ann", "over", 1_500, 1_500)
ENTRY = AuditEntry("run", 1, bytes(32), 1_000, "pause", "market|BTC-USD", "ann", "exploit", 2_000)


async def _held(folder: Path, topic: Topic) -> list[object]:
    async with LedgerBus(folder) as bus, bus.subscribe(topic, start=Start.EARLIEST) as reader:
        return [record.message for record in await reader.take(timeout_s=0.05)]


async def _publish(folder: Path, topic: Topic, *messages: object) -> None:
    async with LedgerBus(folder) as bus:
        for message in messages:
            await bus.publish(topic, [(getattr(message, "key", "run"), message)])


async def test_what_was_ordered_is_there_after_a_restart(tmp_path: Path):
    """Another process finds the pause and its audit entry, as they were."""
    await _publish(tmp_path, Topic.CONTROLS, PAUSE)
    await _publish(tmp_path, Topic.AUDIT, ENTRY)
    assert await _held(tmp_path, Topic.CONTROLS) == [PAUSE]
    assert await _held(tmp_path, Topic.AUDIT) == [ENTRY]


async def test_only_the_last_order_for_a_subject_is_kept(tmp_path: Path):
    """The file of controls does not grow for ever; a resume ends the pause for good."""
    await _publish(tmp_path, Topic.CONTROLS, PAUSE, RESUME, PAUSE, RESUME)
    assert await _held(tmp_path, Topic.CONTROLS) == [RESUME]
    assert len((tmp_path / "controls.jsonl").read_text().splitlines()) == 1


async def test_a_line_that_a_crash_cut_short_is_dropped(tmp_path: Path):
    """Everything before it holds, and what comes after is readable again."""
    await _publish(tmp_path, Topic.AUDIT, ENTRY)
    with (tmp_path / "audit.jsonl").open("a") as file:
        file.write('{"key": "run", "wi')
    assert await _held(tmp_path, Topic.AUDIT) == [ENTRY]
    await _publish(tmp_path, Topic.AUDIT, ENTRY)
    assert await _held(tmp_path, Topic.AUDIT) == [ENTRY, ENTRY]


async def test_a_damaged_line_stops_the_start(tmp_path: Path):
    """Forgetting an order is no option: the file and line are named."""
    (tmp_path / "controls.jsonl").write_text('{"key": "x", "wire": "zz"}\n')
    with pytest.raises(ConfigError, match=r"controls\.jsonl line 1 is damaged"):
        await _held(tmp_path, Topic.CONTROLS)


async def test_a_person_can_read_the_audit(tmp_path: Path):
    """Who, why and until when stand there as text."""
    await _publish(tmp_path, Topic.AUDIT, ENTRY)
    line = json.loads((tmp_path / "audit.jsonl").read_text())
    assert (line["who"], line["reason"], line["until_ns"]) == ("ann", "exploit", 2_000)


async def test_a_disk_that_was_full_costs_the_order_it_did_not_take_and_no_other(tmp_path: Path):
    """Half a line is taken back, so that what comes when there is room again is readable."""
    room = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with LedgerBus(tmp_path) as bus:
        await bus.publish(Topic.CONTROLS, [(PAUSE.key, PAUSE)])
        size = (tmp_path / "controls.jsonl").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, room[1]))
        try:
            with pytest.raises(Retryable, match="File too large"):
                await bus.publish(Topic.CONTROLS, [(RESUME.key, RESUME)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, room)
        assert (tmp_path / "controls.jsonl").stat().st_size == size
        await bus.publish(Topic.CONTROLS, [(RESUME.key, RESUME)])
    assert await _held(tmp_path, Topic.CONTROLS) == [RESUME]


async def test_an_order_that_the_disk_does_not_take_is_not_in_force(tmp_path: Path):
    """The person who gave it is told; nobody acts on what would be forgotten."""
    (tmp_path / "gone").mkdir()
    async with LedgerBus(tmp_path / "gone") as bus:
        (tmp_path / "gone" / "controls.jsonl").unlink(missing_ok=True)
        (tmp_path / "gone").rmdir()
        with pytest.raises(Retryable, match=r"controls\.jsonl"):
            await bus.publish(Topic.CONTROLS, [(PAUSE.key, PAUSE)])
        async with bus.subscribe(Topic.CONTROLS, start=Start.EARLIEST) as reader:
            assert not await reader.take(timeout_s=0.05)
