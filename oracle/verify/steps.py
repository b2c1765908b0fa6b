"""Step 5, the steps: the manifests and marks that a claim commits to, found and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from oracle.archive.read import Step
from oracle.committee.rounds.observing import Seen, seen
from oracle.committee.steps import View, missing_mark
from oracle.model.errors import Rejected
from oracle.model.messages import Mark, StepManifest, encode
from oracle.node.proof import marks_digest
from oracle.report.word import shard_of
from oracle.verify.differences import ABSENT, Named, in_words
from oracle.verify.evidence import Claim, Evidence, Terms
from oracle.verify.findings import Differs, Unchecked, hexed

_NEAR_NS: Final = 2 * 10**9

Alternatives = Callable[[Step], Iterator[tuple[str, StepManifest]]]
"""Gives a manifest with one field as other records have it, and the field's name."""


class Taken(NamedTuple):
    """The steps of a claim, by shard, with the marks that each made."""

    steps: tuple[Step, ...]
    marks: tuple[tuple[Mark, ...], ...]
    silent: Mapping[str, int]
    """Numbers of the markets whose shard was left out."""

    def seen(self, time_ns: int) -> Seen:
        """Return what an observation of them says."""
        made = [mark for part in self.marks for mark in part]
        made += [missing_mark(name, number, time_ns) for name, number in self.silent.items()]
        made.sort(key=lambda mark: mark.number)
        return seen(View(time_ns, tuple(step.manifest for step in self.steps), tuple(made)))


def silent_in(steps: Sequence[Step], terms: Terms) -> dict[str, int]:
    """Return the numbers of the markets whose shard is not among the steps."""
    heard, shards = {step.shard for step in steps}, len(terms.shards)
    return {
        name: number
        for name, number in terms.numbers.items()
        if shard_of(number, shards) not in heard
    }


def steps_of(evidence: Evidence, claim: Claim, shards: int, name: str) -> tuple[Step, ...]:
    """Return the steps that a claim is of: those it commits to, else those of its time.

    Engines of several members step at times of their own, to the nanosecond: an archive that has
    neither a step nor marks of a claim's time is another member's.

    Raises:
        Unchecked: the archive has none.
    """
    try:
        return tuple(evidence.steps_seen(claim.observation))
    except Rejected:
        pass  # one of them was altered, or is not there: by time it can be said which
    found = [_near(evidence, shard, claim.time_ns) for shard in range(shards)]
    steps = tuple(step for step in found if step is not None)
    if root_of(steps) != claim.inputs_root and not any(
        step.manifest.time_ns == claim.time_ns or _marks(evidence, step, claim) for step in steps
    ):
        raise Unchecked(
            f"{name} has no step of {claim.who} at {claim.time_ns} ns: give that member's archive "
            "with --archive (a folder, or the URL where it is served)"
        )
    return steps


def _near(evidence: Evidence, shard: int, time_ns: int) -> Step | None:
    """Return the step of a time; where there is none, the one nearest to it."""
    steps = evidence.steps_between(shard, time_ns - _NEAR_NS, time_ns + _NEAR_NS)
    return min(steps, key=lambda step: abs(step.manifest.time_ns - time_ns), default=None)


def _marks(evidence: Evidence, step: Step, claim: Claim) -> list[Mark]:
    """Return the marks of a claim's time, whatever time its manifest has."""
    dated = msgspec.structs.replace(step.manifest, time_ns=claim.time_ns)
    return evidence.marks_made(step._replace(manifest=dated))


def marks_of(
    evidence: Evidence, steps: Sequence[Step], claim: Claim, terms: Terms
) -> tuple[tuple[Mark, ...], ...]:
    """Return the archived marks of a claim's steps, those of each shard's own markets."""
    made = []
    for step in steps:
        marks = evidence.marks_made(step) or _marks(evidence, step, claim)
        own = [mark for mark in marks if shard_of(mark.number, len(terms.shards)) == step.shard]
        made.append(tuple(sorted(own, key=lambda mark: mark.number)))
    return tuple(made)


def check_manifests(claim: Claim, steps: Sequence[Step], alternatives: Alternatives) -> str:
    """Check that a claim commits to these manifests.

    Raises:
        Differs: to others; names the field where another record tells it.
    """
    root = root_of(steps)
    if root == claim.inputs_root:
        _check_dated(claim, steps)
        numbers = ", ".join(f"{step.manifest.sequence} of shard {step.shard}" for step in steps)
        return f"its inputs_root is that of the manifests: step {numbers}"
    for at, step in enumerate(steps):
        for field, manifest in alternatives(step):
            altered = step._replace(manifest=manifest)
            if root_of([*steps[:at], altered, *steps[at + 1 :]]) == claim.inputs_root:
                raise in_manifest(step, field, manifest)
    where = " and ".join(manifest_name(step) for step in steps)
    raise Differs(where, "bytes", f"those of inputs_root {hexed(claim.inputs_root)}", hexed(root))


def _check_dated(claim: Claim, steps: Sequence[Step]) -> None:
    """Check that an observation has the time of its oldest step: what it says is not of before."""
    where = f"observation of {claim.who}"
    if not steps:
        raise Differs(where, "inputs_root", "of a step of one shard or more", "of none")
    time_ns = min(step.manifest.time_ns for step in steps)
    if time_ns != claim.time_ns:
        raise Differs(where, "time_ns", f"that of its oldest step, {time_ns}", claim.time_ns)


def root_of(steps: Sequence[Step]) -> bytes:
    """Return the `inputs_root` of an observation of these steps."""
    return View(0, tuple(step.manifest for step in steps), ()).inputs_root()


def manifest_name(step: Step) -> str:
    """Return what a manifest is called."""
    return f"manifest of step {step.manifest.sequence}, shard {step.shard}"


def in_manifest(step: Step, field: str, expected: StepManifest) -> Differs:
    """Return a manifest's difference in a field."""
    ours, theirs = getattr(expected, field), getattr(step.manifest, field)
    show = hexed if isinstance(ours, bytes) else str
    return Differs(manifest_name(step), field, show(ours), show(theirs))


def check_marks(
    claim: Claim, taken: Taken, recomputed: Callable[[Step, Sequence[Mark]], Named | None]
) -> str:
    """Check that the archived marks are those that were committed to, and give the claim's words.

    `recomputed` names the field of a mark that the engine makes otherwise, where it can.

    Raises:
        Differs: in the first field that can be told.
        Unchecked: some are not there.
    """
    for step, marks in zip(taken.steps, taken.marks, strict=True):
        digest = marks_digest(encode(mark) for mark in marks)
        if digest == step.manifest.marks_digest:
            continue
        where = f"archived marks of step {step.manifest.sequence}, shard {step.shard}"
        if not marks:
            raise _lacking(step, "marks")
        named = recomputed(step, marks)
        if named is not None and named.theirs == ABSENT:
            raise _lacking(step, named.field)
        if named is not None:
            raise Differs(where, named.field, f"{named.ours} (recomputed)", named.theirs)
        raise Differs(where, "marks_digest", hexed(step.manifest.marks_digest), hexed(digest))
    said = taken.seen(claim.time_ns)
    if said.state_digest != claim.state_digest:
        ours = f"of the marks of its steps, {hexed(said.state_digest)}"
        raise Differs(
            f"observation of {claim.who}", "state_digest", ours, hexed(claim.state_digest)
        )
    _check_words(claim, said.words)
    count = sum(len(part) for part in taken.marks)
    said_of = f"its state_digest and words are of {count} archived marks"
    if not taken.silent:
        return said_of
    return f"{said_of}; MISSING, as their engine was silent: {', '.join(taken.silent)}"


def _lacking(step: Step, what: str) -> Unchecked:
    """Return that marks are not there: a part may not be archived yet."""
    number = step.manifest.sequence
    return Unchecked(
        f"the archive lacks the {what} of step {number}, shard {step.shard}: not archived yet, or "
        "lost; try again in a minute, or give another copy"
    )


def _check_words(claim: Claim, words: Sequence[bytes]) -> None:
    where = f"words of {claim.who}"
    if len(words) != len(claim.words):
        raise Differs(where, "groups", len(words), len(claim.words))
    for group, (ours, theirs) in enumerate(zip(words, claim.words, strict=True)):
        found = in_words(ours, theirs)
        if found is not None:
            at = f"{where}, group {group}" + (
                "" if found.entry is None else f" entry {found.entry}"
            )
            raise Differs(at, found.field, found.ours, found.theirs)
