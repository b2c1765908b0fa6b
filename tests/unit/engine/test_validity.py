"""How far a mark may be trusted, worst first, and what each allows (docs/engine.md, 9)."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest

from oracle.engine.spec import OFF, DeviationSpec
from oracle.model.messages import encode
from oracle.model.validity import ALLOWED, PRICED, Action, BreakerState, Validity
from tests.engine_builders import CALM, S, Walk, engine, market, only, pause, source

THREE = {"a:X": "100", "b:X": "100", "c:X": "100"}


def _walk(*, max_confidence_bps: float = 2_000.0, **breaker: object) -> Walk:
    sources = [source(name, max_step_bps=1e6) for name in THREE]
    rules = replace(CALM, **breaker)
    made = market("X-USD", sources, breaker=rules, max_confidence_bps=max_confidence_bps)
    return Walk(engine([made]), dict(THREE))


def _deviation(guarded: float, halted: float, volatile: float) -> tuple[DeviationSpec, ...]:
    return (DeviationSpec(60 * S, guarded, halted, volatile),)


SPREAD = {"a:X": "104", "b:X": "105", "c:X": "106"}
"""5 % off the average of before, and one per cent apart."""


@pytest.mark.parametrize(
    ("bounds", "widest", "validity"),
    [
        ((200, 400, 300), 50.0, Validity.HALTED),
        ((200, 900, 300), 50.0, Validity.TOO_VOLATILE),
        ((200, 900, 600), 50.0, Validity.TOO_UNCERTAIN),
        ((200, 900, 600), 150.0, Validity.GUARDED),
        ((600, 900, 700), 150.0, Validity.VALID),
    ],
)
def test_the_strictest_that_applies_is_given(bounds, widest, validity):
    """One move, all figures the same: bound by bound loosened, the next strictest shows."""
    walk = _walk(max_confidence_bps=widest, deviations=_deviation(*bounds))
    walk.go(60)
    mark = only(walk.go(1, SPREAD))
    assert mark.validity is validity
    assert (mark.mark is not None) is (validity in PRICED)
    assert (mark.reason == "") is (validity is Validity.VALID)


def test_missing_is_stricter_than_all_but_halted():
    """Without an index nothing else is known; a halt or a pause is said all the same."""
    bounds = {"deviations": _deviation(200, 400, 300)}
    walk = _walk(**bounds)
    walk.go(60)
    gone = dict.fromkeys(THREE, "")
    mark = only(walk.go(11, gone))
    assert (mark.validity, mark.index, mark.mark) == (Validity.MISSING, None, None)
    assert only(walk.go(1, orders=[pause("X-USD", walk.second, 9)])).validity is Validity.HALTED
    walk = _walk(**bounds)
    walk.go(60)
    walk.go(1, SPREAD)
    mark = only(walk.go(11, gone))
    assert (mark.state, mark.validity) == (BreakerState.HALTED, Validity.HALTED)


@pytest.mark.parametrize("guarded", [OFF, 900.0])
def test_too_volatile_needs_no_guard_and_names_the_deviation(guarded):
    """With the guarding bound off or higher the breaker stays NORMAL, and the mark says why."""
    walk = _walk(deviations=_deviation(guarded, 2_000, 300))
    walk.go(60)
    mark = only(walk.go(1, SPREAD))
    assert (mark.state, mark.validity) == (BreakerState.NORMAL, Validity.TOO_VOLATILE)
    assert mark.mark is not None
    assert "500 bps" in mark.reason
    assert "300" in mark.reason
    encode(mark)


def test_too_volatile_names_the_deviation_even_when_another_trigger_is_worse():
    """What made this validity, and not what made the breaker stand where it does."""
    walk = _walk(deviations=_deviation(400, 2_000, 450), dispersion_guarded_bps=1.0)
    walk.go(60)
    mark = only(walk.go(1, SPREAD))
    assert mark.validity is Validity.TOO_VOLATILE
    assert "index off its average by 500 bps" in mark.reason


def test_any_window_makes_too_volatile():
    """The second of two, with the first one far from its bound."""
    deviations = (DeviationSpec(10 * S, OFF, OFF, 900.0), DeviationSpec(60 * S, OFF, OFF, 400.0))
    walk = _walk(deviations=deviations)
    walk.go(60)
    assert only(walk.go(1, SPREAD)).validity is Validity.TOO_VOLATILE


def test_too_volatile_begins_at_its_bound():
    """A thirty-second off is 312.5 bps, exactly."""
    for bound, validity in ((312.5, Validity.TOO_VOLATILE), (312.6, Validity.VALID)):
        walk = _walk(deviations=_deviation(OFF, OFF, bound))
        walk.go(10, dict.fromkeys(THREE, "64"))
        assert only(walk.go(1, dict.fromkeys(THREE, "66"))).validity is validity


def test_confidence_at_its_bound_is_not_yet_too_uncertain():
    """A wider one is: the bound itself may be published."""
    walk = _walk()
    walk.go(1)
    conf_bps = float(walk.go(1, {"a:X": "99", "c:X": "101"}).conf[0]) * 1e4
    for widest, validity in (
        (math.nextafter(conf_bps, math.inf), Validity.VALID),
        (conf_bps * (1 - 1e-12), Validity.TOO_UNCERTAIN),
    ):
        walk = _walk(max_confidence_bps=widest)
        walk.go(1)
        assert only(walk.go(1, {"a:X": "99", "c:X": "101"})).validity is validity


def test_recovering_is_served_as_guarded():
    """On the way back the raw mark is published, and not yet trusted with everything."""
    walk = _walk(deviations=_deviation(200, 400, OFF))
    walk.go(60)
    walk.go(1, dict.fromkeys(THREE, "105"))
    mark = only(walk.go(6, THREE))
    assert (mark.state, mark.validity) == (BreakerState.RECOVERING, Validity.GUARDED)


def test_a_stricter_validity_never_allows_more():
    """Down the order each allows a subset of what the next better one does."""
    assert set(ALLOWED) == set(Validity)
    for worse, better in itertools.pairwise(sorted(Validity)):
        assert ALLOWED[worse] <= ALLOWED[better]


def test_what_each_validity_allows_is_the_table_of_the_page():
    """All with VALID, no opening below it, nothing without a price."""
    assert ALLOWED[Validity.VALID] == set(Action)
    assert ALLOWED[Validity.GUARDED] == set(Action) - {Action.OPEN, Action.WITHDRAW}
    assert ALLOWED[Validity.TOO_UNCERTAIN] == {Action.REDUCE, Action.LIQUIDATE, Action.SETTLE}
    assert ALLOWED[Validity.TOO_VOLATILE] == {Action.REDUCE}
    for validity in set(Validity) - PRICED:
        assert not ALLOWED[validity]
