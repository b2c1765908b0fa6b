"""The marks that are a median of three legs, with each leg missing (docs/engine.md, 7)."""

from __future__ import annotations

import math

import pytest

from oracle.engine.spec import MarkSpec, Method
from tests.engine_builders import S, source
from tests.unit.engine.desk import Desk, mid

OWN = "p:P"
EMA = MarkSpec(Method.MEDIAN3_EMA, own=OWN)
FUNDING = MarkSpec(Method.MEDIAN3_FUNDING, own=OWN, basis_ns=30 * S, funding_interval_ns=100 * S)
"""T0 is on a boundary of the interval."""


def _book(bid: float, ask: float, last: float | None = None) -> dict[str, float]:
    return {"bid": bid, "ask": ask} | ({} if last is None else {"last": last})


def test_ema_mark_is_the_median_of_its_three_legs():
    """Index + basis 101, the own book's median 101.1, the others' mid 102: each in turn between."""
    first, third = _book(100.9, 101.1, 101.3), {"q": mid(102.0), "r": mid(103.0)}
    assert Desk(EMA).mark(1, p=first, **third) == pytest.approx(101.1)
    near = {"q": mid(101.05), "r": mid(103.0)}
    assert Desk(EMA).mark(1, p=first, **near) == pytest.approx(101.05)
    low = {"q": mid(100.5), "r": mid(103.0)}
    assert Desk(EMA).mark(1, p=first, **low) == pytest.approx(101.0)


def test_the_first_leg_averages_the_absolute_basis_over_150_s():
    """Basis 1, then two seconds later 2 of an index that has moved: by hand."""
    desk = Desk(EMA)
    desk.at(1, 100.0, p=_book(101.0, 101.0, 101.0), q=mid(90.0))
    kept = math.exp(-2 / 150)
    basis = (1.0 * 1e-3 * kept + 2.0 * 2 / 150) / (1e-3 * kept + 2 / 150)
    mark = desk.mark(3, 110.0, p=_book(112.0, 112.0, 120.0), q=mid(110.0))
    assert mark == pytest.approx(110.0 + basis, rel=1e-12)


@pytest.mark.parametrize(
    ("bid", "ask", "last", "middle"),
    [(101.0, 103.0, 102.0, 102.0), (101.0, 103.0, 99.0, 101.0), (101.0, 103.0, 110.0, 103.0)],
)
def test_the_second_leg_is_the_median_of_bid_ask_and_last(bid, ask, last, middle):
    """A last trade outside the book is worth the side that it lies beyond."""
    loose = MarkSpec(Method.MEDIAN3_EMA, own=OWN, max_basis_bps=5_000.0)
    desk = Desk(loose)
    said = {"p": _book(bid, ask, last), "q": mid(80.0), "r": mid(80.0)}
    for second in range(1, 4):
        desk.at(second, 100.0, p=_book(120.0, 120.0, 120.0), q=mid(80.0), r=mid(80.0))
    # The first leg is far above and the third far below, so that the second is the mark.
    assert desk.mark(4, 100.0, **said) == pytest.approx(middle)


def test_two_legs_left_take_the_average_of_the_second_as_third():
    """No other perp: the median of the first, the second, and its 30 s EMA."""
    desk = Desk(EMA)
    desk.at(1, p=_book(100.0, 100.0, 100.0))
    mark = desk.mark(2, p=_book(104.0, 104.0, 104.0))
    kept = math.exp(-1 / 30)
    slow = (100.0 * 1e-3 * kept + 104.0 / 30) / (1e-3 * kept + 1 / 30)
    kept = math.exp(-1 / 150)
    first = 100.0 + (4.0 / 150) / (1e-3 * kept + 1 / 150)
    assert sorted([first, slow, 104.0])[1] == pytest.approx(mark, rel=1e-12)
    assert mark == pytest.approx(slow, rel=1e-12)


def test_a_second_leg_that_is_gone_still_lends_its_average():
    """No last trade any more: the first, the others' mid, and the EMA of the second of before."""
    desk = Desk(EMA)
    desk.at(1, p=_book(101.0, 101.0, 101.0), q=mid(104.0))
    mark = desk.mark(15, p=_book(100.5, 100.5), q=mid(104.0))
    assert mark == pytest.approx(101.0)


def test_two_legs_without_that_average_give_the_one_nearer_to_the_index():
    """Never a trade, so no second leg nor its EMA: 100.5 and not 104; and below likewise."""
    for own, others in ((100.5, 104.0), (99.5, 96.0)):
        mark = Desk(EMA).mark(1, p=_book(own, own), q=mid(others))
        assert mark == pytest.approx(own)
        mark = Desk(EMA).mark(1, p=_book(others, others), q=mid(own))
        assert mark == pytest.approx(own)


def test_one_leg_left_is_the_first_else_the_index():
    """The basis of before holds for four time constants; others alone are not believed."""
    desk = Desk(MarkSpec(Method.MEDIAN3_EMA, own=OWN, basis_ns=10 * S, second_ns=S))
    desk.at(1, p=_book(101.0, 101.0))
    assert desk.mark(15) == pytest.approx(101.0)
    assert desk.mark(42, q=mid(103.0)) == 100.0
    assert Desk(EMA).mark(1, q=mid(103.0)) == 100.0


def test_without_an_own_contract_the_others_stand_in_for_all():
    """Medians of the mids, bids, asks and trades, each by itself, in the place of the own book."""
    rules = MarkSpec(Method.MEDIAN3_EMA)
    said = {
        "p": _book(100.0, 101.0, 104.0),
        "q": _book(100.8, 102.0, 101.4),
        "r": _book(101.2, 102.4, 101.3),
    }
    # First and third: 101.4, the middle mid. Second: median of 100.8, 102 and 101.4.
    assert Desk(rules).mark(1, **said) == pytest.approx(101.4)


def test_the_own_contract_is_none_of_the_others():
    """With no other perp there is no third leg, and the own mid does not stand in for it."""
    said = _book(103.0, 103.0, 100.0)
    # First and second are both 103; if the third were the own mid, nothing could tell: index + 1.
    desk = Desk(EMA)
    desk.at(1, p=_book(101.0, 101.0, 101.0))
    mark = desk.mark(2, p=said)
    assert 101.0 < mark < 103.0


def test_others_weigh_by_origin():
    """Three feeds of one venue at 105 are one say: the third leg is 102.5, between 102 and 103."""
    evil = [f"evil:{n}" for n in range(3)]
    perps = tuple(source(name) for name in ("p:P", "q:P", "r:P", *evil))
    said = {"p": _book(101.0, 103.0, 104.0), "q": mid(102.2), "r": mid(102.5)}
    said |= dict.fromkeys(evil, mid(105.0))
    assert Desk(EMA, perps=perps).mark(1, **said) == pytest.approx(102.5)


def test_funding_mark_is_the_median_of_its_three_legs():
    """Index with three quarters of 2 % 101.5, index + basis 101, last 102; each in turn between."""
    said = mid(101.0) | {"funding": 0.02}
    assert Desk(FUNDING).mark(25, p=said | {"last": 102.0}) == pytest.approx(101.5)
    assert Desk(FUNDING).mark(25, p=said | {"last": 101.2}) == pytest.approx(101.2)
    assert Desk(FUNDING).mark(25, p=said | {"last": 99.0}) == pytest.approx(101.0)


def test_the_basis_of_the_second_leg_is_a_mean_of_time():
    """A basis of 1 for three seconds and 2 for one make 1.25; of a window of 30 s."""
    desk = Desk(FUNDING)
    desk.at(1, p=mid(101.0))
    desk.at(4, p=mid(102.0))
    assert desk.mark(5, p=mid(104.0)) == pytest.approx(101.25)
    for second in range(6, 40):
        desk.at(second, p=mid(103.0))
    assert desk.mark(40, p=mid(110.0)) == pytest.approx(103.0)


def test_samples_of_the_basis_mean_are_held():
    """A perp at three times the price counts as 1 %."""
    rules = MarkSpec(Method.MEDIAN3_FUNDING, own=OWN, basis_ns=30 * S, max_basis_bps=100.0)
    desk = Desk(rules)
    desk.at(1, p=mid(300.0))
    desk.at(2, p=mid(100.0))
    assert desk.mark(3, p=mid(100.0)) == pytest.approx(100.5)


def test_without_a_rate_or_a_last_trade_it_is_the_second_leg():
    """As Binance does around settlement."""
    assert Desk(FUNDING).mark(25, p=mid(101.0) | {"last": 103.0}) == pytest.approx(101.0)
    assert Desk(FUNDING).mark(25, p=mid(101.0) | {"funding": 0.02}) == pytest.approx(101.0)
    assert Desk(FUNDING).mark(25, p=mid(101.0)) == pytest.approx(101.0)


def test_the_second_leg_outlives_its_perp_by_the_window():
    """What was seen of the basis in the last 30 s counts; after that the mark is the index."""
    desk = Desk(FUNDING)
    desk.at(1, p=mid(101.0) | {"funding": 0.02, "last": 101.0})
    for second in range(2, 42):
        mark = desk.mark(second)
        assert mark == pytest.approx(101.0), second
    for second in range(42, 45):
        mark = desk.mark(second)
    assert mark == 100.0
