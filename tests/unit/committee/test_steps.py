"""From marks and manifests on the bus to views: whole steps, of all shards, never going back."""

from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from oracle.bus.interface import Record
from oracle.committee.steps import KEPT_STEPS, LAG_NS, Steps, View
from oracle.model.fixed import Px
from oracle.model.messages import Mark, StepManifest, encode
from oracle.model.topics import Topic
from oracle.model.validity import BreakerState, Validity

S = 10**9
T0 = 1_790_000_000 * S
MARKETS = {"A-USD": 0, "B-USD": 3, "C-USD": 4, "D-USD": 9}
"""Of two shards, the second has C-USD alone."""
PARTS = {0: ("A-USD", "B-USD", "D-USD"), 1: ("C-USD",)}


def step(shard: int, sequence: int, time_ns: int) -> list[Record]:
    """Return a step's messages, as they are on the bus."""
    manifest = StepManifest(str(shard), sequence, time_ns, 0, {}, {}, {})
    marks = [
        Mark(
            name, MARKETS[name], sequence, time_ns, Validity.VALID, "", BreakerState.NORMAL,
            Px(1, 0), Px(1, 0), None, 0, None, 0, 0, (),
        )
        for name in PARTS[shard]
    ]  # fmt: skip
    messages = [(Topic.STEPS, manifest), *((Topic.MARKS, mark) for mark in marks)]
    return [Record(topic, shard, 0, "", message) for topic, message in messages]


def times(views: list[View | None]) -> list[int]:
    """Return the times of the views there are, in seconds after T0."""
    return [(view.time_ns - T0) // S for view in views if view is not None]


def test_a_view_has_every_market_once_by_number() -> None:
    """It is dated as the oldest of the shards' steps, and commits to both manifests."""
    steps = Steps(MARKETS, 2)
    assert steps.take(step(0, 7, T0 + 3)) is None
    view = steps.take(step(1, 9, T0 + 1))
    assert view is not None
    assert [mark.market for mark in view.marks] == ["A-USD", "B-USD", "C-USD", "D-USD"]
    assert view.time_ns == T0 + 1
    assert [manifest.group for manifest in view.manifests] == ["0", "1"]
    other = view._replace(manifests=view.manifests[:1])
    assert view.inputs_root() != other.inputs_root()


@given(st.randoms(use_true_random=False))
def test_however_messages_interleave_views_are_whole_and_go_on(rng: random.Random) -> None:
    """Marks of one step never mix with another's, and no view is before one that was given."""
    waiting = {
        shard: [r for number in range(1, 6) for r in step(shard, number, T0 + number * S + shard)]
        for shard in PARTS
    }
    for messages in waiting.values():  # steps in order, the messages of each in any
        for first in range(0, len(messages), len(messages) // 5):
            part = messages[first : first + len(messages) // 5]
            rng.shuffle(part)
            messages[first : first + len(messages) // 5] = part
    steps, views = Steps(MARKETS, 2), []
    while any(waiting.values()):
        shard = rng.choice([shard for shard, left in waiting.items() if left])
        view = steps.take([waiting[shard].pop(0)])
        if view is not None:
            views.append(view)
            by_shard = {manifest.group: manifest.time_ns for manifest in view.manifests}
            for mark in view.marks:
                if mark.validity is Validity.VALID:
                    assert mark.time_ns == by_shard["1" if mark.market == "C-USD" else "0"]
    assert views
    assert all(a.time_ns < b.time_ns for a, b in itertools.pairwise(views))


def test_a_shard_that_has_died_holds_up_no_other() -> None:
    """Within the lag its last step counts; after it its markets are missing, until it is back."""
    steps = Steps(MARKETS, 2)
    steps.take(step(0, 1, T0))
    views = [steps.take(step(1, 1, T0))]
    late = T0 + LAG_NS + S
    views.append(steps.take(step(0, 2, late)))
    assert times(views) == [0, (LAG_NS + S) // S]
    silent = views[-1]
    assert silent is not None
    by_name = {mark.market: mark for mark in silent.marks}
    assert by_name["C-USD"].validity is Validity.MISSING
    assert by_name["C-USD"].mark is None
    assert by_name["A-USD"].validity is Validity.VALID
    assert [manifest.group for manifest in silent.manifests] == ["0"]
    back = steps.take(step(1, 2, late + S))
    assert back is None  # as old as the other shard's, which was given already
    again = steps.take(step(0, 3, late + S))
    assert again is not None
    assert {mark.validity for mark in again.marks} == {Validity.VALID}


def test_a_shard_that_stays_too_late_for_a_round_makes_no_other_late() -> None:
    """A moment is forgiven; for longer its markets are missing rather than all views too old."""
    steps, tenth = Steps(MARKETS, 2, late_ns=S // 4), S // 10
    views: list[tuple[int, View]] = []

    def go_on(behind: int, first: int, end: int) -> None:
        for at in range(first, end):
            for shard, time_ns in ((1, T0 + (at - behind) * tenth), (0, T0 + at * tenth)):
                view = steps.take(step(shard, at, time_ns))
                if view is not None:
                    views.append((at, view))

    go_on(0, 0, 10)
    go_on(5, 20, 45)
    missing = [(at, view.time_ns) for at, view in views if len(view.manifests) == 1]
    since = 26  # a second after the step that was the first to come too late
    assert missing == [(at, T0 + at * tenth) for at in range(since, 45)]
    go_on(1, 46, 60)
    assert all(len(view.manifests) == 2 for at, view in views if at >= 47)
    assert views[-1][0] == 59


def test_a_shard_that_was_never_heard_has_a_moment() -> None:
    """A reader that has just come must not call missing what comes a little later."""
    steps = Steps(MARKETS, 2)
    assert steps.take(step(0, 1, T0)) is None
    assert steps.take(step(0, 2, T0 + LAG_NS)) is None
    assert steps.take(step(0, 3, T0 + LAG_NS + 1)) is not None


def test_one_shard_is_the_whole() -> None:
    """An embedded engine's step is a view by itself, and commits to its manifest as before."""
    steps = Steps({"A-USD": 0, "B-USD": 3, "D-USD": 9})
    (manifest, *_) = records = step(0, 1, T0)
    view = steps.take(records)
    assert view is not None
    assert view.manifests == (manifest.message,)
    assert encode(view.manifests[0]) == encode(manifest.message)
    assert steps.take(step(0, 1, T0)) is None


def test_steps_that_are_never_whole_are_given_up() -> None:
    """A step whose marks went missing does not stay for ever, nor what is no market of ours."""
    steps = Steps(MARKETS, 2)
    for number in range(KEPT_STEPS * 2):
        assert steps.take(step(0, number, T0 + number)[:-1]) is None
    assert len(steps._waiting) == KEPT_STEPS
    stranger = step(0, 1, T0)[1]._replace(message=StepManifest("7", 1, T0, 0, {}, {}, {}))
    assert steps.take([stranger]) is None
