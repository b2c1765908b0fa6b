"""Premium samples and the rate of an interval (docs/engine.md, 10)."""

from __future__ import annotations

import math

import pytest

from oracle.engine.spec import FundingSpec, MarkSpec, Method, Premium, PremiumWeights
from tests.engine_builders import S, only
from tests.unit.engine.desk import Desk, mid

RULES = FundingSpec(interval_ns=100 * S, sample_ns=10 * S, period_ns=800 * S)
"""Intervals, an eighth of the period, and slots begin at T0."""
LINEAR = FundingSpec(
    interval_ns=100 * S, sample_ns=10 * S, period_ns=800 * S, weights=PremiumWeights.LINEAR
)


def _desk(rules: FundingSpec | None = RULES, **changes: object) -> Desk:
    return Desk(MarkSpec(Method.INDEX_ONLY, max_basis_bps=9_000.0), rules, **changes)


def _rate(premium: float) -> float:
    """Return the rate by the formula, with the default interest, clamp and an eighth."""
    return (premium + min(max(0.0001 - premium, -0.0005), 0.0005)) / 8


def _at(desk: Desk, second: float, premium: float):
    return desk.at(second, 100.0, p=mid(100.0 * (1 + premium)))


def test_a_slot_has_one_sample_and_it_is_its_first():
    """What comes later in the ten seconds of a slot is not looked at."""
    desk = _desk()
    assert _at(desk, 1, 0.01).funding[0] == pytest.approx(_rate(0.01))
    assert _at(desk, 2, 0.05).funding[0] == pytest.approx(_rate(0.01))
    assert _at(desk, 9.999, -0.05).funding[0] == pytest.approx(_rate(0.01))
    assert _at(desk, 10, 0.03).funding[0] == pytest.approx(_rate(0.02))


def test_a_slot_without_a_premium_at_its_first_step_takes_the_next():
    """A missing premium is no sample of zero, and does not use up its slot."""
    desk = _desk()
    assert math.isnan(desk.at(1, 100.0).funding[0])
    assert _at(desk, 5, 0.02).funding[0] == pytest.approx(_rate(0.02))


def test_slots_without_a_sample_are_not_counted():
    """The mean is of those there are: two samples and eight silent slots are two samples."""
    desk = _desk()
    _at(desk, 1, 0.01)
    desk.at(40, None)
    assert _at(desk, 95, 0.03).funding[0] == pytest.approx(_rate(0.02))


def test_samples_weigh_the_same_or_by_their_number():
    """1, 2 and 6 per cent: evenly 3, by number (1 + 4 + 18) / 6."""
    for rules, premium in ((RULES, 0.03), (LINEAR, 0.23 / 6)):
        desk = _desk(rules)
        for second, each in ((1, 0.01), (11, 0.02), (55, 0.06)):
            marks = _at(desk, second, each)
        assert marks.funding[0] == pytest.approx(_rate(premium))


@pytest.mark.parametrize(
    ("premium", "rate"),
    [
        (0.0, 0.0001 / 8),
        (0.0003, 0.0001 / 8),
        (0.0006, 0.0001 / 8),
        (0.0007, 0.0002 / 8),
        (-0.0004, 0.0001 / 8),
        (-0.0005, 0.0),
        (0.01, 0.0095 / 8),
        (-0.01, -0.0095 / 8),
    ],
)
def test_the_rate_is_the_premium_and_the_clamped_interest(premium, rate):
    """Within five bps of the interest the rate is the interest; beyond it the premium less five."""
    marks = _at(_desk(), 1, premium)
    assert marks.funding[0] == pytest.approx(rate, abs=1e-15)


def test_interest_clamp_and_period_are_the_markets_own():
    """Interest 30 bps within 10 bps; four intervals in a period."""
    rules = FundingSpec(100 * S, 10 * S, 400 * S, interest=0.003, clamp=0.001)
    assert _at(_desk(rules), 1, 0.0).funding[0] == pytest.approx(0.001 / 4)
    assert _at(_desk(rules), 1, 0.0025).funding[0] == pytest.approx(0.003 / 4)
    assert _at(_desk(rules), 1, 0.01).funding[0] == pytest.approx(0.009 / 4)


def test_the_cap_holds_both_ways():
    """Per interval, after the share of the period."""
    rules = FundingSpec(100 * S, 10 * S, 800 * S, cap=0.002)
    assert _at(_desk(rules), 1, 0.05).funding[0] == 0.002
    assert _at(_desk(rules), 1, -0.05).funding[0] == -0.002


def test_an_interval_is_settled_at_its_end():
    """The first step of the next one publishes the rate of the whole, and begins anew."""
    desk = _desk()
    assert math.isnan(_at(desk, 1, 0.01).settled_funding[0])
    _at(desk, 99.9, 0.03)
    marks = _at(desk, 100, 0.05)
    assert marks.settled_funding[0] == pytest.approx(_rate(0.02))
    assert marks.funding[0] == pytest.approx(_rate(0.05))
    marks = _at(desk, 150, 0.07)
    assert marks.settled_funding[0] == pytest.approx(_rate(0.02))
    assert marks.funding[0] == pytest.approx(_rate(0.06))


def test_a_slot_that_crosses_the_boundary_belongs_to_the_interval_of_its_sample():
    """Slots of 40 s in intervals of 100: the one from 80 was sampled before; the next is at 120."""
    rules = FundingSpec(100 * S, 40 * S, 800 * S)
    desk = _desk(rules)
    _at(desk, 91, 0.01)
    marks = _at(desk, 101, 0.05)
    assert marks.settled_funding[0] == pytest.approx(_rate(0.01))
    assert math.isnan(marks.funding[0])
    assert _at(desk, 120, 0.03).funding[0] == pytest.approx(_rate(0.03))


def test_an_interval_without_a_sample_has_no_rate():
    """Neither zero nor the one before."""
    desk = _desk()
    _at(desk, 1, 0.01)
    _at(desk, 101, 0.02)
    desk.at(150, 100.0)
    marks = desk.at(201, 100.0)
    assert marks.settled_funding[0] == pytest.approx(_rate(0.02))
    assert math.isnan(marks.funding[0])
    assert math.isnan(desk.at(301, 100.0).settled_funding[0])


def test_an_interval_that_was_slept_through_is_not_settled():
    """Of one further back than the last nothing is due any more."""
    desk = _desk()
    _at(desk, 1, 0.01)
    marks = _at(desk, 201, 0.02)
    assert math.isnan(marks.settled_funding[0])
    assert _at(desk, 301, 0.03).settled_funding[0] == pytest.approx(_rate(0.02))


def test_the_premium_may_be_of_the_mark():
    """Twice the mid's basis in the mark's average makes another sample."""
    rules = FundingSpec(100 * S, 10 * S, 800 * S, premium=Premium.MARK)
    desk = Desk(MarkSpec(Method.INDEX_BASIS), rules)
    marks = _at(desk, 1, 0.02)
    assert marks.premium[0] == pytest.approx(0.02)
    marks = _at(desk, 2, -0.02)
    assert marks.premium[0] == pytest.approx(float(marks.mark[0]) / 100 - 1)
    assert marks.premium[0] > -0.019
    no_perps = Desk(MarkSpec(Method.INDEX_BASIS), rules)
    assert no_perps.at(1).premium[0] == 0.0


@pytest.mark.parametrize(
    ("bid", "ask", "premium"),
    [
        (101.0, 102.0, 0.01),
        (98.0, 99.0, -0.01),
        (99.5, 100.5, 0.0),
        (100.0, 101.0, 0.0),
    ],
)
def test_the_premium_of_impact_prices_is_what_lies_outside_the_index(bid, ask, premium):
    """Both beyond it on one side, or none: max(bid - index, 0) - max(index - ask, 0)."""
    rules = FundingSpec(100 * S, 10 * S, 800 * S, premium=Premium.IMPACT)
    marks = _desk(rules).at(1, p={"bid": bid, "ask": ask, "last": 150.0})
    assert marks.premium[0] == pytest.approx(premium, abs=1e-15)


def test_a_trade_alone_has_no_impact_prices():
    """Missing, not zero."""
    rules = FundingSpec(100 * S, 10 * S, 800 * S, premium=Premium.IMPACT)
    marks = _desk(rules).at(1, p={"last": 101.0})
    assert math.isnan(marks.premium[0])
    assert math.isnan(marks.funding[0])


def test_a_market_without_funding_publishes_none():
    """Its premium is shown all the same; rates are missing, not zero."""
    mark = only(_at(_desk(None), 1, 0.01))
    assert (mark.funding_e12, mark.settled_funding_e12) == (None, None)
    assert mark.premium_e8 == 1_000_000


def test_rates_are_published_in_units_of_1e_12():
    """Rounded to the nearest: (0.01 - 0.0005) / 8."""
    desk = _desk()
    assert only(_at(desk, 1, 0.01)).funding_e12 == 1_187_500_000
    assert only(_at(desk, 101, 0.01)).settled_funding_e12 == 1_187_500_000


def test_without_an_index_the_running_rate_stands():
    """A gap adds no sample and takes none away."""
    desk = _desk()
    _at(desk, 1, 0.01)
    marks = desk.at(30, None)
    assert math.isnan(marks.premium[0])
    assert marks.funding[0] == pytest.approx(_rate(0.01))
