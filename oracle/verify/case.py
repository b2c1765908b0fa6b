"""Steps 5 and 6 for one claim and the archive of who made it: each part is read once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from oracle.archive.proving import AnotherSpec
from oracle.archive.read import Step
from oracle.committee.wire.observation import Observation
from oracle.engine.spec import EngineSpec
from oracle.model.errors import PlumblineError, Rejected
from oracle.model.messages import Control, Mark
from oracle.node.proof import spec_digest
from oracle.report.word import shard_of
from oracle.verify.alternatives import Alternatives
from oracle.verify.differences import Named, in_specs, in_values
from oracle.verify.evidence import Claim, Source, Terms
from oracle.verify.findings import Differs, Finding, Unchecked, examined, hexed
from oracle.verify.guarded import tried
from oracle.verify.history import Past, check_later_states, check_past, histories_before, past_of
from oracle.verify.replay import Progress, Replayed, check_ticks, in_archive, replayed
from oracle.verify.steps import (
    Taken,
    check_manifests,
    check_marks,
    marks_of,
    root_of,
    silent_in,
    steps_of,
)

T = TypeVar("T")


class Case:
    """One claim against one archive."""

    def __init__(self, source: Source, claim: Claim, terms: Terms, progress: Progress) -> None:
        self.source, self.claim, self._terms, self._progress = source, claim, terms, progress
        self._evidence = source.evidence
        self._held: dict[Any, Any] = {}

    def findings(self) -> Iterator[Finding]:
        """Run every check, in order."""
        claim = self.claim
        checks: list[tuple[int, str, Callable[[], str]]] = [
            (5, "manifests", self._check_manifests),
            (5, "ticks", self._check_ticks),
            (5, "marks", self._check_marks),
            (5, "specification", self._check_specs),
            (5, "history", self._check_history),
            (5, "orders", self._check_orders),
            (6, "recomputed", self._check_recomputed),
        ]
        for number, what, check in checks:
            yield examined(number, f"{claim.who}: {what}", check)

    def steps(self) -> tuple[Step, ...]:
        """Return the claim's steps, by shard."""
        return self._once("steps", self._found)

    def is_of_its_maker(self) -> bool:
        """Whether the archive has the very steps that the claim commits to."""
        return root_of(self.steps()) == self.claim.inputs_root

    def taken(self) -> Taken:
        """Return the claim's steps with their archived marks."""
        steps = self.steps()
        made = self._once("marks", lambda: marks_of(self._evidence, steps, self.claim, self._terms))
        return Taken(steps, made, silent_in(steps, self._terms))

    def replayed(self, step: Step) -> Replayed:
        """Return what the engine makes of a step, stepped again from the last state."""
        return self._once(("replay", step.shard), lambda: self._replayed(step))

    def spec(self, step: Step) -> EngineSpec:
        """Return what a step computed: the archived specification, else the one at hand.

        Raises:
            Unchecked: neither is it.
        """
        digest = step.manifest.spec_digest
        ours = self._terms.shards[step.shard].spec
        if spec_digest(ours) == digest:
            return ours
        archived = self._archived(step)
        if archived is not None and spec_digest(archived) == digest:
            return archived
        raise Unchecked(
            f"what step {step.manifest.sequence} computed ({hexed(digest)}) is neither archived "
            "nor what the given configuration computes: give the configuration of that time"
        )

    def as_archived(self, one: Observation) -> Iterator[tuple[str, Observation]]:
        """Return an observation with one field as the archive has it, field by field."""
        steps = tried(self.steps)
        if isinstance(steps, PlumblineError):
            return
        time_ns = min(step.manifest.time_ns for step in steps)
        if time_ns != one.time_ns:
            yield "time_ns", one._replace(time_ns=time_ns)
        seen = tried(lambda: self.taken().seen(one.time_ns))
        if isinstance(seen, PlumblineError):
            return
        for field in ("inputs_root", "state_digest", "words"):
            if getattr(seen, field) != getattr(one, field):
                yield field, one._replace(**{field: getattr(seen, field)})
        ours = self._terms.config_hash
        if one.config_hash != ours:
            yield "config_hash", one._replace(config_hash=ours)

    def in_configuration(self) -> Named | None:
        """Name the first parameter in which the configuration is not what was computed."""
        for step in self.steps():
            archived = self._archived(step)
            if archived is not None and spec_digest(archived) == step.manifest.spec_digest:
                named = in_specs(archived, self._terms.shards[step.shard].spec)
                if named is not None:
                    return named
        return None

    def _once(self, key: Any, make: Callable[[], T]) -> T:
        """Return what was made before, or raise what it raised."""
        if key not in self._held:
            try:
                self._held[key] = make()
            except PlumblineError as error:
                self._held[key] = error
        held: T | PlumblineError = self._held[key]
        if isinstance(held, PlumblineError):
            raise held
        return held

    def _found(self) -> tuple[Step, ...]:
        shards = len(self._terms.shards)
        return steps_of(self._evidence, self.claim, shards, self.source.name)

    def _past(self, step: Step) -> Past:
        return self._once(("past", step.shard), lambda: past_of(self._evidence, step))

    def _archived(self, step: Step) -> EngineSpec | None:
        digest = step.manifest.spec_digest
        try:
            return self._spec_of(digest)
        except Rejected:
            return None

    def _spec_of(self, digest: bytes) -> EngineSpec:
        return self._once(("spec", digest), lambda: self._evidence.spec_of(digest))

    def _had_another(self) -> bool:
        """Whether the member had the configuration next to ours or previous, which counted too."""
        ours, its = self._terms.config_hash, self.claim.observation.config_hash
        return its != ours and its in {known.digest for known in self._terms.rules.configs}

    def _kept_as(self, digest: bytes) -> EngineSpec:
        """Return what the archive keeps under a specification's digest, be it another."""
        try:
            return self._spec_of(digest)
        except AnotherSpec as another:
            return another.spec

    def _replayed(self, step: Step) -> Replayed:
        past, spec = self._past(step), self.spec(step)
        own = self._own(step, spec)
        return replayed(self._evidence, past, spec, own, self._progress)

    def _own(self, step: Step, spec: EngineSpec) -> frozenset[str]:
        """Return the markets that a shard publishes; the others are converted through."""
        shards = len(self._terms.shards)
        return frozenset(m.name for m in spec.markets if shard_of(m.number, shards) == step.shard)

    def _alternatives(self) -> Alternatives:
        def recomputed(step: Step) -> dict[str, Any]:
            return self.replayed(step).fields()

        return Alternatives(self._evidence, self._terms, self.claim, recomputed)

    def _check_manifests(self) -> str:
        return check_manifests(self.claim, self.steps(), self._alternatives())

    def _check_ticks(self) -> str:
        rows = 0
        for step in self.steps():
            rows += check_ticks(step, self._evidence.ticks_of(step))
        return f"its {rows} ticks are those that its manifest commits to"

    def _check_marks(self) -> str:
        def recomputed(step: Step, marks: Sequence[Mark]) -> Named | None:
            made = tried(lambda: in_archive(self.replayed(step), marks))
            return None if isinstance(made, PlumblineError) else made

        return check_marks(self.claim, self.taken(), recomputed)

    def _check_specs(self) -> str:
        for step in self.steps():
            digest, ours = step.manifest.spec_digest, self._terms.shards[step.shard].spec
            archived = self._kept_as(digest)
            if spec_digest(archived) != digest:
                where = f"archived specification {hexed(digest)}"
                named = in_specs(ours, archived) if spec_digest(ours) == digest else None
                if named is not None:
                    raise Differs(where, named.field, f"{named.ours} (configured)", named.theirs)
                raise Differs(where, "digest", hexed(digest), hexed(spec_digest(archived)))
            named = in_specs(archived, ours)
            if named is not None and self._had_another():
                raise Unchecked(
                    f"{self.claim.who} had the next or previous configuration, and its first "
                    f"difference from the given one is {named.field}: give that one to check it"
                )
            if named is not None:
                raise Differs(
                    "the given configuration", named.field, f"{named.ours} (as computed)",
                    named.theirs,
                )  # fmt: skip
        return "what was computed is archived, and is what the configuration says"

    def _check_orders(self) -> str:
        orders = [order for step in self.steps() for order in self._past_orders(step)]
        if not orders:
            return "no order took effect in these steps"
        begin_ns = min(order.issued_ns for order in orders)
        end_ns = max(order.issued_ns for order in orders)
        held = self._evidence.controls_between(begin_ns, end_ns + 1)
        for order in orders:
            if order not in held:
                raise _not_as_issued(order, held)
        return f"orders that took effect: {len(orders)}, each as it was issued"

    def _past_orders(self, step: Step) -> list[Control]:
        try:
            steps = self._past(step).after
        except Rejected:
            steps = [step]
        return [order for one in steps for order in one.manifest.orders]

    def _check_history(self) -> str:
        said = []
        for step in self.steps():
            past = self._past(step)
            before = histories_before(self._evidence, past)
            said.append(check_past(past, before, self._alternatives()))
            check_later_states(self._evidence, past)
        return "; ".join(said)

    def _check_recomputed(self) -> str:
        said = []
        for step in self.steps():
            made = self.replayed(step)
            if made.difference is not None:
                raise made.difference
            said.append(f"{made.steps} steps, {made.ticks} ticks, {len(made.marks)} marks")
        return f"{'; '.join(said)}: the same, bit for bit"


def _not_as_issued(order: Control, held: Sequence[Control]) -> Rejected:
    """Say how an order that took effect is not one that was issued."""
    what = f"order to {'pause' if order.paused else 'resume'} {order.kind} {order.subject}"
    for other in held:
        if other.key == order.key and other.issued_ns == order.issued_ns:
            named = in_values(order, other)
            if named is not None:
                ours = f"{named.ours} (as it took effect)"
                return Differs(f"archived {what}", named.field, ours, named.theirs)
    return Unchecked(
        f"the {what} by {order.who}, issued at {order.issued_ns} ns, is not in the archive: "
        "whether it was issued so another member's archive may tell"
    )
