"""The engine's snapshot file: what a restart goes on from."""

from __future__ import annotations

from pathlib import Path

from oracle.node.snapshots import SnapshotFile

from oracle.engine.spec import EngineSpec
from oracle.model.messages import encode
from tests.engine_builders import T0, S, engine, market, source, trades

SPEC = EngineSpec((market("X-USD", [source("a:X"), source("b:X")]),), (("X-USD",),))
PRICES = {"a:X": "100", "b:X": "102"}


def _after_a_step(path: Path) -> SnapshotFile:
    made = engine(SPEC.markets)
    made.step(trades(PRICES), [], T0)
    file = SnapshotFile(path)
    file.save(made.snapshot())
    return file


def test_a_restored_engine_goes_on(tmp_path):
    """What an engine from the file publishes next is what the old one would have."""
    old = engine(SPEC.markets)
    old.step(trades(PRICES), [], T0)
    restored = _after_a_step(tmp_path / "engine.snapshot").restore(SPEC, T0 + S)
    ours, theirs = (each.step([], [], T0 + S) for each in (restored, old))
    assert [encode(mark) for mark in ours.messages()] == [encode(m) for m in theirs.messages()]


def test_without_a_file_the_engine_is_new(tmp_path):
    """A first start has nothing to restore, and says nothing of it."""
    made = SnapshotFile(tmp_path / "engine.snapshot").restore(SPEC, T0)
    assert made.time_ns == 0


def test_a_file_that_does_not_decode_is_set_aside(tmp_path):
    """A damaged snapshot stops no start, and is kept for who wants to know why."""
    path = tmp_path / "engine.snapshot"
    file = _after_a_step(path)
    path.write_bytes(path.read_bytes()[:-5])
    assert file.restore(SPEC, T0 + S).time_ns == 0
    assert path.with_suffix(".bad").exists()
    assert not path.exists()


def test_a_snapshot_of_the_future_is_not_used(tmp_path):
    """After a clock was set back the engine would refuse every step until that time."""
    file = _after_a_step(tmp_path / "engine.snapshot")
    assert file.restore(SPEC, T0 - S).time_ns == 0


def test_saving_replaces_the_file_as_a_whole(tmp_path):
    """No half-written file is left, whatever was there before."""
    path = tmp_path / "engine.snapshot"
    path.write_bytes(b"old")
    _after_a_step(path)
    assert SnapshotFile(path).restore(SPEC, T0).time_ns == T0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["engine.snapshot"]
