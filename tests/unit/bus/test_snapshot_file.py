"""The file of a shard's state: what an embedded restart goes on from."""

from __future__ import annotations

from pathlib import Path

import pytest

from oracle.bus.interface import Start
from oracle.bus.memory import RETAINED_LARGE, MemoryBus
from oracle.bus.shards import Made, Snapshot, joined
from oracle.bus.snapshot_file import SnapshotFile
from oracle.model.errors import SchemaError
from oracle.model.messages import SnapshotPart, StepManifest
from oracle.model.topics import SHARDED, Topic

STATE = Snapshot(7, 1_000, b"h" * 32, 11, 5, b"state" * 300_000)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    """Every field comes back, and no half-written file is left beside it."""
    file = SnapshotFile(tmp_path / "engine.0.snapshot")
    assert file.load() is None
    file.save(STATE._replace(sequence=6))
    file.save(STATE)
    assert file.load() == STATE
    assert [each.name for each in tmp_path.iterdir()] == ["engine.0.snapshot"]


def test_a_damaged_file_is_refused_and_can_be_set_aside(tmp_path: Path) -> None:
    """A file cut short is not taken for a state; who wonders finds it as `.bad`."""
    path = tmp_path / "engine.0.snapshot"
    file = SnapshotFile(path)
    file.save(STATE)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(SchemaError, match=r"engine\.0\.snapshot does not decode"):
        file.load()
    assert file.set_aside() == path.with_suffix(".bad")
    assert file.load() is None
    assert file.set_aside() is None


def test_a_state_travels_in_parts() -> None:
    """The parts of one snapshot, in their order, make it again."""
    parts = STATE.parts(3)
    assert len(parts) == 3
    assert {part.key for part in parts} == {"3|0", "3|1", "3|2"}
    assert joined(parts) == STATE


def test_the_newest_whole_state_counts() -> None:
    """Parts of an older, longer state stay in a compacted topic and do not matter."""
    newer = STATE._replace(sequence=8, state=b"short")
    assert joined([*STATE.parts(3), *newer.parts(3)]) == newer
    assert joined([]) is None


def test_a_state_with_a_part_missing_is_none() -> None:
    """What is not whole cannot be gone on from."""
    first, second, third = STATE.parts(3)
    assert joined([first, third]) is None
    older = STATE._replace(sequence=6).parts(3)
    assert joined([*older, first, second]) is None


async def test_a_state_is_on_the_embedded_bus_too() -> None:
    """Whole, in its shard's partition, beside its step; memory keeps the newest few parts."""
    bus, retained = MemoryBus(partitions=dict.fromkeys(SHARDED, 4)), RETAINED_LARGE[Topic.SNAPSHOTS]
    manifest = StepManifest("3", 7, 1_000, 0, {3: 0}, {}, {})
    async with (
        bus.shard_log(3) as log,
        bus.subscribe(Topic.STEPS, Topic.SNAPSHOTS, start=Start.EARLIEST) as reader,
    ):
        for _ in range(retained):
            await log.commit(Made(manifest, [], []), STATE)
        records = await reader.take(limit=10_000)
    assert {record.partition for record in records} == {3}
    parts = [r.message for r in records if isinstance(r.message, SnapshotPart)]
    assert joined(parts[-3:]) == STATE
    assert retained <= len(parts) < 2 * retained + 3
