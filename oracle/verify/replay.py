"""Step 6: the engine once more, from an archived state through every step to the one asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from oracle.archive.read import Step, log_beside
from oracle.engine.engine import Engine
from oracle.engine.result import MarkBatch
from oracle.engine.spec import EngineSpec
from oracle.model.messages import Mark, MarketEvent, encode
from oracle.model.ticks import TickBatch
from oracle.model.topics import Topic
from oracle.node.proof import inputs_digest, marks_digest
from oracle.verify.differences import Named, in_marks, in_values
from oracle.verify.evidence import Evidence
from oracle.verify.findings import Differs, Unchecked, hexed
from oracle.verify.history import Past
from oracle.verify.steps import manifest_name

STEPS_AT_ONCE: Final = 4_096
TICKS_AT_ONCE: Final = 200_000
"""Steps whose ticks are read together, up to so many: a part is opened once for all of them."""
MOST_TICKS: Final = 20_000_000

Progress = Callable[[int, int], None]
"""Told how many of how many steps were taken."""


class Replayed(NamedTuple):
    """What the engine made of the last step, and the first step that it made otherwise."""

    spec: EngineSpec
    result: MarkBatch
    marks: tuple[Mark, ...]
    """Of the shard's own markets, by number."""
    steps: int
    ticks: int
    difference: Differs | None

    def fields(self) -> dict[str, Any]:
        """Return the fields of a manifest that an engine makes."""
        return {
            "sequence": self.result.sequence,
            "rejected": self.result.rejected,
            "events": events_of(self.result),
            "marks_digest": marks_digest(encode(mark) for mark in self.marks),
        }


def replayed(
    evidence: Evidence, past: Past, spec: EngineSpec, own: frozenset[str], progress: Progress
) -> Replayed:
    """Step the engine again; `own` are the markets that the shard publishes.

    Raises:
        Differs: ticks are not those that a step took.
        Unchecked: a step computed something else than the last one.
    """
    last = past.steps[-1].manifest
    _check_spans(evidence, past.steps)
    engine, difference, made, ticks = Engine(spec, past.snapshot.state), None, None, 0
    for number, (step, batches) in enumerate(_with_ticks(evidence, past.after), 1):
        manifest = step.manifest
        if manifest.spec_digest != last.spec_digest:
            raise Unchecked(f"step {manifest.sequence} computed something else than the last one")
        ticks += _check_ticks(evidence, step, batches)
        if ticks > MOST_TICKS:
            raise Unchecked(f"more than {MOST_TICKS} ticks since the last state: not replayed")
        made = engine.step(batches, manifest.orders, manifest.time_ns)
        difference = difference or _compared(step, made, own)
        progress(number, len(past.after))
    if made is None:
        raise Unchecked("there is no step after the last state")
    marks = _own(made, own)
    return Replayed(spec, made, marks, len(past.after), ticks, difference)


def events_of(made: MarkBatch) -> tuple[MarketEvent, ...]:
    """Return a step's events as its manifest has them."""
    return tuple(
        MarketEvent(event.market, event.kind, event.before, event.after, event.cause)
        for event in made.events
    )


def in_archive(made: Replayed, archived: Sequence[Mark]) -> Named | None:
    """Name the first field in which archived marks are not the recomputed ones."""
    return in_marks(made.marks, archived)


def _own(made: MarkBatch, own: frozenset[str]) -> tuple[Mark, ...]:
    return tuple(mark for mark in made.messages() if mark.market in own)


def _check_ticks(evidence: Evidence, step: Step, batches: Sequence[TickBatch]) -> int:
    """Check that these are the ticks that a step took; return how many."""
    rows = sum(map(len, batches))
    if rows == step.manifest.ticks and inputs_digest(batches) == step.manifest.inputs_digest:
        return rows
    return check_ticks(step, evidence.ticks_of(step))


def check_ticks(step: Step, batches: Sequence[TickBatch]) -> int:
    """Check that what is at a step's offsets is what it took; return how many ticks.

    Raises:
        Differs: it is not.
    """
    manifest, rows = step.manifest, sum(map(len, batches))
    digest = inputs_digest(batches)
    if digest != manifest.inputs_digest:
        start, end = span_of(step)
        where = f"ticks of step {manifest.sequence}, shard {step.shard} (offsets {start} to {end})"
        raise Differs(where, "inputs_digest", hexed(manifest.inputs_digest), hexed(digest))
    if rows != manifest.ticks:
        raise Differs(manifest_name(step), "ticks", rows, manifest.ticks)
    return rows


def _compared(step: Step, made: MarkBatch, own: frozenset[str]) -> Differs | None:
    manifest = step.manifest
    if made.sequence != manifest.sequence:
        return Differs(manifest_name(step), "sequence", made.sequence, manifest.sequence)
    digest = marks_digest(encode(mark) for mark in _own(made, own))
    if digest != manifest.marks_digest:
        return Differs(
            f"step {manifest.sequence}, shard {step.shard}, recomputed",
            "marks_digest", hexed(digest), hexed(manifest.marks_digest),
        )  # fmt: skip
    for field, value in (("rejected", made.rejected), ("events", events_of(made))):
        if value != getattr(manifest, field):
            named = in_values(value, getattr(manifest, field), field) or Named(field, "", "")
            return Differs(manifest_name(step), named.field, named.ours, named.theirs)
    return None


def span_of(step: Step) -> tuple[int, int]:
    """Return the offsets of a step's ticks: from, and to before."""
    start = step.manifest.tick_starts.get(step.shard, 0)
    return start, step.manifest.tick_offsets.get(step.shard, start)


def _with_ticks(
    evidence: Evidence, steps: Sequence[Step]
) -> Iterator[tuple[Step, Sequence[TickBatch]]]:
    """Return each step with the batches in its span, many spans read at once."""
    some: list[Step] = []
    ticks = 0
    for step in steps:
        some.append(step)
        ticks += step.manifest.ticks
        if len(some) >= STEPS_AT_ONCE or ticks >= TICKS_AT_ONCE:
            yield from zip(some, _read(evidence, some), strict=True)
            some, ticks = [], 0
    if some:
        yield from zip(some, _read(evidence, some), strict=True)


def _read(evidence: Evidence, steps: Sequence[Step]) -> Iterator[Sequence[TickBatch]]:
    spans = [span_of(step) for step in steps]
    log = log_beside(steps[0].log, Topic.STEPS, Topic.TICKS)
    begin, end = min(start for start, _ in spans), max(end for _, end in spans)
    held = iter(evidence.ticks_between(steps[0].shard, begin, end, log=log))
    for step in steps:
        yield _taken(step, held)


def _taken(step: Step, held: Iterator[TickBatch]) -> list[TickBatch]:
    """Take the batches of as many ticks as a step took, from those that follow."""
    batches: list[TickBatch] = []
    rows = 0
    while rows < step.manifest.ticks:
        batch = next(held, None)
        if batch is None:
            break
        batches.append(batch)
        rows += len(batch)
    return batches


def _check_spans(evidence: Evidence, steps: Sequence[Step]) -> None:
    """Check that each step's ticks begin where those of the one before end."""
    for before, step in pairwise(steps):
        (first, reached), (start, end) = span_of(before), span_of(step)
        if end < start:
            raise Differs(manifest_name(step), "tick_offsets", f"{start} or more", end)
        if start == reached:
            continue
        log = log_beside(step.log, Topic.STEPS, Topic.TICKS)
        held = evidence.ticks_between(step.shard, first, start, log=log) if first < start else []
        if inputs_digest(held) == before.manifest.inputs_digest:
            raise Differs(manifest_name(before), "tick_offsets", start, reached)
        raise Differs(manifest_name(step), "tick_starts", reached, start)
