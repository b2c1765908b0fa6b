"""What a report rests on is found by what was signed, or it is said what is missing."""

from __future__ import annotations

import zlib
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from eth_hash.auto import keccak

from oracle.archive.proving import AnotherSpec
from oracle.archive.read import Archive
from oracle.archive.store import Store
from oracle.archive.thinning import Thinning
from oracle.bus.shards import Snapshot
from oracle.model.errors import Rejected, SchemaError
from oracle.model.messages import (
    CertifiedRound,
    SnapshotPart,
    SpecPart,
    StepManifest,
    committed,
    encode,
)
from oracle.model.topics import Topic
from oracle.node.proof import spec_bytes, spec_digest
from oracle.node.sharding import Shard
from tests.engine_builders import market, source, spec
from tests.unit.archive.samples import STEP_NS, manifest, report, round_, slot_of, time_of
from tests.unit.archive.writing import write

HOUR_NS = 3_600 * 10**9


class Observed(NamedTuple):
    """What a member's observation says of its steps."""

    slot: int
    member: int
    time_ns: int
    inputs_root: bytes


def of_shard(shard: int, number: int, late_ns: int = 0) -> StepManifest:
    """Return a shard's step of a number, some time later than others' of that number."""
    return msgspec.structs.replace(
        manifest(number), group=str(shard), time_ns=time_of(number) + late_ns
    )


def observed(*manifests: StepManifest, slot: int) -> Observed:
    """Return an observation of these steps."""
    root = keccak(b"".join(committed(encode(one)) for one in manifests))
    return Observed(slot, 3, min(one.time_ns for one in manifests), root)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty archive."""
    return Store(str(tmp_path))


def test_a_report_is_found_by_time_and_by_slot(store: Store) -> None:
    """The newest not after a time; the one of a slot, or that there is none."""
    write(store, Topic.REPORTS, [(n, report(n)) for n in range(0, 40, 2)], rows=7)
    archive = Archive(store)
    assert archive.report_at(time_of(8)) == archive.report_at(time_of(9)) == report(8)
    assert archive.report_at(time_of(38) + 20 * HOUR_NS) == report(38)
    assert archive.report_of(slot_of(8)) == report(8)
    with pytest.raises(Rejected, match=f"no report of slot {slot_of(9)}"):
        archive.report_of(slot_of(9))
    with pytest.raises(Rejected, match="no report in the 32 days"):
        archive.report_at(time_of(0) - 1)


def test_a_round_that_was_published_twice_is_one(store: Store) -> None:
    """After a restart without what was observed: the one that says it counts."""
    bare = msgspec.structs.replace(round_(5), steps={})
    write(store, Topic.ROUNDS, [(0, bare), (1, round_(5)), (2, bare), (3, round_(6))])
    archive = Archive(store)
    assert archive.round_of(slot_of(5)) == round_(5)
    with pytest.raises(Rejected, match="no round of slot"):
        archive.round_of(slot_of(7))


def test_the_steps_of_an_observation_are_found_without_a_hint(store: Store) -> None:
    """By their hash alone, among those of its time."""
    write(store, Topic.STEPS, [(n, manifest(n)) for n in range(40)], rows=7)
    (step,) = Archive(store).steps_seen(observed(manifest(9), slot=slot_of(9)))
    assert (step.manifest, step.offset) == (manifest(9), 9)


def test_the_steps_of_many_shards_are_found_by_what_the_member_said(store: Store) -> None:
    """Twelve shards with twenty steps each are too many to try; they are in their text's order."""
    shards = range(12)
    for shard in shards:
        steps = [(n, of_shard(shard, n, shard * 10**6)) for n in range(20)]
        write(store, Topic.STEPS, steps, partition=shard)
    seen = [of_shard(shard, 5 + shard % 3, shard * 10**6) for shard in sorted(shards, key=str)]
    observation = observed(*seen, slot=slot_of(5))
    archive = Archive(store)
    with pytest.raises(Rejected, match="ask the archive of that member"):
        archive.steps_seen(observation)
    hint = {shard: 5 + shard % 3 for shard in shards}
    said = msgspec.structs.replace(round_(5), steps=hint)
    write(store, Topic.ROUNDS, [(0, said)])
    assert [step.manifest for step in Archive(store).steps_seen(observation)] == seen


def test_a_shard_that_was_left_out_is_left_out(store: Store) -> None:
    """A silent engine's steps are not in the observation, though its newest may be archived."""
    for shard in (0, 1):
        steps = [(n, of_shard(shard, n)) for n in range(8)]
        write(store, Topic.STEPS, steps, partition=shard)
    said = msgspec.structs.replace(round_(5), steps={1: 5})
    write(store, Topic.ROUNDS, [(0, said)])
    found = Archive(store).steps_seen(observed(of_shard(1, 5), slot=slot_of(5)))
    assert [step.manifest for step in found] == [of_shard(1, 5)]


def test_another_members_archive_says_that_it_is_another(store: Store) -> None:
    """Engines of several members step at times of their own."""
    write(store, Topic.STEPS, [(n, manifest(n)) for n in range(40)])
    write(store, Topic.ROUNDS, [(0, round_(9))])
    theirs = observed(of_shard(0, 9, 3), slot=slot_of(9))
    with pytest.raises(Rejected, match="no steps that member 3 observed in slot"):
        Archive(store).steps_seen(theirs)


def snapshot(number: int, size: int = 700_000) -> tuple[Snapshot, StepManifest]:
    """Return a state of two parts after a step, and the step that commits to it."""
    state = number.to_bytes(4, "big") * (size // 4)
    step = msgspec.structs.replace(manifest(number), snapshot_digest=sha256(state).digest())
    made = Snapshot(number, time_of(number), step.history, number + 1, number, state)
    return made, step


def kept(store: Store, numbers: list[int], whole: bool = True) -> None:
    """Archive the states after some steps, and these steps."""
    made = [snapshot(number) for number in numbers]
    parts = [part for state, _ in made for part in state.parts(0)]
    rows = list(enumerate(parts if whole else parts[:-1]))
    write(store, Topic.SNAPSHOTS, rows, rows=3)
    write(store, Topic.STEPS, [(state.sequence, step) for state, step in made])


def test_the_newest_state_before_a_time_is_found(store: Store) -> None:
    """Across parts of the archive; not one of the time itself, from which its step cannot come."""
    kept(store, [3, 9, 20])
    archive = Archive(store)
    state, step = snapshot(9)
    assert archive.snapshot_before(0, time_of(20)) == state
    assert archive.snapshot_before(0, time_of(9) + 1) == state
    assert archive.step_of(0, state).manifest == step
    assert archive.snapshot_before(0, time_of(20) + 9 * HOUR_NS) == snapshot(20)[0]
    assert archive.snapshot_before(0, time_of(3)) is None
    assert archive.snapshot_before(1, time_of(20)) is None


def test_a_state_that_no_step_committed_to_is_none(store: Store) -> None:
    """Half of one, one that was altered, and one whose step is not there are passed over."""
    kept(store, [3, 9], whole=False)
    altered = snapshot(12)[0]._replace(state=b"another")
    write(store, Topic.SNAPSHOTS, [(100, part) for part in altered.parts(0)])
    write(store, Topic.STEPS, [(100, snapshot(12)[1])])
    alone = snapshot(15)[0]
    write(store, Topic.SNAPSHOTS, list(enumerate(alone.parts(0), 200)))
    archive = Archive(store)
    assert archive.snapshot_before(0, time_of(30)) == snapshot(3)[0]
    with pytest.raises(Rejected, match="no archived step of shard 0 commits to"):
        archive.step_of(0, altered)
    assert [(state, step.manifest) for state, step in archive.altered_states(0, 0, 2**62)] == [
        (altered, snapshot(12)[1])
    ]


PART = Shard(7, spec([market("X-USD", [source("a:X"), source("b:X")])]), frozenset(["X-USD"]))


def test_what_an_engine_computes_is_found_by_its_digest(store: Store) -> None:
    """Its bytes have that digest again, whatever else was told."""
    ours = PART.spec_parts(time_of(1))
    other = [msgspec.structs.replace(part, digest=bytes(32)) for part in ours]
    write(store, Topic.SPECS, list(enumerate([*other, *ours, *ours])))
    found = Archive(store).spec_of(spec_digest(PART.spec))
    assert found == PART.spec
    assert spec_digest(found) == spec_digest(PART.spec)


def test_a_large_specification_comes_in_parts(store: Store) -> None:
    """All of them must be there."""
    digest = spec_digest(PART.spec)
    packed = zlib.compress(spec_bytes(PART.spec))
    halves = [
        SpecPart(7, digest, at, 2, time_of(1), data)
        for at, data in enumerate((packed[:100], packed[100:]))
    ]
    write(store, Topic.SPECS, [(0, halves[1])])
    with pytest.raises(Rejected, match="lacks the engine's specification"):
        Archive(store).spec_of(digest)
    write(store, Topic.SPECS, [(1, halves[0])])
    assert Archive(store).spec_of(digest) == PART.spec


def test_another_specification_is_told_with_what_it_is(store: Store) -> None:
    """So that whoever knows the right one can name the parameter."""
    digest, other = spec_digest(PART.spec), spec([market("Y-USD", [source("a:Y")])])
    data = zlib.compress(spec_bytes(other))
    write(store, Topic.SPECS, [(0, SpecPart(7, digest, 0, 1, time_of(1), data))])
    with pytest.raises(AnotherSpec) as refused:
        Archive(store).spec_of(digest)
    assert refused.value.spec == other


@pytest.mark.parametrize("data", [b"no zlib", zlib.compress(b"another"), zlib.compress(b"")])
def test_another_specification_under_a_digest_is_refused(store: Store, data: bytes) -> None:
    """Nobody steps with what is not what was named."""
    digest = spec_digest(PART.spec)
    write(store, Topic.SPECS, [(0, SpecPart(7, digest, 0, 1, time_of(1), data))])
    with pytest.raises(SchemaError, match=digest.hex()):
        Archive(store).spec_of(digest)


def parts(number: int, shard: int = 0, *, fresh: bool = False) -> list[SnapshotPart]:
    """Return the parts of the state after a step."""
    return snapshot(number)[0]._replace(fresh=fresh).parts(shard)


def test_one_state_in_so_long_is_archived() -> None:
    """The first of each time, whole, of each shard by itself; and the first of a new owner."""
    thinning = Thinning(10 * STEP_NS)
    first = 10 - time_of(0) // STEP_NS % 10  # a time begins here
    wanted = {0: True, 1: False, 9: False, 10: True, 15: False, 40: True}
    for number, wants in wanted.items():
        assert [thinning.wants(part) for part in parts(first + number)] == [wants] * 2
    assert thinning.wants(parts(first + 41, shard=1)[0])
    assert [thinning.wants(part) for part in parts(first + 42, fresh=True)] == [True] * 2
    assert not thinning.wants(parts(first + 43)[0])


def test_the_rest_of_a_state_is_archived_after_a_restart() -> None:
    """An archiver that begins within a state goes on with it."""
    thinning = Thinning(10 * STEP_NS)
    assert thinning.wants(parts(5)[1])


def test_all_states_are_archived_where_that_is_wanted() -> None:
    """Every 0 seconds is every one."""
    thinning = Thinning(0)
    assert all(thinning.wants(part) for number in range(4) for part in parts(number))


def test_a_digest_outlives_the_version_of_the_wire() -> None:
    """What a release before hashed is what this one hashes, though it writes another version."""
    before = bytes((4,)) + encode(manifest(3))[1:]
    assert committed(before) == committed(encode(manifest(3))) == before
    with_state = msgspec.structs.replace(manifest(3), snapshot_digest=bytes(32))
    assert committed(encode(with_state)) != before


def test_a_round_has_what_a_release_before_would_read(store: Store) -> None:
    """Its bytes in the archive are its bytes on the bus."""
    write(store, Topic.ROUNDS, [(0, round_(5))])
    found = Archive(store).round_of(slot_of(5))
    assert isinstance(found, CertifiedRound)
    assert encode(found) == encode(round_(5))
