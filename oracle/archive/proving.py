"""What a report rests on, as it was archived: its round, the steps observed, states, engines.

Nothing here is believed because it is in an archive: each is looked up by what somebody signed, or
by a digest in it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import islice, product
from typing import Any, Final, Protocol, TypeVar

import msgspec
import pyarrow.compute as pc
from eth_hash.auto import keccak

from oracle.archive.reading import LOOK_BACK_NS, Reader, Step, log_beside
from oracle.bus.shards import Snapshot, joined
from oracle.engine.spec import EngineSpec
from oracle.model.errors import Rejected, SchemaError
from oracle.model.messages import (
    CertifiedRound,
    SignedReport,
    SnapshotPart,
    SpecPart,
    committed,
    encode,
)
from oracle.model.topics import Topic

_MS_NS: Final = 10**6
_AFTER_NS: Final = (60 * 10**9, 24 * 3600 * 10**9)
"""How long after a slot's beginning its report's time is looked for."""
_SEEN_NS: Final = 2 * 10**9
"""An observation's steps are so far apart at most: what is further behind was left out of it."""
_TRIED: Final = 4096
"""Combinations of steps, where nothing says which were observed."""
_SPEC_BYTES: Final = 2**28

_Of = TypeVar("_Of", SignedReport, CertifiedRound)


class AnotherSpec(SchemaError):
    """What is kept under a specification's digest, and is not that specification."""

    def __init__(self, said: str, spec: EngineSpec) -> None:
        super().__init__(said)
        self.spec: Final = spec


class Observed(Protocol):
    """What of a member's observation says which steps it is of."""

    @property
    def slot(self) -> int: ...  # noqa: D102 - as the observation has it

    @property
    def member(self) -> int: ...  # noqa: D102 - the same

    @property
    def time_ns(self) -> int: ...  # noqa: D102 - the same

    @property
    def inputs_root(self) -> bytes: ...  # noqa: D102 - the same


class Proofs(Reader):
    """Finds what a report, an observation or a manifest commits to."""

    def report_at(self, time_ns: int) -> SignedReport:
        """Return the newest report that is not after a time.

        Raises:
            Rejected: the archive has none in the 32 days before.
        """
        for back_ns in LOOK_BACK_NS:
            begin_ns = max(0, time_ns - back_ns)
            found = self._between(Topic.REPORTS, SignedReport, "time_ns", begin_ns, time_ns + 1)
            if found:
                return found[-1]
        raise Rejected(f"the archive has no report in the 32 days before {time_ns}")

    def report_of(self, slot: int) -> SignedReport:
        """Return the report of a slot.

        Raises:
            Rejected: the archive has none.
        """
        found = self._of_slot(Topic.REPORTS, SignedReport, slot)
        if not found:
            raise Rejected(
                f"the archive has no report of slot {slot}: not archived yet, not of this "
                "deployment, or the slot had none"
            )
        return found[-1]

    def round_of(self, slot: int) -> CertifiedRound:
        """Return what the report of a slot was made from.

        Raises:
            Rejected: the archive has none.
        """
        found = self._of_slot(Topic.ROUNDS, CertifiedRound, slot)
        if not found:
            raise Rejected(
                f"the archive has no round of slot {slot}: not archived yet, or its member never "
                "had it; every other member's archive may"
            )
        return max(found, key=lambda one: len(one.steps))

    def steps_seen(self, observation: Observed) -> list[Step]:
        """Return the steps, by shard, whose manifests are the observation's `inputs_root`.

        Raises:
            Rejected: the archive lacks them, as all but that member's own do.
        """
        for steps in islice(self._candidates(observation), _TRIED):
            wires = (committed(encode(step.manifest)) for step in steps)
            if keccak(b"".join(wires)) == observation.inputs_root:
                return list(steps)
        raise Rejected(
            f"the archive has no steps that member {observation.member} observed in slot "
            f"{observation.slot} (inputs_root 0x{observation.inputs_root.hex()}, time "
            f"{observation.time_ns}): ask the archive of that member, which alone has them"
        )

    def _candidates(self, observation: Observed) -> Iterator[Sequence[Step]]:
        """Return what may have been observed: first what the member said, then what fits."""
        from_ns, to_ns = observation.time_ns, observation.time_ns + _SEEN_NS
        shards = sorted(self._shards(from_ns, to_ns), key=str)  # as the members order them
        held = {shard: self.steps_between(shard, from_ns, to_ns) for shard in shards}
        try:
            said = self.round_of(observation.slot).steps
        except Rejected:
            said = {}
        if said:
            named = [
                [step for step in held.get(shard, []) if step.manifest.sequence == sequence]
                for shard, sequence in sorted(said.items(), key=lambda item: str(item[0]))
            ]
            yield from product(*named)
        yield from product(*(held[shard] for shard in shards if held[shard]))

    def _shards(self, from_ns: int, to_ns: int) -> set[int]:
        pieces = self.catalogue.pieces(Topic.STEPS, from_ns=from_ns, to_ns=to_ns)
        return {piece.part.partition for piece in pieces}

    def snapshot_before(self, shard: int, time_ns: int) -> Snapshot | None:
        """Return a shard's newest state from before a time that a step committed to, if any.

        `step_of` gives the step; the state's digest is in its manifest, and so in its history.
        """
        for back_ns in LOOK_BACK_NS:
            for snapshot, log in self._snapshots(shard, max(0, time_ns - back_ns), time_ns):
                if self._committing(shard, snapshot, log) is not None:
                    return snapshot
        return None

    def altered_states(
        self, shard: int, from_ns: int, to_ns: int
    ) -> Iterator[tuple[Snapshot, Step]]:
        """Return states of a time that are not what their step committed to, newest first.

        One that no step committed to is none: an engine keeps its last on the way out.
        """
        for snapshot, log in self._snapshots(shard, from_ns, to_ns):
            if self._committing(shard, snapshot, log) is not None:
                continue
            for step in self.steps_between(shard, from_ns, to_ns):
                manifest = step.manifest
                same_log = log_beside(step.log, Topic.STEPS, Topic.SNAPSHOTS) == log
                its = snapshot.time_ns == manifest.time_ns or snapshot.history == manifest.history
                if same_log and its and manifest.snapshot_digest:
                    yield snapshot, step

    def step_of(self, shard: int, snapshot: Snapshot) -> Step:
        """Return the step that committed to a state.

        Raises:
            Rejected: the archive has none.
        """
        step = self._committing(shard, snapshot, None)
        if step is None:
            raise Rejected(
                f"no archived step of shard {shard} commits to the state after step "
                f"{snapshot.sequence} at {snapshot.time_ns}"
            )
        return step

    def _committing(self, shard: int, snapshot: Snapshot, log: str | None) -> Step | None:
        digest = sha256(snapshot.state).digest()
        at_ns = snapshot.time_ns
        for step in self.steps_between(shard, at_ns, at_ns + 1):
            same_log = log is None or log_beside(step.log, Topic.STEPS, Topic.SNAPSHOTS) == log
            manifest = step.manifest
            same = (manifest.sequence, manifest.history) == (snapshot.sequence, snapshot.history)
            if same_log and same and manifest.snapshot_digest == digest:
                return step
        return None

    def _snapshots(self, shard: int, from_ns: int, to_ns: int) -> Iterator[tuple[Snapshot, str]]:
        """Return whole states with their logs, newest first; a few parts are held at a time."""
        pieces = self.catalogue.pieces(
            Topic.SNAPSHOTS, partition=shard, from_ns=from_ns, to_ns=to_ns
        )
        within = (pc.field("time_ns") >= from_ns) & (pc.field("time_ns") < to_ns)
        parts: dict[tuple[int, str, int], list[SnapshotPart]] = {}
        for newest in sorted(pieces, key=lambda piece: piece.part.max_time_ns, reverse=True):
            for piece, _, part in self._read(Topic.SNAPSHOTS, SnapshotPart, [newest], within):
                key = (part.time_ns, piece.part.log, part.sequence)
                parts.setdefault(key, []).append(part)
            for key in sorted(parts, reverse=True):
                snapshot = joined(sorted(parts[key], key=lambda part: part.part))
                if snapshot is not None:
                    del parts[key]
                    yield snapshot, key[1]

    def spec_of(self, digest: bytes) -> EngineSpec:
        """Return what an engine computed, by a manifest's `spec_digest`.

        Raises:
            Rejected: the archive lacks it.
            SchemaError: what it has under that name is something else.
        """
        pieces = self.catalogue.pieces(Topic.SPECS)
        only = pc.field("digest") == digest
        parts: dict[int, SpecPart] = {}
        for _, _, part in self._read(Topic.SPECS, SpecPart, pieces[::-1], only):
            parts.setdefault(part.part, part)
            if len(parts) == part.parts:
                break
        wanted = next((part.parts for part in parts.values()), 1)
        if sorted(parts) != list(range(wanted)):
            raise Rejected(
                f"the archive lacks the engine's specification 0x{digest.hex()}: it was told "
                "before the archive began, or is another deployment's"
            )
        return _spec(b"".join(parts[at].data for at in range(wanted)), digest)

    def _of_slot(self, kind: Topic, cls: type[_Of], slot: int) -> list[_Of]:
        """Return what is of a slot: its time is not before the slot's beginning."""
        only: Any = pc.field("slot") == slot
        begin_ns = slot * _MS_NS
        for after_ns in _AFTER_NS:
            found = self._between(kind, cls, "time_ns", begin_ns, begin_ns + after_ns, only)
            if found:
                return found
        return []


def _spec(packed: bytes, digest: bytes) -> EngineSpec:
    try:
        unpacking = zlib.decompressobj()
        data = unpacking.decompress(packed, _SPEC_BYTES)
        spec = msgspec.msgpack.decode(data, type=EngineSpec)
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SchemaError(
            f"the specification 0x{digest.hex()} in the archive does not decode: {error}"
        ) from error
    if sha256(data).digest() != digest:
        raise AnotherSpec(f"the specification 0x{digest.hex()} in the archive is another", spec)
    return spec
