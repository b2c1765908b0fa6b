"""Step 5, what came before: the state that a replay begins from, and every step after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from oracle.archive.read import Step
from oracle.bus.shards import Snapshot
from oracle.model.errors import Rejected
from oracle.model.messages import StepManifest
from oracle.node.proof import NO_HISTORY, history_after, snapshot_digest
from oracle.verify.evidence import Evidence
from oracle.verify.findings import Differs, Unchecked, hexed
from oracle.verify.steps import Alternatives, in_manifest, manifest_name

LONGEST_NS: Final = 600 * 10**9
"""From a state to the step asked for: sixty times what lies between two states."""
MOST_STEPS: Final = 100_000
_BEFORE_NS: Final = 15 * 10**9


class Past(NamedTuple):
    """A state, and the steps from the one that it is of to the one asked for."""

    snapshot: Snapshot
    steps: Sequence[Step]

    @property
    def after(self) -> Sequence[Step]:
        """The steps to take again."""
        return self.steps[1:]


def past_of(evidence: Evidence, step: Step) -> Past:
    """Return the newest state before a step, and what lies between.

    Raises:
        Unchecked: there is none, or it is too far away.
        Differs: the steps between are not one after the other.
    """
    shard, time_ns = step.shard, step.manifest.time_ns
    snapshot = evidence.snapshot_before(shard, time_ns)
    if snapshot is not None and snapshot.time_ns >= time_ns:
        snapshot = evidence.snapshot_before(shard, time_ns - 1)
    if snapshot is None or not 0 < time_ns - snapshot.time_ns <= LONGEST_NS:
        kept = "none" if snapshot is None else f"one {(time_ns - snapshot.time_ns) / 1e9:.0f} s off"
        raise Unchecked(
            f"the archive has no engine state of shard {shard} in the {LONGEST_NS // 10**9} s "
            f"before step {step.manifest.sequence} ({kept}): its marks cannot be computed again. "
            "The first step after an engine's start has none; later ones do, so ask for a later one"
        )
    between = evidence.steps_between(shard, snapshot.time_ns, time_ns + 1)
    steps = [one for one in between if one.log == step.log]
    if len(steps) > MOST_STEPS:
        raise Unchecked(f"{len(steps)} steps since the last state; up to {MOST_STEPS} are taken")
    own = steps[0].manifest if steps else None
    if own is None or (own.time_ns != snapshot.time_ns and own.history != snapshot.history):
        raise Unchecked(
            f"the newest state before step {step.manifest.sequence} of shard {shard} is of another "
            "run of its engine: an engine's first step cannot be computed again; ask for a later "
            "report"
        )
    _check_order(steps, snapshot, step)
    return Past(snapshot, steps)


def histories_before(evidence: Evidence, past: Past) -> Iterator[bytes]:
    """Return histories that the one of the state's own step may follow.

    An engine that was restarted goes on from the last state of the run before it, which may be
    some seconds before that run's end.
    """
    yield NO_HISTORY
    first = past.steps[0]
    ends_ns = first.manifest.time_ns
    for _ in range(2):
        held = evidence.steps_between(first.shard, ends_ns - _BEFORE_NS, ends_ns)
        yield from (one.manifest.history for one in held)
        try:
            ends_ns = evidence.manifest_at(first.shard, ends_ns - 1).manifest.time_ns + 1
        except Rejected:
            return  # it has none before


def _check_order(steps: Sequence[Step], snapshot: Snapshot, last: Step) -> None:
    """Check that the steps go from the state's own to the last, none left out."""
    numbers = [step.manifest.sequence for step in steps]
    for step in steps:
        if step.manifest.group != str(step.shard):
            raise Differs(manifest_name(step), "group", step.shard, step.manifest.group)
    expected = range(snapshot.sequence, last.manifest.sequence + 1)
    if numbers == list(expected):
        return
    missing = sorted(set(expected) - set(numbers))
    strange = [step for step in steps if step.manifest.sequence not in expected]
    if missing and strange:
        raise Differs(manifest_name(strange[0]), "sequence", missing[0], numbers[0])
    if missing and len(steps) <= 1:
        raise Unchecked(f"the archive lacks steps {missing[0]} to {missing[-1]}: give another copy")
    if missing:
        raise Unchecked(
            f"the archive lacks step {missing[0]} of shard {last.shard}: give another copy"
        )
    twice = next((n for n in numbers if numbers.count(n) > 1), numbers[0])
    raise Differs(f"steps of shard {last.shard}", f"step {twice}", "once, in order", "otherwise")


def check_past(past: Past, before: Iterable[bytes], alternatives: Alternatives) -> str:
    """Check that the state and every step's history lead to the last step's, which is signed.

    `before` are histories that may be the one before the state's own step.

    Raises:
        Differs: at the first that does not.
        Unchecked: the steps follow, but what comes before the state is not at hand.
    """
    _check_snapshot(past)
    history = past.snapshot.history
    for at, step in enumerate(past.after, 1):
        if step.manifest.history != history_of(history, step.manifest):
            raise _named(past, at, history, alternatives)
        history = step.manifest.history
    first, last = past.steps[0].manifest, past.steps[-1].manifest
    if not any(history_of(held, first) == first.history for held in before):
        raise Unchecked(
            f"the archive lacks the step before {first.sequence}: whether the state after that is "
            "the one that the histories commit to cannot be told; use a later mark, or a longer "
            "archive"
        )
    return (
        f"the state after step {first.sequence} and {len(past.after)} steps lead to the history "
        f"of step {last.sequence}"
    )


def check_later_states(evidence: Evidence, past: Past) -> None:
    """Check that no state was passed over because it was altered: the replay began before it.

    Raises:
        Differs: one was.
    """
    last = past.steps[-1]
    from_ns, to_ns = past.snapshot.time_ns + 1, last.manifest.time_ns
    for altered, step in evidence.altered_states(last.shard, from_ns, to_ns):
        _check_state(altered, step)


def _check_snapshot(past: Past) -> None:
    snapshot, first = past.snapshot, past.steps[0]
    manifest = first.manifest
    if snapshot.history != manifest.history and len(past.steps) > 1:
        second = past.steps[1].manifest
        if history_of(snapshot.history, second) == second.history:
            named = msgspec.structs.replace(manifest, history=snapshot.history)
            raise in_manifest(first, "history", named)
    _check_state(snapshot, first)


def _check_state(snapshot: Snapshot, step: Step) -> None:
    """Check that a state is what its step committed to."""
    where, manifest = f"state after step {snapshot.sequence}, shard {step.shard}", step.manifest
    digest = snapshot_digest(snapshot.state)
    if snapshot.history != manifest.history:
        raise Differs(where, "history", hexed(manifest.history), hexed(snapshot.history))
    if digest != manifest.snapshot_digest:
        expected = f"with SHA-256 {hexed(manifest.snapshot_digest)}, as its manifest says"
        raise Differs(where, "bytes", expected, hexed(digest))
    if snapshot.time_ns != manifest.time_ns:
        raise Differs(where, "time_ns", manifest.time_ns, snapshot.time_ns)
    if snapshot.sequence != manifest.sequence:
        raise Differs(where, "sequence", manifest.sequence, snapshot.sequence)


def _named(past: Past, at: int, before: bytes, alternatives: Alternatives) -> Differs:
    """Name what was altered of the step whose history does not follow."""
    step = past.steps[at]
    follows = history_of(before, step.manifest)
    if at + 1 < len(past.steps):
        after = past.steps[at + 1].manifest
        if history_of(follows, after) == after.history:
            named = msgspec.structs.replace(step.manifest, history=follows)
            return in_manifest(step, "history", named)
    for field, manifest in alternatives(step):
        if history_of(before, manifest) == step.manifest.history:
            return in_manifest(step, field, manifest)
    return Differs(manifest_name(step), "history", hexed(follows), hexed(step.manifest.history))


def history_of(before: bytes, manifest: StepManifest) -> bytes:
    """Return the history after a step, from the one before it."""
    return history_after(
        before,
        manifest.time_ns,
        manifest.spec_digest,
        manifest.inputs_digest,
        manifest.orders,
        manifest.marks_digest,
        manifest.snapshot_digest,
    )
