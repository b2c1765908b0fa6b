"""The verdict on a configuration, from what was seen of it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from oracle.engine.spec import BreakerSpec, MarketSpec, SourceSpec
from oracle.node.dry_run import Current, Judged, Observed, Place, Verdict, judge, no_longer

NAN = math.nan


def _seen(
    *prices: float,
    index: float = 100.0,
    factor: float | None = None,
    covered: float = 1.0,
    perps: tuple[float, ...] = (),
) -> Observed:
    """Return what was seen of X-USD: sources a, b, c … at `prices`, NaN for one that was silent.

    Without a factor it is that of the index against 100.
    """
    names = [f"{venue}:X/USD" for venue in "abcdefgh"[: len(prices)]]
    perp_names = [f"{venue}:X/USD:USD" for venue in "pqr"[: len(perps)]]
    market = MarketSpec(
        "X-USD", 0, tuple(map(_source, names)), BreakerSpec(()), tuple(map(_source, perp_names))
    )
    return Observed(
        market,
        index,
        index / 100.0 if factor is None else factor,
        covered,
        tuple(map(_place, names, prices)),
        tuple(map(_place, perp_names, perps)),
    )


def _source(name: str) -> SourceSpec:
    return SourceSpec(name, name[0], 1.0, 10**9)


def _place(name: str, price: float) -> Place:
    silent = math.isnan(price)
    return Place(name, name[0], 0 if silent else 5, price, "no_data" if silent else "", 1.0)


def _judged(seen: Observed, bound_bps: float = 200.0, **current: Current) -> Judged:
    known = {name.replace("_", "-"): value for name, value in current.items()}
    (one,) = judge([seen], known, bound_bps)
    return one


def test_a_price_within_the_bound_is_fine():
    """At the bound itself it still is."""
    one = _judged(_seen(102.0, 102.0, index=102.0), 200.01, X_USD=Current(0, 100.0))
    assert (one.verdict, one.refusals, one.notes) == (Verdict.OK, (), ())


@pytest.mark.parametrize(("price", "off"), [(103.0, "+3.00 %"), (97.0, "-3.00 %")])
def test_a_price_beyond_the_bound_is_refused(price: float, off: str):
    """Both prices, the deviation, and that no cause is known."""
    one = _judged(_seen(price, price, index=price), X_USD=Current(0, 100.0))
    assert one.verdict is Verdict.REFUSED
    assert one.refusals == (
        f"price {price:g} given, 100 expected, off by {off}; likely cause: not known",
    )


def test_the_median_over_the_trial_decides():
    """A last moment that differs, before a slow source's next quote, refuses nothing."""
    one = _judged(_seen(110.0, 110.0, index=110.0, factor=1.001), X_USD=Current(0, 100.0))
    assert one.verdict is Verdict.OK


def test_a_new_market_has_nothing_to_be_compared_with():
    """It is neither fine nor refused."""
    assert _judged(_seen(1.0, 1.0, index=1.0)).verdict is Verdict.NEW
    assert _judged(_seen(1.0, 1.0, index=1.0), X_USD=Current(0, NAN)).verdict is Verdict.NEW


def test_a_market_that_would_lose_its_price_is_refused():
    """How many count, and what the quorum is; without a current price it is only noted."""
    seen = _seen(100.0, NAN, NAN, index=NAN, covered=0.0)
    one = _judged(seen, X_USD=Current(0, 100.0))
    assert one.refusals == (
        "no price given, 100 expected: at the end 1 of 3 sources of 1 origins count, and the "
        "quorum is 2 of 2; if sources send seldom, give more time by --for",
    )
    assert one.notes == ("b:X/USD sent nothing", "c:X/USD sent nothing")
    alone = _judged(seen)
    assert (alone.verdict, alone.refusals) == (Verdict.NO_PRICE, ())
    assert alone.notes[0].startswith("no price: at the end 1 of 3 sources")


@pytest.mark.parametrize(("covered", "refused"), [(0.49, 1), (0.5, 0), (1.0, 0)])
def test_a_market_that_would_mostly_have_no_price_is_refused(covered: float, refused: int):
    """A price at the end does not make up for most of the time without one."""
    one = _judged(_seen(100.0, 100.0, covered=covered), X_USD=Current(0, 100.0))
    assert len(one.refusals) == refused
    assert all("in 49% of the steps only given" in line for line in one.refusals)


def test_a_source_off_the_others_scale_is_refused():
    """The others' median is what was expected; the market's own price may be right."""
    one = _judged(_seen(100.0, 101.0, 10_100.0), X_USD=Current(0, 100.0))
    assert one.refusals == (
        "source c:X/USD: price 10,100 given, 101 expected, off by a factor of 100; likely cause: "
        "a power of ten (10^2): decimals or exponent",
    )


def test_of_two_sources_the_current_price_says_which_is_wrong():
    """Without one both are named: neither can be trusted."""
    seen = _seen(100.0, 5_000.0)
    one = _judged(seen, X_USD=Current(0, 100.0))
    assert [line.split(":")[0] for line in one.refusals] == ["source b"]
    assert [line.split(":")[0] for line in _judged(seen).refusals] == ["source a", "source b"]


@pytest.mark.parametrize(("price", "refused"), [(130.0, 0), (60.0, 0), (799.0, 0), (801.0, 1)])
def test_an_outlier_is_no_wrong_scale(price: float, refused: int):
    """Far off with no known cause is the median's business; from eight times on it is not."""
    assert len(_judged(_seen(100.0, 100.0, price)).refusals) == refused


def test_a_perp_off_the_index_is_refused():
    """A contract of a thousand coins is another price."""
    one = _judged(_seen(100.0, 100.0, perps=(100.2, 100_000.0)))
    assert len(one.refusals) == 1
    assert one.refusals[0].startswith("source q:X/USD:USD: price 100,000 given, 100 expected,")


def test_a_par_that_is_none_is_refused_without_a_current_price():
    """A symbol in ETH that is taken as USD, while ETH-USD is not one."""
    seen = _seen(1.12, 1.12, index=1.12)
    renamed = tuple(replace(e, source=e.source[:4] + "ETH") for e in seen.market.sources)
    seen = replace(seen, market=replace(seen.market, sources=renamed))
    eth = replace(_seen(1964.0, 1964.0, index=1964.0), market=replace(seen.market, name="ETH-USD"))
    eth = replace(eth, market=replace(eth.market, sources=()))
    one, _ = judge([seen, eth], {}, 200.0)
    assert one.refusals[0] == (
        "source a:X/ETH: ETH taken as USD, and ETH-USD is 1,964: the conversion leg is missing; "
        "leave 'quote' out, to convert"
    )


def test_a_number_is_never_given_away():
    """Chains know a market by its number alone."""
    current = {"X_USD": Current(3, 100.0), "Y_USD": Current(0, 5.0)}
    assert _judged(_seen(100.0, 100.0), **current).refusals == (
        "number 0 given, 3 in use: chains find it by its number",
        "number 0 is that of Y-USD: never give a used one away",
    )


def test_what_does_not_count_is_noted():
    """An outlier, a stale source, and one that counts only now and then."""
    seen = _seen(100.0, 100.0, 104.0)
    a, b, c = seen.sources
    places = (replace(a, counted=0.2), replace(b, reason="stale", counted=0.75))
    outlier = replace(c, reason="outlier", counted=0.0)
    one = _judged(replace(seen, sources=(*places, outlier)), X_USD=Current(0, 100.0))
    assert one.verdict is Verdict.OK
    assert one.notes == (
        "a:X/USD counted in 20% of the steps only",
        "b:X/USD does not count: stale (it counted in 75% of the steps)",
        "c:X/USD does not count: outlier",
    )


def test_a_market_that_is_no_longer_priced():
    """What is published and not in the trial is named."""
    current = {"X-USD": Current(0, 1.0), "Y-USD": Current(1, 2.0)}
    assert no_longer([_seen(1.0, 1.0)], current) == ["Y-USD"]
