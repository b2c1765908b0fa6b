"""The mark from index and perps, by the methods of one leg (docs/engine.md, 7)."""

from __future__ import annotations

import math

import pytest

from oracle.engine.spec import MarkSpec, Method, TwapSpec
from tests.engine_builders import CALM, S, Walk, after, batch, engine, market, quote, source, trade
from tests.unit.engine.desk import Desk, mid

BASIS = MarkSpec(Method.INDEX_BASIS)
FAIR = MarkSpec(Method.FAIR_BASIS, funding_interval_ns=100 * S)
"""T0 is on a boundary of the interval."""


@pytest.mark.parametrize("method", list(Method))
def test_without_an_index_there_is_no_mark(method):
    """Whatever the perps say, and however good the average of before."""
    desk = Desk(MarkSpec(method))
    said = mid(101.0) | {"last": 101.0, "funding": 0.0001}
    assert desk.mark(1, p=said, q=said) > 0
    marks = desk.at(20, None, p=said, q=said)
    assert math.isnan(marks.mark[0])
    assert math.isnan(marks.premium[0])


@pytest.mark.parametrize("method", [m for m in Method if m is not Method.TWAP_ONLY])
def test_without_perps_the_mark_is_the_index(method):
    """Every leg missing: no method falls back on anything else."""
    desk = Desk(MarkSpec(method))
    desk.at(1, 100.0)
    assert desk.mark(2, 101.0) == 101.0


@pytest.mark.parametrize("method", [m for m in Method if m is not Method.TWAP_ONLY])
def test_no_perp_takes_the_mark_further_than_the_maximum_basis(method):
    """A venue that runs away in all it says, up or down, carries the mark no more than 1 %."""
    for price, funding, bound in ((300.0, 5.0, 101.0), (30.0, -0.9, 99.0)):
        desk = Desk(MarkSpec(method, max_basis_bps=100.0))
        said = mid(price) | {"last": price, "funding": funding}
        for second in range(1, 5):
            mark = desk.mark(second, p=said, q=said, r=said)
        assert mark == pytest.approx(100.0 if method is Method.INDEX_ONLY else bound)


def test_twap_only_is_the_published_average():
    """And nothing of the perps."""
    desk = Desk(MarkSpec(Method.TWAP_ONLY), twap=TwapSpec(60 * S))
    desk.at(1, 100.0, p=mid(105.0))
    desk.at(4, 102.0, p=mid(105.0))
    marks = desk.at(5, 104.0, p=mid(105.0))
    assert marks.mark[0] == marks.twap[0] == pytest.approx(100.5)


def test_the_mark_of_a_twap_may_be_far_from_the_index():
    """The maximum basis bounds what perps say; a TWAP lags on purpose."""
    desk = Desk(MarkSpec(Method.TWAP_ONLY, max_basis_bps=100.0), twap=TwapSpec(600 * S))
    for second in range(1, 20):
        desk.at(second, 100.0)
    assert desk.mark(20, 110.0) == 100.0


def test_index_basis_is_the_index_moved_by_the_average_relative_basis():
    """Basis 1 %, then a second later 2 % of an index that has moved: by hand."""
    desk = Desk(BASIS)
    assert desk.mark(1, 100.0, p=mid(101.0)) == pytest.approx(101.0)
    kept = math.exp(-1 / 150)
    average = (0.01 * 1e-3 * kept + 0.02 / 150) / (1e-3 * kept + 1 / 150)
    assert desk.mark(2, 110.0, p=mid(112.2)) == pytest.approx(110.0 * (1 + average), rel=1e-12)


def test_a_missing_mid_leaves_the_average_for_four_time_constants():
    """Then the mark is the index; and the next sample starts anew."""
    desk = Desk(MarkSpec(Method.INDEX_BASIS, basis_ns=10 * S))
    desk.at(1, p=mid(101.0))
    assert desk.mark(12) == pytest.approx(101.0)
    assert desk.mark(41) == pytest.approx(101.0)
    assert desk.mark(42) == 100.0
    assert desk.mark(43, p=mid(102.0)) == pytest.approx(102.0)


def test_each_sample_of_a_basis_is_held_within_the_maximum():
    """A print of three times the price is a sample of 1 %: one second of many."""
    desk = Desk(MarkSpec(Method.INDEX_BASIS, max_basis_bps=100.0))
    for second in range(1, 31):
        mark = desk.mark(second, p=mid(300.0 if second == 20 else 100.0))
    assert 100.0 < mark < 100.0 + 1.0 / 25


def test_fair_basis_is_the_index_with_the_funding_to_come():
    """A rate of 0.4 %: at a quarter of the interval three quarters of it are still to be paid."""
    said = mid(100.0) | {"funding": 0.004}
    assert Desk(FAIR).mark(25, p=said) == pytest.approx(100.0 * 1.003, rel=1e-12)
    assert Desk(FAIR).mark(99, p=said) == pytest.approx(100.0 * 1.00004, rel=1e-12)
    assert Desk(FAIR).mark(100, p=said) == pytest.approx(100.0 * 1.004, rel=1e-12)
    negative = mid(100.0) | {"funding": -0.004}
    assert Desk(FAIR).mark(125, p=negative) == pytest.approx(100.0 * 0.997, rel=1e-12)


def test_a_funding_rate_holds_for_one_interval():
    """A rate that is not renewed is missing after that, and the mark the index."""
    desk = Desk(FAIR)
    desk.at(20, p=mid(100.0) | {"funding": 0.004})
    assert desk.mark(119, p=mid(100.0)) == pytest.approx(100.0 * (1 + 0.004 * 0.81))
    assert desk.mark(120, p=mid(100.0)) == pytest.approx(100.0 * (1 + 0.004 * 0.80))
    assert desk.mark(121, p=mid(100.0)) == 100.0


def test_a_rate_of_a_perp_without_a_price_is_no_leg():
    """Who is not admitted has no say in funding either."""
    assert Desk(FAIR).mark(25, p={"funding": 0.004}) == 100.0


def _premium(rules: MarkSpec, **said) -> float:
    """Return the perp mid against the index, which shows what the mid leg is."""
    return float(Desk(rules).at(1, **said).premium[0]) * 100 + 100


def test_perps_stand_in_by_their_median_and_the_own_one_by_itself():
    """Without `own` the middle one; with it that one, be it the farthest."""
    said = {"p": mid(101.0), "q": mid(102.0), "r": mid(104.0)}
    assert _premium(BASIS, **said) == pytest.approx(102.0)
    assert _premium(MarkSpec(own="r:P"), **said) == pytest.approx(104.0)
    said.pop("r")
    assert math.isnan(_premium(MarkSpec(own="r:P"), **said))


@pytest.mark.parametrize(
    ("perps", "there"), [("p", False), ("pq", True), ("qr", True), ("pqr", True)]
)
def test_too_few_perps_are_no_leg(perps, there):
    """Two origins wanted, one there: the mark is the index, and there is no premium."""
    desk = Desk(MarkSpec(min_perps=2))
    marks = desk.at(1, **{name: mid(101.0) for name in perps})
    assert math.isnan(marks.premium[0]) is not there
    assert marks.mark[0] == pytest.approx(101.0 if there else 100.0)


def test_two_feeds_of_one_origin_are_one_perp():
    """They are counted by origin, and share its weight in the median."""
    perps = (source("evil:1"), source("evil:2"), source("p:P"), source("q:P"))
    entries = [source("a:X"), source("b:X")]
    prices = {"a:X": "100", "b:X": "100", "evil:1": "104", "evil:2": "104"}
    rules = {"perps": perps, "breaker": CALM, "mark": MarkSpec(min_perps=2)}
    alone = Walk(engine([market("X-USD", entries, **rules)]), dict(prices))
    assert math.isnan(alone.go(1).premium[0])
    others = prices | {"p:P": "101", "q:P": "102"}
    made = Walk(engine([market("X-USD", entries, **rules)]), others)
    assert made.go(1).premium[0] == pytest.approx(0.02)


def test_perps_weigh_as_configured():
    """A perp of three times the weight is three."""
    perps = (source("p:P", weight=3.0), source("q:P"), source("r:P"))
    desk = Desk(BASIS, perps=perps)
    marks = desk.at(1, p=mid(104.0), q=mid(101.0), r=mid(102.0))
    assert marks.premium[0] == pytest.approx(0.04)


def test_perps_are_converted_by_the_rate_of_this_step():
    """A perp quoted in a stablecoin at 0.8 is worth its rate."""
    rate = market("T-USD", [source("a:T"), source("b:T")], 1, breaker=CALM)
    perps = (source("p:P", edge="T-USD"),)
    x = market("X-USD", [source("a:X"), source("b:X")], perps=perps, breaker=CALM)
    prices = {"a:T": "0.8", "b:T": "0.8", "a:X": "100", "b:X": "100", "p:P": "126"}
    marks = Walk(engine([rate], [x]), prices).go(1)
    assert marks.premium[0] == pytest.approx(0.008)


def test_the_whole_book_of_a_perp_is_converted():
    """Bid, ask and last as well as the mid, be the rate the first market of all."""
    rate = market("T-USD", [source("a:T"), source("b:T")], 0, breaker=CALM)
    perps = (source("p:P", edge="T-USD"),)
    rules = MarkSpec(Method.MEDIAN3_EMA, own="p:P")
    x = market("X-USD", [source("a:X"), source("b:X")], 1, perps=perps, breaker=CALM, mark=rules)
    prices = {"a:T": "0.8", "b:T": "0.8", "a:X": "100", "b:X": "100"}
    rates = batch(*(trade(name, price) for name, price in prices.items()))
    book = quote("p:P", "125.5", "126.5")
    traded = trade("p:P", "127.5", sequence=2)
    marks = engine([rate], [x]).step([*rates, *batch(book, traded)], [], after(1))
    # First 100.8, second the ask's 101.2; their EMA, which is the second, makes three.
    assert marks.mark[1] == pytest.approx(101.2)


def test_a_perp_without_a_fresh_quote_is_worth_its_last_trade():
    """As any place: the mid while the quote is fresh, then the trade while that is."""
    desk = Desk(BASIS)
    desk.at(1, p=mid(101.0) | {"last": 99.0})
    assert desk.at(8, p={"last": 103.0}).premium[0] == pytest.approx(0.01)
    assert desk.at(12).premium[0] == pytest.approx(0.03)
    assert math.isnan(desk.at(19).premium[0])


def test_marks_of_different_methods_share_one_index():
    """The same sources in six markets: one index, and each method's own mark of it."""
    entries = [source("a:X"), source("b:X")]
    perps = (source("p:P"),)
    markets = [
        market(f"X{m}-USD", entries, int(m), perps=perps, breaker=CALM, mark=MarkSpec(m))
        for m in Method
    ]
    walk = Walk(engine(markets), {"a:X": "100", "b:X": "100", "p:P": "101"})
    marks = walk.go(1)
    assert set(marks.index.tolist()) == {100.0}
    assert marks.time_ns == after(1)
    expected = {
        Method.INDEX_ONLY: 100.0,
        Method.TWAP_ONLY: 100.0,
        Method.INDEX_BASIS: 101.0,
        Method.MEDIAN3_EMA: 101.0,
        Method.MEDIAN3_FUNDING: 101.0,
        Method.FAIR_BASIS: 100.0,
    }
    assert dict(zip(Method, marks.mark.tolist(), strict=True)) == pytest.approx(expected)
