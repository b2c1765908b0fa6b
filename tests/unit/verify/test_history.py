"""From which state a step can be computed again, and when it cannot."""

from __future__ import annotations

import msgspec
import pytest

from oracle.archive.read import Step
from oracle.bus.shards import Snapshot
from oracle.model.messages import StepManifest
from oracle.node.proof import NO_HISTORY, snapshot_digest
from oracle.verify.findings import Differs, Unchecked
from oracle.verify.history import (
    LONGEST_NS,
    check_later_states,
    check_past,
    histories_before,
    history_of,
    past_of,
)
from tests.unit.verify.rounds import OneRound

T0 = 1_790_000_000 * 10**9
STEP_NS = 10**8
STATE = b"a state"


def steps(count: int, log: str = "run", first: int = 1, begin_ns: int = T0) -> list[Step]:
    """Return steps one after the other, the first with a state."""
    made, history = [], NO_HISTORY
    for at in range(count):
        manifest = StepManifest(
            "0", first + at, begin_ns + at * STEP_NS, 0, {0: 0}, {}, {}, (), {0: 0}, (),
            b"s" * 32, b"i" * 32, b"m" * 32, b"", b"" if at else snapshot_digest(STATE),
        )  # fmt: skip
        history = history_of(history, manifest)
        made.append(Step(0, log, at, _with(manifest, history=history), 5))
    return made


def _with(manifest: StepManifest, **fields) -> StepManifest:
    return msgspec.structs.replace(manifest, **fields)


class Steps(OneRound):
    """An archive of steps and one state."""

    def __init__(self, held: list[Step], snapshot: Snapshot | None) -> None:
        super().__init__(b"")
        self.held, self.snapshot = held, snapshot

    def steps_between(self, shard: int, from_ns: int, to_ns: int) -> list[Step]:
        """Return them by time."""
        return [one for one in self.held if from_ns <= one.manifest.time_ns < to_ns]

    def snapshot_before(self, shard: int, time_ns: int) -> Snapshot | None:
        """Return it."""
        return self.snapshot


def state_of(step: Step) -> Snapshot:
    """Return the state after a step."""
    manifest = step.manifest
    return Snapshot(manifest.sequence, manifest.time_ns, manifest.history, 0, 0, STATE)


def checked(held: list[Step], last: Step | None = None) -> str:
    """Check what leads to the last step."""
    archive = Steps(held, state_of(held[0]))
    past = past_of(archive, last or held[-1])
    return check_past(past, histories_before(archive, past), lambda _: iter(()))


def test_steps_lead_from_the_state_to_the_last():
    """As many as there are after the state's own."""
    assert "4 steps lead to the history of step 5" in checked(steps(5))


def test_without_a_state_nothing_can_be_computed_again():
    """None, or one that is too far away, is said, and is no difference."""
    held = steps(5)
    with pytest.raises(Unchecked, match=r"no engine state of shard 0 .*\(none\)"):
        past_of(Steps(held, None), held[-1])
    old = state_of(held[0])._replace(time_ns=T0 - LONGEST_NS)
    with pytest.raises(Unchecked, match="600 s off"):
        past_of(Steps(held, old), held[-1])


def test_a_state_of_the_run_before_accuses_nobody():
    """An engine that began anew numbers from 1: its first step follows no state at hand."""
    before = steps(3, "run before", 500, T0 - 10**9)
    held = [*before, *steps(1)]
    with pytest.raises(Unchecked, match="of another run of its engine"):
        past_of(Steps(held, state_of(before[0])), held[-1])


def test_a_step_that_is_not_there_is_said():
    """A gap makes a proof impossible, and is nobody's lie."""
    held = steps(6)
    with pytest.raises(Unchecked, match="lacks step 4"):
        checked([*held[:3], *held[4:]])


def test_a_step_twice_differs():
    """One number for two steps of one log."""
    held = steps(4)
    twice = held[2]._replace(manifest=_with(held[2].manifest, time_ns=T0 + 25 * 10**7))
    with pytest.raises(Differs, match="step 3: expected once"):
        checked([*held[:3], twice, held[3]])


def test_what_came_before_the_state_must_lead_to_it():
    """A state whose own step follows nothing at hand may be of anybody's making."""
    held = steps(5, first=7)
    with pytest.raises(Unchecked, match="lacks the step before 8"):
        checked(_with_state(held))


def test_a_later_state_that_was_altered_is_named():
    """A replay may begin before it, and would never read it: the archive was altered all the same.

    One that its step does commit to was only not yet there.
    """
    held = steps(4)
    digest = snapshot_digest(b"later")
    committing = held[2]._replace(manifest=_with(held[2].manifest, snapshot_digest=digest))
    past = past_of(Steps(held, state_of(held[0])), held[-1])
    for state, named in ((b"altered", "bytes: expected with SHA-256"), (b"later", "")):
        archive = Steps(held, state_of(held[0]))
        altered = state_of(committing)._replace(state=state)
        archive.altered_states = lambda *_, at=altered: iter([(at, committing)])
        if named:
            with pytest.raises(Differs, match=f"state after step 3, shard 0: {named}"):
                check_later_states(archive, past)
        else:
            check_later_states(archive, past)


def _with_state(held: list[Step]) -> list[Step]:
    """Return steps from the second on, whose first now has the state."""
    made, history = [], held[0].manifest.history
    for at, step in enumerate(held[1:]):
        digest = b"" if at else snapshot_digest(STATE)
        manifest = _with(step.manifest, snapshot_digest=digest)
        history = history_of(history, manifest)
        made.append(step._replace(manifest=_with(manifest, history=history)))
    return made
