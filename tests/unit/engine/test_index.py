"""The index: weighted median, labels that never cut, quorum, conversion."""

from __future__ import annotations

import pytest

from oracle.model.errors import Rejected
from oracle.model.messages import Control
from oracle.model.validity import Validity
from tests.engine_builders import (
    T0,
    S,
    batch,
    engine,
    market,
    only,
    quote,
    reasons,
    source,
    trade,
    trades,
)

NOW = T0 + S


def _mark(prices: dict[str, str], *sources, **changes):
    made = engine([market("X-USD", sources or [source(name) for name in prices], **changes)])
    return only(made.step(trades(prices), [], NOW))


def test_index_is_the_middle_source():
    """With equal weights the index is the median."""
    assert str(_mark({"a:X": "100", "b:X": "102", "c:X": "104"}).index) == "102.00000"


def test_a_tie_takes_the_lower():
    """Two halves of the weight: the lower of the two middle prices, never their mean."""
    prices = {"a:X": "100", "b:X": "101", "c:X": "103", "d:X": "104"}
    assert str(_mark(prices).index) == "101.00000"


def test_colluders_cannot_steer_by_becoming_the_majority_of_what_a_cut_leaves():
    """Honest 100, 102, 104 and two at 104.1: the index stays honest at 104 or below."""
    prices = {"a:X": "100", "b:X": "102", "c:X": "104", "d:X": "104.1", "e:X": "104.1"}
    mark = _mark(prices)
    assert str(mark.index) == "104.00000"


def test_sources_of_one_origin_share_its_weight():
    """Three feeds of one venue have one venue's say."""
    names = ["evil:1", "evil:2", "evil:3", "b:X", "c:X"]
    prices = dict(zip(names, ["50", "50", "50", "100", "101"], strict=True))
    assert str(_mark(prices).index) == "100.00000"


def test_an_outlier_is_named_and_does_not_count_for_quorum():
    """The mean of two that are left is never published (sKRW, 2019)."""
    prices = {"a:X": "0.00086", "b:X": "0.86"}
    mark = _mark(prices)
    assert mark.validity is Validity.MISSING
    assert mark.mark is None
    assert "below quorum: 1 of 2 sources" in mark.reason


def test_quorum_counts_origins_too():
    """Two sources of one operator are one opinion."""
    sources = [source("a:1", origin="a"), source("a:2", origin="a")]
    mark = _mark({"a:1": "100", "a:2": "100"}, *sources)
    assert mark.validity is Validity.MISSING
    assert "1 of 2 origins" in mark.reason


def test_conversion_uses_the_edge_of_the_same_step():
    """A depeg of the quote currency moves the converted source, not the index."""
    edge = market("USDT-USD", [source("k:USDT"), source("c:USDT")], 1)
    btc = market("BTC-USD", [source("b:BTC", edge="USDT-USD"), source("c:BTC"), source("k:BTC")])
    made = engine([edge], [btc])
    ticks = trades(
        {"k:USDT": "0.8", "c:USDT": "0.8", "b:BTC": "80000", "c:BTC": "64000", "k:BTC": "64010"}
    )
    marks = {mark.market: mark for mark in made.step(ticks, [], NOW).messages()}
    assert reasons(marks["BTC-USD"]) == {"b:BTC": "", "c:BTC": "", "k:BTC": ""}
    assert str(marks["BTC-USD"].index) == "64000.000"


def test_an_edge_without_an_index_takes_its_sources_out():
    """No conversion rate, no converted price: the reason names it."""
    edge = market("USDT-USD", [source("k:USDT"), source("c:USDT")], 1)
    btc = market("BTC-USD", [source("b:BTC", edge="USDT-USD"), source("c:BTC"), source("k:BTC")])
    made = engine([edge], [btc])
    ticks = trades({"b:BTC": "64000", "c:BTC": "64000", "k:BTC": "64000"})
    marks = {mark.market: mark for mark in made.step(ticks, [], NOW).messages()}
    assert reasons(marks["BTC-USD"])["b:BTC"] == "conversion_missing"
    assert marks["BTC-USD"].validity is Validity.VALID


def test_a_paused_edge_takes_its_sources_out():
    """A person who halts the edge halts conversion through it."""
    edge = market("USDT-USD", [source("k:USDT"), source("c:USDT")], 1)
    btc = market("BTC-USD", [source("b:BTC", edge="USDT-USD"), source("c:BTC"), source("k:BTC")])
    made = engine([edge], [btc])
    ticks = trades({"k:USDT": "1", "c:USDT": "1", "b:BTC": "1", "c:BTC": "64000", "k:BTC": "64000"})
    pause = Control("market", "USDT-USD", True, "ann", "depeg", NOW, NOW + S)
    marks = {mark.market: mark for mark in made.step(ticks, [pause], NOW).messages()}
    assert reasons(marks["BTC-USD"])["b:BTC"] == "conversion_halted"
    assert marks["USDT-USD"].validity is Validity.HALTED
    assert marks["USDT-USD"].reason == "paused by ann: depeg"


def test_an_edge_that_trips_its_breaker_converts_nothing_in_that_very_step():
    """The step that halts the edge takes its sources out: no mark is signed through it."""
    edge = market("USDT-USD", [source("k:USDT"), source("c:USDT")], 1)
    usdt = [source(f"{venue}:BTC", edge="USDT-USD") for venue in "bxy"]
    btc = market("BTC-USD", [*usdt, source("c:BTC"), source("k:BTC")])
    made = engine([edge], [btc])
    calm = {"k:USDT": "1", "c:USDT": "1", **dict.fromkeys((s.source for s in btc.sources), "64000")}
    for second in range(1, 30):
        made.step(trades(calm, at_s=second), [], T0 + second * S)
    broken = {**calm, "k:USDT": "0.5", "c:USDT": "0.5"}
    marks = {m.market: m for m in made.step(trades(broken, at_s=30), [], T0 + 30 * S).messages()}
    assert marks["USDT-USD"].validity is Validity.HALTED
    assert reasons(marks["BTC-USD"])["b:BTC"] == "conversion_halted"
    assert str(marks["BTC-USD"].mark) == "64000.000"
    assert marks["BTC-USD"].validity is Validity.VALID


def test_conversion_goes_through_several_levels():
    """A price in C is worth its rate in B times B's rate in USD, all of the same step."""
    b = market("B-USD", [source("a:B"), source("b:B")], 1)
    c = market("C-USD", [source("a:C", edge="B-USD"), source("b:C", edge="B-USD")], 2)
    x = market("X-USD", [source("a:X", edge="C-USD"), source("b:X", edge="C-USD")])
    made = engine([b], [c], [x])
    ticks = trades({"a:B": "2", "b:B": "2", "a:C": "3", "b:C": "3", "a:X": "5", "b:X": "5"})
    assert {m.market: float(str(m.index)) for m in made.step(ticks, [], NOW).messages()} == {
        "X-USD": 30.0,
        "B-USD": 2.0,
        "C-USD": 6.0,
    }


def test_confidence_widens_when_sources_disagree():
    """The quartiles of the votes say how far the sources are apart; too far is TOO_UNCERTAIN."""
    calm = _mark({"a:X": "100", "b:X": "100.01", "c:X": "100.02"})
    torn = _mark({"a:X": "100", "b:X": "101", "c:X": "102"}, max_confidence_bps=50.0)
    assert calm.conf_e8 is not None
    assert torn.conf_e8 is not None
    assert calm.conf_e8 < 20_000 < torn.conf_e8
    assert torn.validity is Validity.TOO_UNCERTAIN


def test_conversion_widens_the_confidence_by_that_of_its_rate():
    """An uncertain rate makes an uncertain price."""
    x = market("X-USD", [source("a:X", edge="E-USD"), source("b:X", edge="E-USD")])
    found = {}
    for rates in (("1", "1"), ("1", "1.002")):
        edge = market("E-USD", [source("a:E"), source("b:E")], 1)
        prices = {"a:E": rates[0], "b:E": rates[1], "a:X": "100", "b:X": "100"}
        first, _ = engine([edge], [x]).step(trades(prices), [], NOW).messages()
        found[rates[1]] = first.conf_e8 or 0
    assert found["1"] < 5_000
    assert found["1.002"] > 190_000


def test_confidence_has_half_the_spread_and_a_basis_point_of_age():
    """Sources that agree still quote a spread, and what is old is less certain."""
    sources = [source("a:X"), source("b:X")]
    fresh = engine([market("X-USD", sources)])
    ticks = batch(quote("a:X", "99.9", "100.1"), quote("b:X", "99.9", "100.1"))
    assert only(fresh.step(ticks, [], T0 + 1)).conf_e8 == pytest.approx(100_000, abs=2)
    old = engine([market("X-USD", sources)])
    mark = only(old.step(trades({"a:X": "100", "b:X": "100"}), [], T0 + 10 * S))
    assert mark.conf_e8 == pytest.approx(10_000, abs=2)


def _row(*prices: str) -> dict[str, str]:
    return {f"{venue}:X": price for venue, price in zip("abcde", prices, strict=False)}


def test_confidence_is_the_distance_to_the_farther_quartile():
    """A quarter of the votes up and down: whichever side is farther says how sure we are."""
    assert _mark(_row("100", "100", "100", "100.2", "100.5")).conf_e8 == pytest.approx(
        2e5, rel=0.01
    )
    assert _mark(_row("99.5", "99.8", "100", "100", "100")).conf_e8 == pytest.approx(2e5, rel=0.01)


@pytest.mark.parametrize("wrong", ["50", "99", "101", "200"])
def test_a_quarter_of_the_weight_cannot_make_a_market_uncertain(wrong):
    """One source of four, above or below, moves neither quartile: it halts nobody alone."""
    mark = _mark(_row("100", "100.01", "100.02", wrong), max_confidence_bps=10.0)
    assert mark.validity is Validity.VALID


def test_outliers_lie_beyond_mads_within_floor_and_ceiling():
    """25 bps are never an outlier, 300 bps always are, in between five MADs decide."""
    for calm, within, beyond in (
        (("100", "100", "100", "100"), "100.24", "100.26"),
        (("99", "100", "100", "101"), "97.1", "96.9"),
        (("99.8", "100", "100", "100.2"), "100.9", "101.1"),
    ):
        assert reasons(_mark(_row(*calm, within)))["e:X"] == ""
        assert reasons(_mark(_row(*calm, beyond)))["e:X"] == "outlier"


def test_confidence_is_published_rounded_up():
    """A third of 10^-5 is 333.3 units: it is never said to be surer than it is."""
    made = engine([market("X-USD", [source("a:X"), source("b:X")])])
    mark = only(made.step(trades({"a:X": "3", "b:X": "3.00001"}), [], T0 + 1))
    assert mark.conf_e8 == 334


def test_weights_count():
    """A source of three times the weight is three votes."""
    heavy = [source("a:X", weight=3.0), source("b:X"), source("c:X")]
    assert str(_mark(_row("100", "100.1", "100.2"), *heavy).index) == "100.00000"


def test_a_quote_is_worth_its_middle():
    """Between bid and ask, by neither side."""
    made = engine([market("X-USD", [source("a:X"), source("b:X")])])
    ticks = batch(quote("a:X", "99.9", "100.3"), quote("b:X", "99.9", "100.3"))
    assert str(only(made.step(ticks, [], NOW)).index) == "100.10000"


def test_a_step_must_be_later_than_the_one_before():
    """Time is monotone: a step at the same instant is refused."""
    made = engine([market("X-USD", [source("a:X"), source("b:X")])])
    made.step(batch(trade("a:X", "1")), [], NOW)
    with pytest.raises(Rejected, match="not after"):
        made.step([], [], NOW)
