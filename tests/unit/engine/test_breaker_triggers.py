"""Every trigger guards and halts at its bound, and says so (docs/engine.md, 8)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from oracle.engine.spec import OFF, BreakerSpec, DeviationSpec, MarkSpec, Mean, Method, TwapSpec
from oracle.model.validity import BreakerState
from tests.engine_builders import CALM, S, Walk, engine, market, only, source

TWO = {"a:X": "100", "b:X": "100"}
THREE = TWO | {"c:X": "100"}


def _walk(breaker: BreakerSpec, prices=TWO, **changes) -> Walk:
    sources = [source(name, max_step_bps=1e6) for name in prices if not name.endswith("P")]
    perps = tuple(source(name, max_step_bps=1e6) for name in prices if name.endswith("P"))
    given = {"breaker": breaker, "perps": perps} | changes
    return Walk(engine([market("X-USD", sources, **given)]), dict(prices))


def _moved(walk: Walk) -> tuple[str, str, float, float]:
    """Return the newest transition: where to, and the figure that made it beside its bound."""
    event = walk.events[-1]
    assert (event.kind, event.market) == ("state", "X-USD")
    return event.after, event.trigger, event.figure, event.limit


def _deviations(which: int, **bounds: float) -> BreakerSpec:
    windows = [DeviationSpec(seconds * S, OFF, OFF) for seconds in (10, 20, 40, 80)]
    windows[which] = replace(windows[which], **bounds)
    return replace(CALM, deviations=tuple(windows))


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize(("price", "state"), [("103", "GUARDED"), ("97", "GUARDED")])
def test_deviation_from_its_own_average_guards_and_halts(which, price, state):
    """Each of the four windows by itself, up and down: 3 % guards and 6 % halts."""
    walk = _walk(_deviations(which, guarded_bps=200.0, halted_bps=500.0))
    walk.go(120)
    assert not walk.events
    walk.go(1, dict.fromkeys(TWO, price))
    assert _moved(walk) == (state, "deviation", pytest.approx(0.03), pytest.approx(0.02))
    walk.go(1, dict.fromkeys(TWO, "106"))
    after, trigger, figure, limit = _moved(walk)
    assert (after, trigger, limit) == ("HALTED", "deviation", pytest.approx(0.05))
    assert 0.05 < figure < 0.064


@pytest.mark.parametrize("which", range(4))
def test_a_move_is_forgotten_with_its_window(which):
    """At 103 for its window, the index is off no more; a longer window still remembers."""
    walk = _walk(_deviations(which, guarded_bps=100.0))
    walk.go(120)
    window_s = (10, 20, 40, 80)[which]
    assert walk.go(window_s // 2, dict.fromkeys(TWO, "103")).state[0] == BreakerState.GUARDED
    assert walk.go(window_s).state[0] == BreakerState.NORMAL


def test_deviation_is_from_the_breakers_average_not_the_published():
    """Clamp, gap and mean of the published TWAP are the consumers' business."""
    published = TwapSpec(3_600 * S, Mean.GEOMETRIC, clamp_bps=1.0)
    walk = _walk(_deviations(0, guarded_bps=100.0), twap=published)
    walk.go(30)
    assert walk.go(20, dict.fromkeys(TWO, "100.9")).state[0] == BreakerState.NORMAL
    assert walk.go(20, dict.fromkeys(TWO, "101.8")).state[0] == BreakerState.NORMAL
    walk.go(10, dict.fromkeys(TWO, "102.7"))
    assert not walk.events


def test_where_there_is_no_average_yet_the_deviation_is_zero():
    """The first step of all, and the first after a gap longer than the window."""
    walk = _walk(_deviations(0, guarded_bps=100.0))
    walk.go(5)
    walk.go(40, dict.fromkeys(TWO, ""))
    walk.go(1, dict.fromkeys(TWO, "150"))
    assert not walk.events


@pytest.mark.parametrize(("away", "after"), [("1", "GUARDED"), ("2", "HALTED")])
def test_dispersion_guards_and_halts(away, after):
    """Of three sources one below and one above: half of the weight is within that distance."""
    rules = replace(CALM, dispersion_guarded_bps=90.0, dispersion_halted_bps=150.0)
    walk = _walk(rules, THREE)
    walk.go(1)
    walk.go(1, {"a:X": str(100 - int(away)), "c:X": str(100 + int(away))})
    limit = 0.009 if after == "GUARDED" else 0.015
    assert _moved(walk) == (
        after,
        "dispersion",
        pytest.approx(int(away) / 100),
        pytest.approx(limit),
    )


def test_one_of_three_moves_no_dispersion():
    """Half of the weight is still together: one venue alone guards nobody by this."""
    walk = _walk(replace(CALM, dispersion_guarded_bps=10.0), THREE)
    walk.go(1)
    walk.go(5, {"c:X": "104"})
    assert not walk.events


@pytest.mark.parametrize(("away", "after"), [("1", "GUARDED"), ("2", "HALTED")])
def test_confidence_guards_and_halts(away, after):
    """The half-width in bps, as it is published."""
    rules = replace(CALM, confidence_guarded_bps=90.0, confidence_halted_bps=150.0)
    walk = _walk(rules, THREE)
    walk.go(1)
    marks = walk.go(1, {"a:X": str(100 - int(away)), "c:X": str(100 + int(away))})
    limit = 0.009 if after == "GUARDED" else 0.015
    assert _moved(walk) == (after, "confidence", marks.conf[0], pytest.approx(limit))
    assert marks.conf[0] == pytest.approx(int(away) / 100)


def test_a_missing_source_guards_before_the_quorum_is_lost():
    """Two of three are a quorum but an alarm: silent, refused or outlying alike."""
    for change, steps in (({"c:X": ""}, 11), ({"c:X": "1000"}, 1), ({"c:X": "104"}, 1)):
        walk = _walk(replace(CALM, alarm_sources=3), THREE)
        walk.go(2)
        marks = walk.go(steps, change)
        assert _moved(walk) == ("GUARDED", "sources", 1.0, 1.0)
        assert marks.index[0] == 100.0
    walk.go(11, {"b:X": ""})
    assert "sources" in only(walk.go(1)).reason


def test_a_missing_origin_guards():
    """Three sources of which two are one operator's: without the other there is one origin."""
    sources = [source("a:1"), source("a:2"), source("b:X")]
    rules = replace(CALM, alarm_origins=2)
    made = engine([market("X-USD", sources, breaker=rules, min_origins=1)])
    walk = Walk(made, {"a:1": "100", "a:2": "100", "b:X": "100"})
    walk.go(2)
    assert not walk.events
    walk.go(11, {"b:X": ""})
    assert _moved(walk) == ("GUARDED", "origins", 1.0, 1.0)


def test_a_missing_index_halts_after_its_time():
    """Silent sources live on for their ten seconds; five seconds after that it is HALTED."""
    walk = _walk(replace(CALM, missing_halted_ns=5 * S))
    walk.go(3)
    assert walk.go(14, dict.fromkeys(TWO, "")).state[0] == BreakerState.NORMAL
    assert walk.go(1).state[0] == BreakerState.HALTED
    assert _moved(walk) == ("HALTED", "missing", 5.0 * S, 5.0 * S)


def test_before_its_first_index_a_market_is_not_missing():
    """A market that never was is MISSING by its validity, and no breaker's business."""
    walk = _walk(replace(CALM, missing_halted_ns=5 * S), dict.fromkeys(TWO, ""))
    assert walk.go(60).state[0] == BreakerState.NORMAL


def test_the_age_of_the_newest_price_guards():
    """All sources silent for four seconds: still within their maximum age, but not fresh."""
    walk = _walk(replace(CALM, stale_guarded_ns=4 * S))
    walk.go(3)
    assert walk.go(3, dict.fromkeys(TWO, "")).state[0] == BreakerState.NORMAL
    walk.go(1)
    assert _moved(walk) == ("GUARDED", "stale", 4.0 * S, 4.0 * S)


def test_one_fresh_source_keeps_the_age_but_an_outlier_does_not():
    """The newest of those that count."""
    walk = _walk(replace(CALM, stale_guarded_ns=4 * S), THREE)
    walk.go(3)
    assert walk.go(8, {"a:X": "", "b:X": ""}).state[0] == BreakerState.NORMAL
    walk = _walk(replace(CALM, stale_guarded_ns=4 * S), THREE)
    walk.go(3)
    assert walk.go(8, {"a:X": "", "b:X": "", "c:X": "104"}).state[0] == BreakerState.GUARDED


@pytest.mark.parametrize(
    ("perp", "after"), [("102", "GUARDED"), ("98", "GUARDED"), ("95", "HALTED")]
)
def test_mark_against_index_guards_and_halts(perp, after):
    """The first sample of a basis is all of the average: the mark is where the perp is."""
    rules = replace(CALM, mark_guarded_bps=150.0, mark_halted_bps=400.0)
    walk = _walk(rules, TWO | {"p:P": ""}, mark=MarkSpec(Method.INDEX_BASIS))
    walk.go(1)
    walk.go(1, {"p:P": perp})
    figure, limit = abs(float(perp) / 100 - 1), 0.015 if after == "GUARDED" else 0.04
    assert _moved(walk) == (after, "mark", pytest.approx(figure), pytest.approx(limit))


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"deviations": (DeviationSpec(10 * S, OFF, OFF),)},
        {"agree_bps": 1.0, "release": 0.1},
    ],
)
def test_what_is_off_never_raises(rules):
    """Jumps, splits, silence and lost sources: a breaker without bounds stays NORMAL."""
    walk = _walk(replace(CALM, **rules), THREE)
    for change in ({"a:X": "90"}, {"a:X": "130", "b:X": "131"}, dict.fromkeys(THREE, "")):
        walk.go(15, change)
    assert not walk.events


def test_a_figure_at_its_bound_raises():
    """Reached, not passed; both the guarding and the halting one."""
    rules = replace(CALM, dispersion_guarded_bps=100.0, dispersion_halted_bps=200.0)
    for away, after in (("1", "GUARDED"), ("2", "HALTED")):
        walk = _walk(rules, {"a:X": "1024", "b:X": "1024", "c:X": "1024"})
        walk.go(1)
        low, high = 1024 * (1 - int(away) / 100), 1024 * (1 + int(away) / 100)
        marks = walk.go(1, {"a:X": f"{low:.2f}", "c:X": f"{high:.2f}"})
        assert BreakerState(int(marks.state[0])).name == after


def test_the_worst_of_several_triggers_is_named():
    """Halting before guarding, and of two the one furthest beyond its bound."""
    both = replace(CALM, dispersion_guarded_bps=50.0, confidence_guarded_bps=90.0)
    for rules, named in (
        (both, "dispersion"),
        (replace(both, dispersion_guarded_bps=99.0), "confidence"),
        (replace(both, confidence_halted_bps=99.0), "confidence"),
    ):
        walk = _walk(rules, THREE)
        walk.go(1)
        walk.go(1, {"a:X": "99", "c:X": "101"})
        assert walk.events[-1].trigger == named


def test_a_transition_reads_as_a_sentence():
    """What an incident responder sees names the figure beside its bound, in its unit."""
    walk = _walk(_deviations(0, guarded_bps=200.0, halted_bps=500.0))
    walk.go(20)
    mark = only(walk.go(1, dict.fromkeys(TWO, "103")))
    assert walk.events[-1].sentence == (
        "X-USD NORMAL -> GUARDED: index off its average by 300 bps (bound 200)"
    )
    assert mark.reason == "breaker GUARDED: index off its average by 300 bps (bound 200)"
