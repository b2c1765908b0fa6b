"""A factor is not a move: wrong exponents and missing legs (docs/engine.md, 2, scale)."""

from __future__ import annotations

import pytest

from oracle.engine.spec import AdmissionSpec, MarketSpec
from oracle.model.validity import Validity
from tests.engine_builders import (
    CALM,
    S,
    Walk,
    after,
    by_market,
    engine,
    market,
    only,
    reasons,
    resume,
    source,
    trades,
)

THREE = {"a:X": "100", "b:X": "100", "c:X": "100"}
TWO = {"a:X": "100", "b:X": "100"}


def _market(names=THREE, **changes) -> MarketSpec:
    return market("X-USD", [source(name) for name in names], **{"breaker": CALM} | changes)


def _walk(prices: dict[str, str], **changes) -> Walk:
    return Walk(engine([_market(prices, **changes)]), dict(prices))


FACTORS = ("1000", "1e10", "1e-6", "100000", "0.1", "800", "12.5")
"""100 times 10, 1e8, 1e-8 and 1000, a thousandth, and the bound of 8 both ways."""


@pytest.mark.parametrize("wrong", FACTORS)
def test_a_factor_is_refused_at_once_beside_two_others(wrong):
    """Three origins make a median of this very step to measure by: nothing need be known before."""
    marks = _walk(THREE).go(1, {"a:X": wrong})
    assert reasons(only(marks)) == {"a:X": "scale_jump", "b:X": "", "c:X": ""}
    assert marks.refused == {"scale_jump": 1}
    assert marks.index[0] == 100.0


@pytest.mark.parametrize("wrong", FACTORS)
def test_with_two_sources_the_last_index_tells_who_is_wrong(wrong):
    """Two cannot outvote each other: the market's last index names the one that is off."""
    walk = _walk(TWO)
    walk.go(1)
    mark = only(walk.go(1, {"a:X": wrong}))
    assert reasons(mark) == {"a:X": "scale_jump", "b:X": ""}
    assert mark.validity is Validity.MISSING


@pytest.mark.parametrize("wrong", FACTORS)
def test_with_two_sources_and_nothing_known_nobody_is_believed(wrong):
    """Without a reference the two simply disagree, and there is no index."""
    mark = only(_walk(TWO).go(1, {"a:X": wrong}))
    assert "scale_jump" not in reasons(mark).values()
    assert mark.index is None


def test_three_sources_of_two_origins_have_no_median_to_measure_by():
    """Two feeds of one venue would outvote an honest third: they are one opinion."""
    sources = [source("evil:1"), source("evil:2"), source("b:X")]
    made = engine([market("X-USD", sources, breaker=CALM)])
    mark = only(made.step(trades({"evil:1": "1000", "evil:2": "1000", "b:X": "100"}), [], after(1)))
    assert "scale_jump" not in reasons(mark).values()
    assert mark.index is None


@pytest.mark.parametrize(("near", "reason"), [("799.99", "outlier"), ("12.501", "outlier")])
def test_just_within_the_factor_is_not_a_matter_of_scale(near, reason):
    """What is off by less than the factor still votes, and is labelled."""
    assert reasons(only(_walk(THREE).go(1, {"a:X": near})))["a:X"] == reason


def test_two_wrong_of_three_outvote_the_median_but_not_the_memory():
    """The one who is right is refused by the others' median, they by the last index: no price."""
    walk = _walk(THREE)
    walk.go(1)
    mark = only(walk.go(1, {"a:X": "1000", "b:X": "1000"}))
    assert set(reasons(mark).values()) == {"scale_jump"}
    assert mark.validity is Validity.MISSING


def test_a_whole_market_that_jumps_by_a_factor_waits_for_a_person():
    """Redenominated or broken, the engine cannot know: MISSING until `resume`, then at once not."""
    walk = _walk(THREE)
    walk.go(1)
    jumped = dict.fromkeys(THREE, "1000")
    assert only(walk.go(90, jumped)).validity is Validity.MISSING
    mark = only(walk.go(1, orders=[resume("X-USD", walk.second)]))
    assert set(reasons(mark).values()) == {""}
    assert str(mark.index) == "1000.0000"
    assert only(walk.go(1, dict.fromkeys(THREE, "100"))).index is None


def test_a_resume_of_another_market_or_source_forgets_no_scale():
    """Only the market's own name in an order of kind `market` counts, and only `resume`."""
    walk = _walk(THREE)
    walk.go(1)
    walk.go(3, dict.fromkeys(THREE, "1000"))
    orders = [resume("Y-USD", 4), resume("X-USD", 4, "source"), resume("a:X", 4, "source")]
    assert only(walk.go(1, orders=orders)).index is None


@pytest.mark.parametrize(("silence", "believed"), [(29, False), (30, False), (31, True)])
def test_the_memory_of_the_scale_ends(silence, believed):
    """After `scale_memory` without an index nothing is known, and the new price is believed."""
    rules = AdmissionSpec(scale_memory_ns=30 * S, confirm_ns=5 * S)
    walk = _walk(TWO, admission=rules)
    walk.go(1)
    walk.go(silence - 1, dict.fromkeys(TWO, "1000"))
    assert (only(walk.go(1)).index is not None) is believed


def test_a_move_of_many_steps_may_go_any_way():
    """The last index moves along: what is a factor in all is none from step to step."""
    walk = _walk(THREE)
    for price in (100, 250, 700, 2_000, 6_000, 900, 130, 20):
        mark = only(walk.go(1, dict.fromkeys(THREE, str(price))))
        assert set(reasons(mark).values()) == {""}


def test_a_perp_is_measured_by_this_steps_index():
    """The first print of a perp that is off by a factor is none, whatever other perps say."""
    perps = tuple(source(f"{venue}:P") for venue in "pq")
    walk = Walk(engine([_market(perps=perps)]), THREE | {"p:P": "1000", "q:P": "1000"})
    marks = walk.go(1)
    assert reasons(only(marks)) == dict.fromkeys(THREE, "") | dict.fromkeys(
        ("p:P", "q:P"), "scale_jump"
    )
    assert marks.mark[0] == 100.0
    assert reasons(only(walk.go(1, {"p:P": "799", "q:P": "13"})))["p:P"] == ""


def test_perps_are_not_measured_by_their_own_median():
    """Two of three that are far off, but by no factor of the index, do not refuse the third."""
    perps = tuple(source(f"{venue}:P") for venue in "pqr")
    prices = THREE | {"p:P": "700", "q:P": "700", "r:P": "80"}
    mark = only(Walk(engine([_market(perps=perps)]), prices).go(1))
    assert {reasons(mark)[f"{venue}:P"] for venue in "pqr"} == {""}


def _with_leg(wrong: str, *, rate: str = "3", **rules: float) -> str:
    """Return the reason of one of three sources of a market beside a conversion market."""
    edge = market("E-USD", [source("a:E"), source("b:E")], 2, breaker=CALM)
    other = market("Y-USD", [source("a:Y", edge="E-USD"), source("b:Y", edge="E-USD")], 1)
    made = engine([edge], [other, _market(admission=AdmissionSpec(**rules))])
    prices = THREE | {"a:X": wrong, "a:E": rate, "b:E": rate}
    return reasons(by_market(made.step(trades(prices), [], after(1)))["X-USD"])["a:X"]


def test_a_missing_or_doubled_conversion_leg_is_a_factor_too():
    """Off by exactly another asset's price, both ways: a leg forgotten, or taken twice."""
    assert _with_leg("300") == _with_leg("33.3333333") == "scale_jump"
    assert _with_leg("305.9") == _with_leg("294.1") == "scale_jump"
    assert _with_leg("32.69") == _with_leg("33.99") == "scale_jump"
    assert _with_leg("306.1") == _with_leg("293.9") == "outlier"
    assert _with_leg("32.5") == _with_leg("34.2") == "outlier"


def test_a_leg_near_one_is_no_factor():
    """A stablecoin's rate is not told from a move: that is what the depeg is for."""
    assert _with_leg("149", rate="1.49") == "outlier"
    assert _with_leg("150", rate="1.5") == "scale_jump"
    assert _with_leg("66.6666666", rate="1.5") == "scale_jump"
    assert _with_leg("130", rate="1.3", leg_scale=1.2) == "scale_jump"


def test_a_leg_is_known_from_before_while_its_market_is_missing():
    """Who forgets to convert does so also while there is no rate: the newest one counts."""
    edge = market("E-USD", [source("a:E"), source("b:E")], 2, breaker=CALM)
    other = market("Y-USD", [source("a:Y", edge="E-USD"), source("b:Y", edge="E-USD")], 1)
    walk = Walk(engine([edge], [other, _market()]), THREE | {"a:E": "3", "b:E": "3"})
    walk.go(1)
    marks = walk.go(12, {"a:E": "", "b:E": "", "a:X": "300"})
    assert by_market(marks)["E-USD"].index is None
    assert reasons(by_market(marks)["X-USD"])["a:X"] == "scale_jump"
