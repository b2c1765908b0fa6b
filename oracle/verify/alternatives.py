"""A manifest's fields as other records of the archive have them: to name one that was altered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from oracle.archive.read import Step
from oracle.model.errors import PlumblineError
from oracle.model.messages import Control, Mark, StepManifest, encode
from oracle.node.proof import inputs_digest, marks_digest, snapshot_digest
from oracle.verify.evidence import Claim, Evidence, Terms
from oracle.verify.guarded import tried
from oracle.verify.history import history_of

_NEAR_NS: Final = 2 * 10**9
_ORDERS_NS: Final = 3_600 * 10**9
"""An order takes effect soon after it was issued; it is looked for so far before its step."""

Given = Iterator[Any]


class Alternatives:
    """Knows each field of a step's manifest from elsewhere in one archive."""

    def __init__(
        self,
        evidence: Evidence,
        terms: Terms,
        claim: Claim | None = None,
        recomputed: Callable[[Step], dict[str, Any]] | None = None,
    ) -> None:
        """Read `evidence`; `recomputed` gives the fields that an engine makes of the step."""
        self._evidence, self._terms, self._claim = evidence, terms, claim
        self._recomputed = recomputed

    def __call__(self, step: Step) -> Iterator[tuple[str, StepManifest]]:
        """Return a step's manifest with one field as another record has it, field by field."""
        sources: dict[str, Callable[[Step], Given]] = {
            "group": lambda step: iter([str(step.shard)]),
            "time_ns": self._times,
            "sequence": self._sequences,
            "ticks": lambda step: iter([sum(map(len, self._evidence.ticks_of(step)))]),
            "inputs_digest": lambda step: iter([inputs_digest(self._evidence.ticks_of(step))]),
            "spec_digest": self._specs,
            "marks_digest": self._marks,
            "orders": self._orders,
            "snapshot_digest": self._snapshots,
            "tick_starts": self._starts,
            "tick_offsets": self._ends,
            "control_offsets": lambda step: (m.control_offsets for m in self._beside(step)),
            "history": self._histories,
        }
        for field, values in sources.items():
            yield from self._with(step, field, values)
        if self._recomputed is not None:
            yield from self._with_recomputed(step, self._recomputed)

    def _with(
        self, step: Step, field: str, values: Callable[[Step], Given]
    ) -> Iterator[tuple[str, StepManifest]]:
        given = tried(lambda: list(values(step)))
        for value in () if isinstance(given, PlumblineError) else given:
            if value != getattr(step.manifest, field):
                yield field, msgspec.structs.replace(step.manifest, **{field: value})

    def _with_recomputed(
        self, step: Step, recomputed: Callable[[Step], dict[str, Any]]
    ) -> Iterator[tuple[str, StepManifest]]:
        fields = tried(lambda: recomputed(step))
        for field, value in () if isinstance(fields, PlumblineError) else fields.items():
            yield from self._with(step, field, partial(_only, value))

    def _near(self, step: Step) -> Sequence[Mark]:
        """Return marks of one market around a step's time."""
        time_ns, market = step.manifest.time_ns, self._own(step)
        return self._evidence.marks_of(market, time_ns - _NEAR_NS, time_ns + _NEAR_NS)

    def _own(self, step: Step) -> str:
        return min(self._terms.shards[step.shard].markets)

    def _times(self, step: Step) -> Given:
        if self._claim is not None:
            yield self._claim.time_ns
        number = step.manifest.sequence
        yield from (mark.time_ns for mark in self._near(step) if mark.sequence == number)

    def _sequences(self, step: Step) -> Given:
        time_ns = step.manifest.time_ns
        yield from (mark.sequence for mark in self._near(step) if mark.time_ns == time_ns)

    def _specs(self, step: Step) -> Given:
        yield from (manifest.spec_digest for manifest in self._beside(step))

    def _marks(self, step: Step) -> Given:
        own = self._terms.shards[step.shard].markets
        marks = self._evidence.marks_made(step, own.__contains__)
        yield marks_digest(encode(mark) for mark in marks)

    def _orders(self, step: Step) -> Given:
        time_ns, orders = step.manifest.time_ns, step.manifest.orders
        held = self._evidence.controls_between(time_ns - _ORDERS_NS, time_ns + _NEAR_NS)
        yield ()
        for at, order in enumerate(orders):
            for other in held:
                if _resembles(order, other):
                    yield (*orders[:at], other, *orders[at + 1 :])
            yield (*orders[:at], *orders[at + 1 :])
        yield from ((*orders, other) for other in held)

    def _snapshots(self, step: Step) -> Given:
        yield b""
        held = self._evidence.snapshot_before(step.shard, step.manifest.time_ns + 1)
        if held is not None:
            yield snapshot_digest(held.state)

    def _starts(self, step: Step) -> Given:
        for manifest in self._beside(step):
            yield {step.shard: manifest.tick_offsets.get(step.shard, 0)}

    def _ends(self, step: Step) -> Given:
        for manifest in self._beside(step):
            yield {step.shard: manifest.tick_starts.get(step.shard, 0)}
            yield {step.shard: manifest.tick_offsets.get(step.shard, 0)}

    def _histories(self, step: Step) -> Given:
        number = step.manifest.sequence
        for manifest in self._beside(step):
            if manifest.sequence == number - 1:
                yield history_of(manifest.history, step.manifest)

    def _beside(self, step: Step) -> Iterator[StepManifest]:
        """Return the manifests around a step."""
        time_ns = step.manifest.time_ns
        around = self._evidence.steps_between(step.shard, time_ns - _NEAR_NS, time_ns + _NEAR_NS)
        yield from (one.manifest for one in around if one.log == step.log)


def _only(value: Any, _step: Step) -> Given:
    return iter([value])


def _resembles(order: Control, other: Control) -> bool:
    """Whether two orders have all but one field alike."""
    names = order.__struct_fields__
    return [getattr(order, name) == getattr(other, name) for name in names].count(False) == 1
