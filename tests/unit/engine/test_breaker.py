"""How a market's breaker moves: up at once, down through calm, agreement and time.

The trigger here is mostly the dispersion, because its figure is the same in every step: three
sources, one as far below the middle as another is above (docs/engine.md, 8).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from oracle.engine.spec import BreakerSpec
from oracle.model.validity import BreakerState, Validity
from tests.engine_builders import (
    BREAKER,
    CALM,
    S,
    Walk,
    engine,
    market,
    only,
    pause,
    resume,
    source,
)

SPLIT = replace(
    CALM,
    dispersion_guarded_bps=100.0,
    dispersion_halted_bps=200.0,
    dwell_ns=5 * S,
    recovery_ns=10 * S,
    agree_bps=30.0,
)
THREE = {"a:X": "100", "b:X": "100", "c:X": "100"}


class Split(Walk):
    """Walks a market whose sources are so many bps apart."""

    def __init__(self, breaker: BreakerSpec = SPLIT, **changes: object) -> None:
        sources = [source(name, max_step_bps=1e6) for name in THREE]
        self.market = market("X-USD", sources, breaker=breaker, **changes)
        super().__init__(engine([self.market]), dict(THREE))

    def apart(self, bps: float, seconds: float = 1, **given) -> str:
        """Step with the outer two so far from the middle; return the state."""
        low, high = 100 - bps / 100, 100 + bps / 100
        marks = self.go(seconds, {"a:X": f"{low}", "b:X": "100", "c:X": f"{high}"}, **given)
        return BreakerState(int(marks.state[0])).name

    def silent(self, seconds: float = 1, **given) -> str:
        """Step without any tick; return the state."""
        marks = self.go(seconds, dict.fromkeys(THREE, ""), **given)
        return BreakerState(int(marks.state[0])).name

    @property
    def path(self) -> list[str]:
        """The states it went to."""
        return [event.after for event in self.events if event.kind == "state"]


def test_up_is_at_once_from_any_state():
    """NORMAL to GUARDED, GUARDED to HALTED, NORMAL to HALTED: in the step of the figure."""
    walk = Split()
    assert walk.apart(0) == "NORMAL"
    assert walk.apart(110) == "GUARDED"
    assert walk.apart(210) == "HALTED"
    walk = Split()
    assert walk.apart(210) == "HALTED"


def test_guarded_is_left_after_its_dwell_time():
    """Calm at once, but GUARDED for the five seconds of its dwell."""
    walk = Split()
    walk.apart(110)
    assert walk.apart(0, 4) == "GUARDED"
    assert walk.apart(0) == "NORMAL"


def test_guarded_is_left_at_the_first_calm_after_its_dwell_time():
    """The dwell is since it was entered, and not since the last disturbance."""
    walk = Split()
    walk.apart(110, 9)
    assert walk.apart(0) == "NORMAL"


def test_between_release_and_bound_nothing_moves():
    """Hysteresis: 60 bps neither enters GUARDED nor leaves it; 50 is not below half of 100."""
    walk = Split()
    assert walk.apart(60, 9) == "NORMAL"
    walk.apart(110)
    assert walk.apart(60, 20) == "GUARDED"
    assert walk.apart(50, 3) == "GUARDED"
    assert walk.apart(49) == "NORMAL"


def test_release_is_of_the_halting_bound_where_only_that_is_set():
    """Without a guarding bound calm is half of the halting one."""
    walk = Split(replace(SPLIT, dispersion_guarded_bps=float("inf"), agree_bps=500.0))
    walk.apart(210)
    assert walk.apart(101, 20) == "HALTED"
    assert walk.apart(99) == "RECOVERING"


def test_release_is_the_configured_part():
    """A release of 0.9 leaves GUARDED at 89 of 100."""
    walk = Split(replace(SPLIT, release=0.9))
    walk.apart(110)
    assert walk.apart(91, 9) == "GUARDED"
    assert walk.apart(89) == "NORMAL"


def test_every_trigger_must_be_calm():
    """One that is quiet does not end what another still holds."""
    walk = Split(replace(SPLIT, alarm_sources=3))
    walk.apart(110)
    walk.go(5, {"a:X": "100", "b:X": "100", "c:X": "104"})
    assert walk.path == ["GUARDED"]
    assert walk.apart(0) == "NORMAL"


def test_halted_is_left_only_after_its_dwell_time():
    """Calm at once after a jolt is not yet recovery."""
    walk = Split()
    walk.apart(210)
    assert walk.apart(0, 4) == "HALTED"
    assert walk.apart(0) == "RECOVERING"


def test_halted_never_steps_down_to_guarded():
    """Below its halting bound but above calm it stays HALTED, for as long as it takes."""
    walk = Split()
    walk.apart(210)
    assert walk.apart(110, 60) == "HALTED"


def test_what_only_guards_keeps_a_market_recovering_not_halted():
    """A missing source would never have halted it: out of HALTED, but no further than guarded."""
    walk = Split(replace(SPLIT, alarm_sources=3))
    walk.apart(210)
    two = {"a:X": "100", "b:X": "100", "c:X": "104"}  # an outlier does not count
    walk.go(5, two)
    assert walk.path == ["HALTED", "RECOVERING"]
    marks = walk.go(20, two)
    assert (walk.path[-1], marks.validity[0]) == ("RECOVERING", Validity.GUARDED)
    assert walk.apart(0, 9) == "RECOVERING"
    assert walk.apart(0) == "NORMAL"


def test_recovery_is_a_whole_time_of_calm_and_agreement():
    """HALTED, RECOVERING, and NORMAL after ten seconds; the mark is served as GUARDED."""
    walk = Split()
    walk.apart(210)
    assert walk.apart(0, 5) == "RECOVERING"
    marks = walk.go(9)
    assert marks.validity[0] == Validity.GUARDED
    assert only(marks).mark is not None
    assert walk.apart(0) == "NORMAL"
    assert walk.path == ["HALTED", "RECOVERING", "NORMAL"]


def test_sources_that_stay_split_keep_a_market_recovering():
    """40 bps are calm, but not agreed: who split the sources cannot end the halt by waiting."""
    walk = Split()
    walk.apart(210)
    assert walk.apart(40, 300) == "RECOVERING"
    assert walk.apart(30, 9) == "RECOVERING"
    assert walk.apart(30) == "NORMAL"


def test_agreement_at_its_bound_is_agreement():
    """Exactly as far apart as is allowed, in figures that a float holds exactly."""
    rules = replace(SPLIT, agree_bps=39.0625)
    walk = Split(rules)
    walk.apart(210)
    walk.apart(0, 5)
    marks = walk.go(10, {"a:X": "255", "b:X": "256", "c:X": "257"})
    assert marks.state[0] == BreakerState.NORMAL


@pytest.mark.parametrize("disturbed", ["apart", "guarded", "silent"])
def test_disturbed_the_recovery_starts_anew(disturbed):
    """Disagreement, a figure that guards, or silence: none is served as calm; none goes back."""
    walk = Split(replace(SPLIT, recovery_ns=20 * S))
    walk.apart(210)
    walk.apart(0, 14)
    if disturbed == "silent":
        state = walk.silent(11)
    else:
        state = walk.apart({"apart": 31, "guarded": 110}[disturbed])
    assert state == "RECOVERING"
    assert walk.apart(0, 19) == "RECOVERING"
    assert walk.apart(0) == "NORMAL"


def test_a_new_jolt_in_recovery_halts_again():
    """And its dwell starts anew."""
    walk = Split()
    walk.apart(210)
    assert walk.apart(0, 8) == "RECOVERING"
    assert walk.apart(210) == "HALTED"
    assert walk.apart(0, 4) == "HALTED"
    assert walk.apart(0) == "RECOVERING"


def test_silence_is_no_proof_of_calm():
    """Without an index neither GUARDED nor HALTED is left, whatever time passes."""
    for bps, state in ((110, "GUARDED"), (210, "HALTED")):
        walk = Split()
        walk.apart(bps)
        assert walk.silent(200) == state


def test_time_in_which_nobody_looked_is_no_calm():
    """Asleep through the whole of its recovery, a market has not been seen to be calm."""
    walk = Split()
    walk.apart(210)
    assert walk.apart(0, 6) == "RECOVERING"
    assert walk.apart(0, 300, every=300) == "RECOVERING"


@pytest.mark.parametrize("recovery_s", [0, 1, 2, 3])
def test_a_recovery_of_few_steps_still_ends(recovery_s):
    """A recovery time as short as the interval of the steps is short, and not for ever."""
    walk = Split(replace(SPLIT, recovery_ns=recovery_s * S))
    walk.apart(210)
    assert walk.apart(0, 20) == "NORMAL"


def test_a_market_that_was_missing_comes_back_through_recovery():
    """Halted by silence, and back: dwell, recovery, then NORMAL."""
    walk = Split(replace(SPLIT, missing_halted_ns=5 * S))
    walk.apart(0, 5)
    assert walk.silent(30) == "HALTED"
    assert walk.apart(0) == "HALTED"
    assert walk.apart(0) == "RECOVERING"
    assert walk.apart(0, 10) == "NORMAL"


def test_a_gap_without_any_step_is_a_missing_index_too():
    """The process slept for an hour and wakes at another price: that goes through a halt."""
    walk = Split(replace(SPLIT, missing_halted_ns=60 * S))
    walk.apart(0, 5)
    walk.prices = dict.fromkeys(THREE, "190")
    marks = walk.go(3_600, every=3_600)
    assert marks.state[0] == BreakerState.HALTED
    assert (walk.events[-1].trigger, walk.events[-1].limit) == ("missing", 60.0 * S)


def test_a_latched_halt_waits_for_a_person():
    """Calm for minutes changes nothing; `resume` does, at once."""
    walk = Split(replace(SPLIT, latch=True))
    walk.apart(210)
    assert walk.apart(0, 120) == "HALTED"
    assert walk.apart(0, orders=[resume("X-USD", walk.second)]) == "RECOVERING"
    assert walk.apart(0, 10) == "NORMAL"


def test_a_resume_lifts_the_latch_but_not_the_calm():
    """Given while the figures are still bad or the dwell still runs, it waits for both."""
    walk = Split(replace(SPLIT, latch=True))
    walk.apart(210)
    assert walk.apart(210, 2, orders=[resume("X-USD", walk.second)]) == "HALTED"
    assert walk.apart(0, 2) == "HALTED"
    assert walk.apart(0) == "RECOVERING"


@pytest.mark.parametrize("late", [False, True])
def test_a_resume_given_before_the_halt_does_not_lift_it(late):
    """Nobody has seen what came after: be it applied before the halt, or arrive after it."""
    walk = Split(replace(SPLIT, latch=True))
    walk.apart(0, 3)
    before = [resume("X-USD", walk.second)]
    walk.apart(210, orders=[] if late else before)
    walk.apart(0, orders=before if late else [])
    assert walk.apart(0, 60) == "HALTED"


def test_a_resume_of_one_halt_does_not_lift_the_next():
    """Each halt has its own latch."""
    walk = Split(replace(SPLIT, latch=True))
    walk.apart(210)
    walk.apart(0, 6, orders=[resume("X-USD", walk.second)])
    assert walk.path[-1] == "RECOVERING"
    walk.apart(210)
    assert walk.apart(0, 60) == "HALTED"


def test_a_pause_and_its_resume_are_another_matter():
    """A paused market is HALTED by its validity; the breaker goes on beside it."""
    walk = Split()
    walk.apart(0)
    marks = walk.go(1, orders=[pause("X-USD", walk.second, 60)])
    assert (marks.state[0], marks.validity[0]) == (BreakerState.NORMAL, Validity.HALTED)
    assert only(marks).mark is None
    assert walk.apart(110) == "GUARDED"
    marks = walk.go(1, orders=[resume("X-USD", walk.second)])
    assert marks.validity[0] == Validity.GUARDED


def test_a_latch_and_its_resume_survive_a_restart():
    """From the snapshot a halt is still latched, and a person can still lift it."""
    walk = Split(replace(SPLIT, latch=True))
    walk.apart(0)
    early = resume("X-USD", walk.second)
    walk.apart(210)
    walk.change([walk.market])
    assert walk.apart(0, 20, orders=[early]) == "HALTED"
    walk.change([walk.market])
    assert walk.apart(0, orders=[resume("X-USD", walk.second)]) == "RECOVERING"
    walk.change([walk.market])
    assert walk.apart(0, 10) == "NORMAL"


def test_a_lifted_latch_survives_a_restart():
    """Resumed while not yet calm, restarted, and calm: it recovers."""
    walk = Split(replace(SPLIT, latch=True))
    walk.apart(210)
    walk.apart(210, orders=[resume("X-USD", walk.second)])
    walk.change([walk.market])
    assert walk.apart(0, 5) == "RECOVERING"


def test_every_transition_is_an_event_with_its_figures():
    """Up names what raised it; down names the same trigger with what it has come to."""
    walk = Split()
    walk.apart(0)
    walk.apart(110)
    walk.apart(210)
    walk.apart(10, 5)
    walk.apart(20, 10)
    found = [(e.before, e.after, e.trigger, round(e.figure, 6), e.limit) for e in walk.events]
    assert found == [
        ("NORMAL", "GUARDED", "dispersion", 0.011, 0.01),
        ("GUARDED", "HALTED", "dispersion", 0.021, 0.02),
        ("HALTED", "RECOVERING", "dispersion", 0.001, 0.02),
        ("RECOVERING", "NORMAL", "dispersion", 0.002, 0.02),
    ]
    assert {event.market for event in walk.events} == {"X-USD"}


def test_guarded_publishes_the_raw_mark_and_halted_none():
    """3 % off its average the real price, 8 % off none: never a slowed and never a frozen one."""
    walk = Split(BREAKER)
    walk.go(60)
    mark = only(walk.go(1, dict.fromkeys(THREE, "103")))
    assert (mark.validity, str(mark.mark)) == (Validity.GUARDED, "103.00000")
    mark = only(walk.go(1, dict.fromkeys(THREE, "109")))
    assert (mark.validity, mark.mark) == (Validity.HALTED, None)
    assert str(mark.index) == "109.00000"


def test_a_halt_without_an_index_still_says_what_halted_it():
    """The sources fall silent after it: the figure of the halt stands, and none is invented."""
    walk = Split()
    walk.apart(210)
    walk.silent(15)
    mark = only(walk.go(1))
    assert mark.index is None
    assert mark.reason == "breaker HALTED: dispersion 210 bps (bound 200)"
