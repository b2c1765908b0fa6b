"""Conversion through other markets, and what takes a converted source out (docs/engine.md, 3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from oracle.engine.engine import Engine
from oracle.engine.spec import OFF, EngineSpec, PegSpec
from oracle.model.errors import ConfigError
from oracle.model.validity import BreakerState, Validity
from tests.engine_builders import (
    BREAKER,
    S,
    Walk,
    after,
    batch,
    by_market,
    engine,
    market,
    pause,
    quote,
    reasons,
    source,
    trades,
)

RATE = {"k:T": "1", "c:T": "1"}
DIRECT = {"c:B": "64000", "k:B": "64010"}
THROUGH = {"b:B": "64005", "x:B": "64005"}


def _edge(**changes):
    return market("T-USD", [source("k:T"), source("c:T")], 1, **changes)


def _users(*direct: str, **changes):
    through = [source(name, edge="T-USD") for name in THROUGH]
    return market("B-USD", [*through, *(source(name) for name in direct)], **changes)


def _walk(edge=None, users=None) -> Walk:
    return Walk(engine([edge or _edge()], [users or _users(*DIRECT)]), RATE | DIRECT | THROUGH)


def _pegged(**changes):
    peg = replace(BREAKER, deviations=(), peg=PegSpec(1.0, 60.0, 300.0), **changes)
    return _edge(breaker=peg)


def test_a_price_is_converted_at_the_rate_of_the_same_step():
    """A fall of the quote currency moves what the converted source says, not the index."""
    marks = _walk().go(1, {"k:T": "0.8", "c:T": "0.8", "b:B": "80000", "x:B": "80005"})
    mark = by_market(marks)["B-USD"]
    prices = {view.source: str(view.price) for view in mark.sources}
    assert prices == {
        "b:B": "64000.000",
        "x:B": "64004.000",
        "c:B": "64000.000",
        "k:B": "64010.000",
    }


def test_conversion_goes_through_several_levels():
    """A price in C is worth its rate in B times B's rate in USD, all of the same step."""
    b = market("B-USD", [source("a:B"), source("b:B")], 1)
    c = market("C-USD", [source("a:C", edge="B-USD"), source("b:C", edge="B-USD")], 2)
    x = market("X-USD", [source("a:X", edge="C-USD"), source("b:X", edge="C-USD")])
    made = engine([b], [c], [x])
    ticks = trades({"a:B": "2", "b:B": "2", "a:C": "3", "b:C": "3", "a:X": "5", "b:X": "5"})
    assert made.step(ticks, [], after(1)).index.tolist() == [30.0, 2.0, 6.0]


def test_conversion_widens_the_confidence_by_that_of_its_rate():
    """An uncertain rate makes an uncertain price."""
    x = market("X-USD", [source("a:X", edge="T-USD"), source("b:X", edge="T-USD")])
    ticks = batch(*(quote(name, "99.9", "100.1") for name in ("a:X", "b:X")))
    for half, width in ((0.0, 0.001), (0.002, 0.003)):
        rates = batch(*(quote(n, str(1 - half), str(1 + half)) for n in ("k:T", "c:T")))
        marks = engine([_edge()], [x]).step([*ticks, *rates], [], after(0) + 1)
        assert marks.conf[0] == pytest.approx(width, rel=1e-6)


def test_a_rate_without_an_index_takes_its_sources_out():
    """No conversion rate, no converted price: the reason names it."""
    walk = _walk()
    walk.go(1)
    marks = walk.go(1, {"k:T": "0.9"})
    mark = by_market(marks)["B-USD"]
    assert reasons(mark) == dict.fromkeys(THROUGH, "conversion_missing") | dict.fromkeys(DIRECT, "")
    assert marks.refused["conversion_missing"] == 2
    assert mark.validity is Validity.VALID


def test_a_paused_rate_takes_its_sources_out():
    """A person who halts the edge halts conversion through it, from that step until its end."""
    walk = _walk()
    walk.go(1)
    marks = walk.go(1, orders=[pause("T-USD", 2, 3)])
    assert reasons(by_market(marks)["B-USD"])["b:B"] == "conversion_halted"
    assert marks.refused == {"conversion_halted": 2}
    assert by_market(marks)["T-USD"].reason == "paused by ann: drill"
    assert walk.go(1).refused == {}
    assert reasons(by_market(walk.go(2))["B-USD"])["b:B"] == ""


def test_a_rate_that_trips_its_breaker_converts_nothing_in_that_very_step():
    """The step that halts the edge takes its sources out: no mark is signed through it."""
    walk = _walk()
    walk.go(30)
    marks = by_market(walk.go(1, {"k:T": "0.92", "c:T": "0.92"}))
    assert marks["T-USD"].validity is Validity.HALTED
    assert reasons(marks["B-USD"])["b:B"] == "conversion_halted"
    assert str(marks["B-USD"].mark) == "64000.000"
    assert marks["B-USD"].validity is Validity.VALID


def test_a_halt_is_named_before_a_depeg_and_a_depeg_before_a_missing_rate():
    """The first of the table: what a person did, what the breaker did, then what is not there."""
    walk = _walk(_pegged())
    walk.go(1, {"k:T": "0.96", "c:T": "0.96"})
    assert reasons(by_market(walk.go(1, {"k:T": ""}))["B-USD"])["b:B"] == "conversion_depegged"
    gone = by_market(walk.go(12))
    assert gone["T-USD"].index is None
    assert reasons(gone["B-USD"])["b:B"] == "conversion_depegged"
    held = by_market(walk.go(1, orders=[pause("T-USD", walk.second, 9)]))
    assert reasons(held["B-USD"])["b:B"] == "conversion_halted"


def test_a_stale_source_is_stale_whatever_its_rate():
    """What is wrong with the source itself comes first."""
    walk = _walk()
    walk.go(1)
    marks = walk.go(12, {"b:B": "", "k:T": "", "c:T": ""})
    found = reasons(by_market(marks)["B-USD"])
    assert (found["b:B"], found["x:B"]) == ("stale", "conversion_missing")


def test_a_converted_price_that_no_mark_can_carry_is_refused():
    """Two prices within range may have a product beyond it, above and below."""
    for rate, price in (("9e20", "9e20"), ("1e-18", "0.9")):
        walk = _walk()
        marks = walk.go(1, {"k:T": rate, "c:T": rate, "b:B": price, "x:B": ""})
        assert reasons(by_market(marks)["B-USD"])["b:B"] == "out_of_range"
        assert marks.refused == {"out_of_range": 1}


def test_a_depeg_guards_then_cuts_then_mends():
    """Off by 60 bps it is GUARDED, off by 300 nothing converts, until back within half of that."""
    walk = _walk(_pegged(dwell_ns=0))
    walk.go(1)
    path = (
        ("0.9941", "NORMAL", ""),
        ("0.9939", "GUARDED", ""),
        ("0.9701", "GUARDED", ""),
        ("0.9699", "GUARDED", "conversion_depegged"),
        ("0.975", "GUARDED", "conversion_depegged"),
        ("0.9849", "GUARDED", "conversion_depegged"),
        ("0.9851", "GUARDED", ""),
        ("0.9969", "GUARDED", ""),
        ("0.9971", "NORMAL", ""),
        ("1.031", "GUARDED", "conversion_depegged"),
    )
    for rate, state, reason in path:
        marks = by_market(walk.go(1, dict.fromkeys(RATE, rate)))
        assert marks["T-USD"].state is BreakerState[state], rate
        assert reasons(marks["B-USD"])["b:B"] == reason, rate


def test_a_peg_is_left_at_its_bound_and_regained_within_half_of_it():
    """At a quarter off it is cut, at an eighth it still is, and below that no more."""
    peg = replace(BREAKER, deviations=(), peg=PegSpec(1.0, 1_000.0, 2_500.0))
    walk = _walk(_edge(breaker=peg))
    walk.go(1)
    for rate, reason in (
        ("0.75", "conversion_depegged"),
        ("0.875", "conversion_depegged"),
        ("0.8750001", ""),
        ("0.7500001", ""),
    ):
        marks = by_market(walk.go(1, dict.fromkeys(RATE, rate)))
        assert reasons(marks["B-USD"])["b:B"] == reason, rate


def test_a_depeg_and_its_end_are_events_of_the_conversion_market():
    """Each with the figure and the bound it passed, beside the breaker's own events."""
    walk = _walk(_pegged())
    walk.go(1)
    walk.go(1, dict.fromkeys(RATE, "0.96"))
    walk.go(5, dict.fromkeys(RATE, "0.99"))
    found = [event for event in walk.events if event.kind == "peg"]
    assert [(e.market, e.before, e.after, e.trigger) for e in found] == [
        ("T-USD", "on peg", "off peg", "peg"),
        ("T-USD", "off peg", "on peg", "peg"),
    ]
    assert [e.figure for e in found] == pytest.approx([0.04, 0.01])
    assert [e.limit for e in found] == pytest.approx([0.03, 0.015])
    assert [e.time_ns for e in found] == [after(2), after(3)]
    guarded = next(event for event in walk.events if event.kind == "state")
    assert (guarded.after, guarded.trigger) == ("GUARDED", "peg")
    assert guarded.limit == pytest.approx(0.006)


def test_off_its_peg_a_market_still_publishes_its_own_price():
    """Those who hold it as collateral need the real one: raw, and GUARDED."""
    walk = _walk(_pegged())
    walk.go(1)
    mark = by_market(walk.go(1, dict.fromkeys(RATE, "0.95")))["T-USD"]
    assert (str(mark.mark), mark.validity) == ("0.95000000", Validity.GUARDED)


def test_silence_neither_ends_nor_begins_a_depeg():
    """Without an index nothing is known of the peg: it stays as it was."""
    walk = _walk(_pegged())
    walk.go(1, dict.fromkeys(RATE, "0.95"))
    walk.go(30, dict.fromkeys(RATE, ""))
    assert [event.after for event in walk.events if event.kind == "peg"] == ["off peg"]
    marks = by_market(walk.go(1, dict.fromkeys(RATE, "1")))
    assert reasons(marks["B-USD"])["b:B"] == ""


def test_a_peg_need_not_be_one():
    """A target of another price is measured against that."""
    peg = replace(BREAKER, deviations=(), peg=PegSpec(0.5, 60.0, 300.0))
    walk = _walk(_edge(breaker=peg))
    walk.go(1, dict.fromkeys(RATE, "0.5"))
    assert not walk.events
    walk.go(1, dict.fromkeys(RATE, "0.52"))
    assert {event.kind for event in walk.events} == {"peg", "state"}


@pytest.mark.parametrize(("share", "state"), [(0.5, "GUARDED"), (0.51, "NORMAL")])
def test_weight_through_a_troubled_rate_guards_those_who_convert(share, state):
    """Half of B's weight goes through T: as soon as T is not NORMAL, at half a bound guards B."""
    users = _users(*DIRECT, breaker=replace(BREAKER, deviations=(), conversion_guarded_share=share))
    walk = _walk(_pegged(), users)
    walk.go(1)
    marks = by_market(walk.go(1, dict.fromkeys(RATE, "0.993")))
    assert marks["T-USD"].state is BreakerState.GUARDED
    assert marks["B-USD"].state is BreakerState[state]
    events = [event for event in walk.events if event.market == "B-USD"]
    assert [(e.trigger, e.figure, e.limit) for e in events] == (
        [("conversion", 0.5, 0.5)] if state == "GUARDED" else []
    )


def test_weight_that_is_cut_off_is_not_troubled_but_gone():
    """After the cut what remains converts through nothing: the share is of the admitted weight."""
    users = _users(*DIRECT, breaker=replace(BREAKER, deviations=(), conversion_guarded_share=0.1))
    walk = _walk(_pegged(), users)
    walk.go(1)
    marks = by_market(walk.go(1, dict.fromkeys(RATE, "0.95")))
    assert marks["B-USD"].state is BreakerState.NORMAL


def test_a_depeg_with_the_guard_off_still_cuts():
    """Bounds are apart: without one that guards, the cut still holds."""
    peg = replace(BREAKER, deviations=(), peg=PegSpec(1.0, OFF, 300.0))
    marks = by_market(_walk(_edge(breaker=peg)).go(1, dict.fromkeys(RATE, "0.95")))
    assert marks["T-USD"].state is BreakerState.NORMAL
    assert reasons(marks["B-USD"])["b:B"] == "conversion_depegged"


def test_a_circle_of_conversion_is_refused():
    """Two markets that convert through each other have no order, whatever levels are given."""
    one = market("A-USD", [source("a:A", edge="B-USD")], 0)
    two = market("B-USD", [source("a:B", edge="A-USD")], 1)
    for levels in ((("A-USD",), ("B-USD",)), (("B-USD",), ("A-USD",)), (("A-USD", "B-USD"),)):
        with pytest.raises(ConfigError, match="not of an earlier level"):
            Engine(EngineSpec((one, two), levels))


def test_a_conversion_market_of_a_long_maximum_age_holds_its_rate():
    """What one slow rate source says holds for its own maximum age, and not for the users'."""
    slow = market("T-USD", [source(n, max_age_ns=90 * S) for n in RATE], 1)
    walk = _walk(slow)
    walk.go(1)
    walk.go(60, dict.fromkeys(RATE, ""))
    assert reasons(by_market(walk.go(1))["B-USD"])["b:B"] == ""
