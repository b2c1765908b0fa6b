"""The index: weighted median, labels that never cut, quorum, confidence (docs/engine.md, 5)."""

from __future__ import annotations

import itertools

import pytest

from oracle.engine.spec import OutlierSpec
from oracle.model.errors import Rejected
from oracle.model.validity import Validity
from tests.engine_builders import (
    T0,
    after,
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


def _mark(prices: dict[str, str], *sources, **changes):
    made = engine([market("X-USD", sources or [source(name) for name in prices], **changes)])
    return only(made.step(trades(prices), [], after(1)))


def _row(*prices: str) -> dict[str, str]:
    return {f"{venue}:X": price for venue, price in zip("abcdefgh", prices, strict=False)}


def test_index_is_the_middle_source():
    """With equal weights the index is the median."""
    assert str(_mark(_row("100", "102", "104")).index) == "102.00000"


def test_a_tie_takes_the_lower():
    """Two halves of the weight: the lower of the two middle prices, never their mean."""
    assert str(_mark(_row("100", "101", "103", "104")).index) == "101.00000"
    assert str(_mark(_row("100", "100.1")).index) == "100.00000"


def test_weights_count():
    """A source of three times the weight is three votes; just above half of the weight decides."""
    heavy = [source("a:X", weight=3.0), source("b:X"), source("c:X")]
    assert str(_mark(_row("100.2", "100.1", "100"), *heavy).index) == "100.20000"
    tied = [source("a:X", weight=2.0), source("b:X"), source("c:X")]
    assert str(_mark(_row("100.2", "100.1", "100"), *tied).index) == "100.10000"


def test_colluders_cannot_steer_by_becoming_the_majority_of_what_a_cut_leaves():
    """Honest 100, 102, 104 and two at 104.1: the index stays honest at 104 or below."""
    assert str(_mark(_row("100", "102", "104", "104.1", "104.1")).index) == "104.00000"


def test_sources_of_one_origin_share_its_weight():
    """Three feeds of one venue have one venue's say."""
    names = ["evil:1", "evil:2", "evil:3", "b:X", "c:X"]
    prices = dict(zip(names, ["90", "90", "90", "100", "101"], strict=True))
    assert str(_mark(prices).index) == "100.00000"


def test_a_quote_is_worth_its_middle():
    """Between bid and ask, by neither side."""
    made = engine([market("X-USD", [source("a:X"), source("b:X")])])
    ticks = batch(quote("a:X", "99.9", "100.3"), quote("b:X", "99.9", "100.3"))
    assert str(only(made.step(ticks, [], after(1))).index) == "100.10000"


def test_an_outlier_is_named_and_does_not_count_for_quorum():
    """The mean of two that are left is never published (sKRW, 2019)."""
    mark = _mark(_row("0.00086", "0.86"))
    assert mark.validity is Validity.MISSING
    assert mark.mark is None
    assert "below quorum: 1 of 2 sources" in mark.reason


def test_an_outlier_still_votes():
    """Of 100, 100, 101, 110 and 110 the middle is 101: both outliers are in it, and named."""
    prices = _row("100", "100", "101", "110", "110")
    mark = _mark(prices, outlier=OutlierSpec(1.0, 25.0, 300.0))
    assert str(mark.index) == "101.00000"
    assert reasons(mark) == dict.fromkeys(("a:X", "b:X", "c:X"), "") | dict.fromkeys(
        ("d:X", "e:X"), "outlier"
    )


@pytest.mark.parametrize(
    ("prices", "least", "index"),
    [
        (("100", "100", "100"), 3, True),
        (("100", "100", "110"), 3, False),
        (("100", "100", "110"), 2, True),
        (("100", "110"), 1, True),
        (("100",), 1, True),
    ],
)
def test_quorum_counts_those_who_are_no_outliers(prices, least, index):
    """One less than wanted, and there is no index, however well the others agree."""
    mark = _mark(_row(*prices), min_sources=least, min_origins=1)
    assert (mark.index is not None) is index


def test_quorum_counts_origins_too():
    """Two sources of one operator are one opinion."""
    sources = [source("a:1", origin="a"), source("a:2", origin="a")]
    mark = _mark({"a:1": "100", "a:2": "100"}, *sources)
    assert mark.validity is Validity.MISSING
    assert "1 of 2 origins" in mark.reason


def test_an_outlying_feed_does_not_bring_in_its_origin():
    """An origin counts by those of its sources that count."""
    sources = [source("a:1"), source("a:2"), source("b:1")]
    mark = _mark({"a:1": "100", "a:2": "100", "b:1": "110"}, *sources)
    assert "1 of 2 origins" in mark.reason
    mark = _mark({"a:1": "100", "a:2": "110", "b:1": "100"}, *sources)
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


def test_the_mad_is_weighted():
    """Distances 0, 10, 20 bps: of equal weights the middle is 10; a heavy source makes it 20."""
    prices = _row("100", "100.1", "99.8", "100.7")
    light = [source(name) for name in prices]
    weights = zip(prices, (0.9, 1.0, 1.95, 0.15), strict=True)
    heavy = [source(name, weight=weight) for name, weight in weights]
    rules = OutlierSpec(4.0, 1.0, 300.0)
    assert reasons(_mark(prices, *light, outlier=rules))["d:X"] == "outlier"
    assert reasons(_mark(prices, *heavy, outlier=rules))["d:X"] == ""


def _confidence(*quotes: tuple[float, float], weights: tuple[float, ...] = ()) -> float:
    """Return the confidence of sources by price and half-spread, at no age."""
    names = _row(*(str(price) for price, _ in quotes))
    sources = [
        source(name, weight=weight)
        for name, weight in itertools.zip_longest(names, weights, fillvalue=1.0)
    ]
    made = engine([market("X-USD", sources)])
    ticks = [
        quote(name, f"{price - half:.6f}", f"{price + half:.6f}")
        for name, (price, half) in zip(names, quotes, strict=True)
    ]
    return float(made.step(batch(*ticks), [], T0 + 1).conf[0])


def test_confidence_by_hand():
    """Nine votes of three sources: the seventh from either end are the quartiles.

    99.9, 100, 100, 100.05, 100.1, 100.1, 100.15, 100.2, 100.4 about an index of 100.1: 100 below,
    100.15 above.
    """
    made = _confidence((100.0, 0.1), (100.2, 0.2), (100.1, 0.05))
    assert made == pytest.approx(0.1 / 100.1, rel=1e-6)


def test_confidence_by_hand_with_weights():
    """The middle source weighs four of six; up to its votes there are 3, 7, 11 and 15 of 18.

    Three quarters of 18 are 13.5, reached at 100.05; from above likewise at 99.95.
    """
    made = _confidence((99.9, 0.01), (100.0, 0.05), (100.1, 0.01), weights=(1.0, 4.0, 1.0))
    assert made == pytest.approx(0.05 / 100, rel=1e-6)


def test_confidence_of_two_is_the_farther_vote():
    """Six votes: the fifth from below and from above are the quartiles."""
    assert _confidence((100.0, 0.1), (100.2, 0.2)) == pytest.approx(0.2 / 100, rel=1e-6)


def test_confidence_looks_at_every_vote():
    """The second vote from above, 100.06, is the lower of the two highest, and no price itself."""
    assert _confidence((100.0, 0.1), (100.05, 0.01)) == pytest.approx(0.06 / 100, rel=1e-6)


def test_confidence_has_half_the_spread_and_a_basis_point_of_age():
    """Sources that agree still quote a spread, and what is old is less certain."""
    assert _confidence((100.0, 0.1), (100.0, 0.1)) == pytest.approx(0.001, rel=1e-6)
    made = engine([market("X-USD", [source("a:X"), source("b:X")])])
    mark = only(made.step(trades({"a:X": "100", "b:X": "100"}), [], after(10)))
    assert mark.conf_e8 == pytest.approx(10_000, abs=2)


def test_confidence_widens_when_sources_disagree():
    """The quartiles of the votes say how far the sources are apart; too far is TOO_UNCERTAIN."""
    calm = _mark(_row("100", "100.01", "100.02"))
    torn = _mark(_row("100", "101", "102"), max_confidence_bps=50.0)
    assert calm.conf_e8 is not None
    assert torn.conf_e8 is not None
    assert calm.conf_e8 < 20_000 < torn.conf_e8
    assert torn.validity is Validity.TOO_UNCERTAIN


def test_confidence_is_the_distance_to_the_farther_quartile():
    """A quarter of the votes up and down: whichever side is farther says how sure we are."""
    up, down = ("100", "100", "100", "100.2", "100.5"), ("99.5", "99.8", "100", "100", "100")
    assert _mark(_row(*up)).conf_e8 == pytest.approx(2e5, rel=0.01)
    assert _mark(_row(*down)).conf_e8 == pytest.approx(2e5, rel=0.01)


@pytest.mark.parametrize("wrong", ["50", "99", "101", "200"])
def test_a_quarter_of_the_weight_cannot_make_a_market_uncertain(wrong):
    """One source of four, above or below, moves neither quartile: it halts nobody alone."""
    mark = _mark(_row("100", "100.01", "100.02", wrong), max_confidence_bps=10.0)
    assert mark.validity is Validity.VALID


def test_confidence_is_published_rounded_up():
    """A third of 10^-5 is 333.3 units: it is never said to be surer than it is."""
    made = engine([market("X-USD", [source("a:X"), source("b:X")])])
    mark = only(made.step(trades({"a:X": "3", "b:X": "3.00001"}), [], T0 + 1))
    assert mark.conf_e8 == 334


def test_a_step_must_be_later_than_the_one_before():
    """Time is monotone: a step at the same instant or before is refused, and changes nothing."""
    made = engine([market("X-USD", [source("a:X"), source("b:X")])])
    made.step(batch(trade("a:X", "1")), [], after(1))
    before = made.snapshot()
    for now_ns in (after(1), after(0.5), 0):
        with pytest.raises(Rejected, match="not after"):
            made.step(batch(trade("b:X", "1", at_s=0.7)), [], now_ns)
    assert made.snapshot() == before
