"""What a snapshot carries over into another configuration, and what it must not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from oracle.engine.engine import Engine
from oracle.engine.spec import DeviationSpec, FundingSpec, MarkSpec, Mean, Method, PegSpec, TwapSpec
from oracle.model.errors import Rejected, SchemaError
from oracle.model.validity import BreakerState, Validity
from tests.engine_builders import (
    BREAKER,
    CALM,
    S,
    Walk,
    after,
    by_market,
    engine,
    market,
    only,
    pause,
    reasons,
    source,
    spec,
)

PRICES = {"a:X": "60000", "b:X": "60000", "p:P": "60050"}


def _market(**changes: object):
    given = {"breaker": CALM, "perps": (source("p:P"),)} | changes
    return market("X-USD", [source("a:X"), source("b:X")], **given)


def _walk(**changes: object) -> Walk:
    walk = Walk(engine([_market(**changes)]), dict(PRICES))
    walk.go(40)
    return walk


def test_everything_known_by_name_goes_on():
    """Averages, prices, sequence and the time: the first step after is like any other."""
    walk = _walk()
    walk.change([_market()])
    with pytest.raises(Rejected, match="not after"):
        walk.engine.step([], [], after(40))
    marks = walk.engine.step([], [], after(41))
    assert marks.sequence == 41
    assert (marks.index[0], marks.twap[0]) == (60_000.0, 60_000.0)
    assert marks.mark[0] == pytest.approx(60_050.0)


def test_a_new_market_begins_fresh_beside_an_old_one():
    """And an old one that is gone is left out; the order in the file does not matter."""
    walk = _walk()
    walk.change([market("Y-USD", [source("a:Y"), source("b:Y")], 0), replace(_market(), number=1)])
    marks = by_market(walk.go(1, {"a:Y": "7", "b:Y": "7"}))
    assert str(marks["X-USD"].mark) == "60050.000"
    assert str(marks["Y-USD"].mark) == "7.0000000"
    walk.change([market("Y-USD", [source("a:Y"), source("b:Y")])])
    assert str(only(walk.go(1)).mark) == "7.0000000"


def test_a_new_source_begins_fresh_beside_old_ones():
    """It has no data, and takes nobody's price or place."""
    walk = _walk()
    sources = [source("n:X"), source("b:X"), source("a:X")]
    walk.change([replace(_market(), sources=tuple(sources))])
    mark = only(walk.engine.step([], [], after(41)))
    assert reasons(mark) == {"n:X": "no_data", "b:X": "", "a:X": "", "p:P": ""}


@pytest.mark.parametrize("before", list(Method))
@pytest.mark.parametrize("now", list(Method))
def test_another_mark_method_does_not_read_the_averages_of_the_last(before, now):
    """A basis of 50 USD is no basis of 5,000 %, and none of 8 bps is one of a cent."""
    if before is now:
        return
    walk = _walk(mark=MarkSpec(before))
    walk.change([_market(mark=MarkSpec(now))])
    fresh = _walk(mark=MarkSpec(now))
    assert walk.go(1).mark[0] == pytest.approx(fresh.go(1).mark[0], abs=0.01)


def test_an_average_of_another_length_or_mean_begins_anew():
    """What was sixty buckets of a second is none of a minute."""
    for rules in (TwapSpec(61 * S), TwapSpec(60 * S, Mean.GEOMETRIC)):
        walk = _walk(twap=TwapSpec(60 * S))
        walk.change([_market(twap=rules)])
        marks = walk.go(1, {"a:X": "61000", "b:X": "61000"})
        assert marks.twap[0] == 61_000.0


def test_the_mean_of_a_basis_is_not_taken_for_a_deviation():
    """The third window of 30 s was the basis's, and is now a breaker's: 50 is no price."""
    one, two = DeviationSpec(60 * S, 200, 500), DeviationSpec(30 * S, 200, 500)
    with_basis = MarkSpec(Method.MEDIAN3_FUNDING, basis_ns=30 * S)
    first = {"mark": with_basis, "breaker": replace(BREAKER, deviations=(one,))}
    second = {"breaker": replace(BREAKER, deviations=(one, two))}
    for before, now in ((first, second), (second, first)):
        walk = _walk(**before)
        walk.change([_market(**now)])
        marks = walk.go(2)
        assert marks.state[0] == BreakerState.NORMAL
        assert marks.mark[0] == pytest.approx(60_050.0, abs=1.0)


def test_a_deviation_of_another_place_keeps_its_average():
    """Windows are known by what they are: one more in front of them changes nothing."""
    one, two = DeviationSpec(60 * S, 200, 500), DeviationSpec(30 * S, 200, 500)
    walk = _walk(breaker=replace(BREAKER, deviations=(one,)))
    walk.change([_market(breaker=replace(BREAKER, deviations=(two, one)))])
    marks = walk.go(1, {"a:X": "62000", "b:X": "62000"})
    assert marks.state[0] == BreakerState.GUARDED


def test_a_depeg_does_not_outlive_its_peg():
    """Off its peg, then configured without one: it converts again."""

    def rate(breaker):
        return market("T-USD", [source("k:T"), source("c:T")], 1, breaker=breaker)

    users = market("X-USD", [source("a:X", edge="T-USD"), source("b:X", edge="T-USD")])
    pegged = rate(replace(CALM, peg=PegSpec(1.0, 60.0, 300.0)))
    walk = Walk(engine([pegged], [users]), {"a:X": "1", "b:X": "1", "k:T": "0.9", "c:T": "0.9"})
    assert reasons(by_market(walk.go(1))["X-USD"])["a:X"] == "conversion_depegged"
    walk.change([pegged], [users])
    assert reasons(by_market(walk.go(1))["X-USD"])["a:X"] == "conversion_depegged"
    walk.change([rate(CALM)], [users])
    assert reasons(by_market(walk.go(1))["X-USD"])["a:X"] == ""
    walk.change([pegged], [users])
    assert reasons(by_market(walk.go(1))["X-USD"])["a:X"] == "conversion_depegged"


def test_premium_samples_of_another_interval_are_no_rate_of_this():
    """A rate of a minute's samples is not settled for an hour."""
    walk = _walk(funding=FundingSpec(60 * S, S, 480 * S))
    assert not math.isnan(walk.go(12, {"p:P": ""}).funding[0])
    walk.change([_market(funding=FundingSpec(120 * S, S, 480 * S))])
    assert math.isnan(walk.go(1).funding[0])


def test_pauses_survive_a_restart_and_their_end_does_too():
    """Who paused, why, and until when."""
    walk = _walk()
    walk.go(1, orders=[pause("X-USD", walk.second, 5), pause("a:X", walk.second, 9, "source")])
    walk.change([_market()])
    mark = only(walk.go(1))
    assert mark.reason == "paused by ann: drill"
    assert reasons(mark)["a:X"] == "paused"
    assert only(walk.go(5)).validity is not Validity.HALTED
    assert reasons(only(walk.go(5)))["a:X"] == ""


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_what_is_no_snapshot_is_refused(cut):
    """Cut, empty, or something else: a sentence, and no half-restored engine."""
    walk = _walk()
    data = walk.engine.snapshot()
    for wrong in (data[:cut], data[:-9] + bytes(9) + b"x", b"\xff" * 40):
        with pytest.raises(SchemaError):
            Engine(spec([_market()]), wrong)
