"""Taking a shard over when its past cannot be used whole: nothing stops, and it is said."""

from __future__ import annotations

import msgspec
import pytest
from structlog.testing import capture_logs

from oracle.bus.memory import MemoryBus, MemoryShardLog
from oracle.bus.shards import ShardLost, Snapshot
from oracle.bus.snapshot_file import SnapshotFile
from oracle.model.topics import SHARDED, Topic
from oracle.node.owner import SNAPSHOT_NS, Owner, take_over
from oracle.node.proof import NO_HISTORY
from oracle.node.recovery import recover
from oracle.node.sharding import Shard
from tests.engine_builders import T0, S, market, source, spec, trades
from tests.unit.node.remembering import Cluster, RememberingLog

PART = Shard(0, spec([market("X-USD", [source("a:X"), source("b:X")])]), frozenset(["X-USD"]))


async def stepped(cluster: Cluster, owner: Owner, log: RememberingLog, at_s: int) -> None:
    """Take one step with a tick of each source."""
    cluster.ticks += trades({"a:X": "100", "b:X": "101"}, at_s)
    start = log.position
    records = await log.take(limit=10, timeout_s=0)
    await owner.step([r.message for r in records], start, [], {}, T0 + at_s * S)  # type: ignore[misc]


async def owned(cluster: Cluster) -> tuple[Owner, RememberingLog]:
    """Take the shard over."""
    log = RememberingLog(cluster)
    return await take_over(log, PART, T0), log


async def test_the_owner_before_commits_nothing_more() -> None:
    """However late it hears of it."""
    cluster = Cluster()
    first, first_log = await owned(cluster)
    await stepped(cluster, first, first_log, 1)
    second, second_log = await owned(cluster)
    with pytest.raises(ShardLost):
        await stepped(cluster, first, first_log, 2)
    await stepped(cluster, second, second_log, 3)
    assert [made.manifest.sequence for made in cluster.steps] == [1, 2]


async def test_what_is_committed_until_the_owner_before_is_shut_out_is_taken_too() -> None:
    """It steps on while its past is read: a number given twice would be two marks for one."""
    cluster = Cluster()
    first, first_log = await owned(cluster)
    await stepped(cluster, first, first_log, 1)

    class Late(RememberingLog):
        async def own(self) -> None:
            await stepped(cluster, first, first_log, 2)
            await super().own()

    log = Late(cluster)
    owner = await take_over(log, PART, T0)
    assert owner.engine.snapshot() == first.engine.snapshot()
    await stepped(cluster, owner, log, 3)
    assert [made.manifest.sequence for made in cluster.steps] == [1, 2, 3]
    assert cluster.steps[-1].manifest.tick_starts == cluster.steps[-2].manifest.tick_offsets


async def test_the_state_comes_with_an_owners_first_step_and_then_at_its_times() -> None:
    """A proof begins at a first one: it must be told from the others."""
    cluster = Cluster()
    owner, log = await owned(cluster)
    for at_s in (1, 2, 11, 12, 21):
        await stepped(cluster, owner, log, at_s)
    assert [(state.sequence, state.fresh) for state in cluster.snapshots] == [
        (1, True),
        (3, False),
        (5, False),
    ]


async def test_after_a_long_rest_the_state_alone_is_gone_on_from() -> None:
    """Steps are forgotten after hours and states never: where to go on is in these too."""
    cluster = Cluster()
    owner, log = await owned(cluster)
    await stepped(cluster, owner, log, 1)
    state = owner.engine.snapshot()
    cluster.steps.clear()
    owner, log = await owned(cluster)
    assert (owner.engine.snapshot(), log.position) == (state, 1)


async def test_without_steps_and_with_no_usable_state_numbers_and_history_go_on() -> None:
    """Nothing is left but what the state says of itself, and readers have seen its number."""
    cluster = Cluster()
    owner, log = await owned(cluster)
    await stepped(cluster, owner, log, 1)
    history = cluster.steps[-1].manifest.history
    cluster.snapshots = [state._replace(state=b"of another release") for state in cluster.snapshots]
    cluster.steps.clear()
    at = await recover(RememberingLog(cluster), PART.spec, PART.markets, T0)
    assert (at.engine.sequence, at.engine.time_ns, at.history) == (1, T0 + S, history)


async def test_a_step_that_is_missing_leaves_a_gap_and_no_stop() -> None:
    """One that does not decode is passed over; what comes after it is not what it was."""
    cluster = Cluster()
    owner, log = await owned(cluster)
    for at_s in (1, 2, 3):
        await stepped(cluster, owner, log, at_s)
    del cluster.steps[1]
    with capture_logs() as logs:
        owner, _ = await owned(cluster)
    gone = [entry["sequence"] for entry in logs if entry["event"] == "step_not_replayable"]
    assert (gone, owner.engine.sequence) == ([3], 3)


async def test_ticks_that_the_log_has_forgotten_leave_a_gap_and_no_stop() -> None:
    """Numbers and times go on after the last step, and the log says which could not be taken."""
    cluster = Cluster()
    owner, log = await owned(cluster)
    for at_s in (1, 2, 3):
        await stepped(cluster, owner, log, at_s)
    cluster.forgotten = 2
    with capture_logs() as logs:
        owner, log = await owned(cluster)
    gone = [entry["sequence"] for entry in logs if entry["event"] == "step_not_replayable"]
    assert gone == [2]  # the first has a snapshot
    assert owner.engine.sequence == 3
    await stepped(cluster, owner, log, 4)
    assert cluster.steps[-1].manifest.sequence == 4


async def test_a_state_of_another_release_is_not_used_and_numbers_go_on() -> None:
    """Readers of marks must never see a number or a time again."""
    cluster = Cluster()
    owner, log = await owned(cluster)
    for at_s in (1, 1 + SNAPSHOT_NS // S):
        await stepped(cluster, owner, log, at_s)
    cluster.snapshots = [state._replace(state=b"of another release") for state in cluster.snapshots]
    with capture_logs() as logs:
        owner, log = await owned(cluster)
    assert "engine_snapshot_unusable" in [entry["event"] for entry in logs]
    assert owner.engine.sequence == 2
    await stepped(cluster, owner, log, 60)
    assert [made.manifest.sequence for made in cluster.steps] == [1, 2, 3]


async def test_a_state_that_its_step_did_not_commit_to_is_not_used() -> None:
    """A state of the same form with another price in it would decode, and nobody would see it."""
    cluster, other = Cluster(), Cluster()
    for each, price in ((cluster, "100"), (other, "90")):
        owner, log = await owned(each)
        await stepped(each, owner, log, 1)
        ticks = trades({"a:X": price, "b:X": price}, 1 + SNAPSHOT_NS // S)
        await owner.step(ticks, log.position, [], {}, T0 + S + SNAPSHOT_NS)
    assert [len(each.snapshots) for each in (cluster, other)] == [2, 2]
    honest = cluster.snapshots[-1]
    cluster.snapshots[-1] = honest._replace(state=other.snapshots[-1].state)
    with capture_logs() as logs:
        owner, _ = await owned(cluster)
    (unusable,) = [entry for entry in logs if entry["event"] == "engine_snapshot_unusable"]
    assert "not the one that the step committed to" in unusable["why"]
    assert owner.engine.sequence == 2
    cluster.snapshots[-1] = honest
    with capture_logs() as logs:
        owner, _ = await owned(cluster)
    assert [entry["event"] for entry in logs] == ["engine_restored"]
    assert owner.engine.snapshot() == honest.state


async def test_a_state_with_another_history_than_its_steps_is_not_used() -> None:
    """What follows from it would be a chain that nobody else has."""
    cluster = Cluster()
    owner, log = await owned(cluster)
    await stepped(cluster, owner, log, 1)
    cluster.snapshots[-1] = cluster.snapshots[-1]._replace(history=b"x" * 32)
    with capture_logs() as logs:
        await owned(cluster)
    assert "engine_snapshot_unusable" in [entry["event"] for entry in logs]


async def test_a_state_of_a_release_that_committed_to_none_is_used() -> None:
    """An upgrade must not forget averages and breakers."""
    cluster = Cluster()
    owner, log = await owned(cluster)
    await stepped(cluster, owner, log, 1)
    (made,) = cluster.steps
    before = msgspec.structs.replace(made.manifest, snapshot_digest=b"")
    cluster.steps = [made._replace(manifest=before)]
    with capture_logs() as logs:
        await owned(cluster)
    assert [entry["event"] for entry in logs] == ["engine_restored"]


async def test_other_parameters_take_the_old_steps_and_are_no_alarm() -> None:
    """A market whose rules were changed between two runs keeps its memory."""
    cluster = Cluster()
    owner, log = await owned(cluster)
    for at_s in (1, 2):
        await stepped(cluster, owner, log, at_s)
    other = Shard(
        0,
        spec([market("X-USD", [source("a:X"), source("b:X"), source("c:X")])]),
        frozenset(["X-USD"]),
    )
    with capture_logs() as logs:
        owner = await take_over(RememberingLog(cluster), other, T0)
    assert owner.engine.sequence == 2
    assert [entry["event"] for entry in logs] == ["engine_restored", "steps_replayed"]
    assert logs[-1]["differing"] == 0


async def test_a_step_that_comes_out_otherwise_is_an_alarm() -> None:
    """The same ticks and parameters give the same marks, or something is very wrong."""
    cluster = Cluster()
    owner, log = await owned(cluster)
    for at_s in (1, 2):
        await stepped(cluster, owner, log, at_s)
    cluster.ticks[1] = trades({"a:X": "100", "b:X": "102"}, 2)[0]
    with capture_logs() as logs:
        await owned(cluster)
    events = [entry["event"] for entry in logs]
    assert events == ["engine_restored", "step_differs", "steps_replayed"]


async def memory_log(file: SnapshotFile) -> MemoryShardLog:
    """Return the log of a bus in memory whose state is in a file."""
    bus = MemoryBus(partitions=dict.fromkeys(SHARDED, 1))
    return MemoryShardLog(bus, bus.logs[Topic.TICKS][0], 0, file)


async def test_an_embedded_restart_goes_on_from_its_file(tmp_path) -> None:
    """What an engine from the file publishes next is what the old one would have."""
    file = SnapshotFile(tmp_path / "engine.0.snapshot")
    async with await memory_log(file) as log:
        first = await take_over(log, PART, T0)
        await first.step(trades({"a:X": "100", "b:X": "101"}, 1), 0, [], {}, T0 + S)
        await first.keep()
    async with await memory_log(file) as log:
        second = await take_over(log, PART, T0 + 2 * S)
        assert second.engine.snapshot() == first.engine.snapshot()


async def test_an_embedded_state_of_another_release_is_set_aside(tmp_path) -> None:
    """There is no log that its numbers would have to go on from."""
    file = SnapshotFile(tmp_path / "engine.0.snapshot")
    file.save(Snapshot(7, T0, b"h" * 32, 0, 0, b"of another release"))
    async with await memory_log(file) as log:
        at = await recover(log, PART.spec, PART.markets, T0)
    assert (at.engine.sequence, at.history) == (0, NO_HISTORY)
    assert (tmp_path / "engine.0.bad").exists()


async def test_an_embedded_state_of_the_future_is_set_aside(tmp_path) -> None:
    """After a clock was set back the engine would refuse every step until that time."""
    file = SnapshotFile(tmp_path / "engine.0.snapshot")
    async with await memory_log(file) as log:
        first = await take_over(log, PART, T0)
        await first.step([], 0, [], {}, T0 + 100 * S)
        await first.keep()
    async with await memory_log(file) as log:
        second = await take_over(log, PART, T0 + 2 * S)
    assert second.engine.time_ns == 0
    assert (tmp_path / "engine.0.bad").exists()
