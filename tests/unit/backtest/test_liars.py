"""Studies with liars: small, seeded, and with the bounds that the engine promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from oracle.backtest.corruption import MINUTE_NS
from oracle.backtest.facts import facts, quantiles
from oracle.backtest.parameters import in_section
from oracle.backtest.resilience import Case, Plan, cases, extended, study, try_liars
from oracle.backtest.run import Panel, run
from oracle.backtest.sweeps import Sweep, named, not_valid, sweep_all, wrong_by
from oracle.engine.reasons import Reason
from tests.unit.backtest.made_up import T0, S, flat, spot

RANDOM = np.random.default_rng(3)
STEPS, SOURCES = 480, 5
TIMES = T0 + np.arange(STEPS) * MINUTE_NS
HONEST = (
    1000.0
    * np.exp(np.cumsum(RANDOM.normal(0, 2e-4, (STEPS, 1)), axis=0))
    * (1 + RANDOM.normal(0, 1e-4, (STEPS, SOURCES)))
)
RULES = replace(spot(max_age="3m").markets[0], min_sources=2)


@pytest.fixture(scope="module")
def outcomes():
    """Return a study of three and five sources, by case."""
    plan = Plan(sizes=(3, 5), kinds=("colluding 2 %", "scaled x10"))
    made = study(HONEST, np.ones_like(HONEST), TIMES, RULES, plan)
    return {(each.case.sources, each.case.corrupted, each.case.kind): each for each in made}


def test_a_minority_does_not_move_the_index(outcomes):
    """Two of five at 2 % leave it among the honest, which lie within a few bps of each other."""
    made = outcomes[5, 2, "colluding 2 %"]
    assert made.scores["plumbline"].worst_bps < 6
    assert made.scores["median"].worst_bps < 6
    assert made.scores["mean"].median_bps == pytest.approx(80, abs=5)


def test_a_majority_does(outcomes):
    """Three of five at 2 % take every median along: the study shows it."""
    assert outcomes[5, 3, "colluding 2 %"].scores["plumbline"].median_bps > 190


def test_a_wrong_exponent_is_refused(outcomes):
    """Two of five ten times too high: our index stays, a mean does not."""
    made = outcomes[5, 2, "scaled x10"]
    assert made.scores["plumbline"].worst_bps < 6
    assert made.scores["mean"].median_bps > 10_000


def test_honest_sources_leave_the_mark_valid(outcomes):
    """Without liars there is no alarm."""
    made = outcomes[5, 0, "honest"]
    assert made.not_valid == 0.0
    assert made.worst_valid_bps == made.scores["plumbline"].worst_bps


def test_cases_go_one_beyond_the_guarantee():
    """Of four, one is a minority and two are not; both are run."""
    made = cases(Plan(sizes=(4,), kinds=("frozen",)))
    assert made == [Case(4, 0, "honest"), Case(4, 1, "frozen"), Case(4, 2, "frozen")]
    assert [case.minority for case in made] == [True, True, False]


def test_made_sources_have_recorded_noise():
    """They are as far from the others as the recorded ones are, and not their copies."""
    made = extended(HONEST, 7)
    assert (made[:, :SOURCES] == HONEST).all()
    centre = np.median(HONEST, axis=1)
    spread = np.std(made / centre[:, None], axis=0)
    assert spread[SOURCES:] == pytest.approx(spread[:2], rel=0.01)
    assert np.mean(made[:, SOURCES] == made[:, 0]) < 0.5  # both can be the median


def test_the_order_of_size_of_a_price_does_not_matter():
    """A price of 1e-5 and one of 1e9 give the same errors."""
    plan = Plan(sizes=(3,), kinds=("colluding 2 %",))
    small, large = (
        study(HONEST * scale, np.ones_like(HONEST), TIMES, RULES, plan) for scale in (1e-8, 1e6)
    )
    for one, other in zip(small, large, strict=True):
        ours = one.scores["plumbline"].worst_bps
        assert ours == pytest.approx(other.scores["plumbline"].worst_bps, abs=1e-3)


def test_liars_among_two_are_not_tried():
    """Of two none can be outvoted."""
    made = run(spot(), flat({"alpha:ETH/USD": 1.0, "beta:ETH/USD": 1.0}).steps(S))["ETH-USD"]
    two = Panel(made.sources.sources[:2], made.sources.prices[:, :2], made.sources.volumes[:, :2])
    assert try_liars(replace(made, sources=two)) == []
    assert {each.case.sources for each in try_liars(made)} == {3}


def _sweep(budget: float) -> Sweep:
    return Sweep(
        "outlier.floor",
        [(f"{bps}", in_section("outlier", floor_bps=float(bps))) for bps in (1, 25)],
        Case(5, 2, "colluding 2 %"),
        named(Reason.OUTLIER),
        "",
        wrong_by(1.0),
        "",
        budget,
    )


def test_a_sweep_chooses_on_the_first_half_within_its_budget():
    """A floor of 1 bp labels honest noise; 25 bps does not, and both leave the same harm."""
    (made,) = sweep_all([_sweep(0.001)], HONEST, TIMES, int(TIMES[240]), RULES)
    tight, loose = made.figures
    assert tight.first[0] > 0.01 > loose.first[0]
    assert made.chosen == "25"
    assert made.default == "25"


def test_a_sweep_without_a_value_within_its_budget_takes_the_cheapest():
    """No value costs less than nothing."""
    (made,) = sweep_all([_sweep(-1.0)], HONEST, TIMES, int(TIMES[240]), RULES)
    assert made.chosen == "25"


def test_costs_of_an_alarm_are_counted():
    """With a bound on confidence below the noise no step is VALID."""
    sweep = replace(
        _sweep(0.5),
        values=[("none", lambda market: replace(market, max_confidence_bps=0.001))],
        cost=not_valid,
    )
    (made,) = sweep_all([sweep], HONEST, TIMES, int(TIMES[240]), RULES)
    assert made.figures[0].first[0] > 0.9


def test_facts_are_of_what_was_recorded():
    """Sources 0, 1 and 5 % apart: the furthest is 3.96 % from the median of all."""
    prices = {"alpha:ETH/USD": 100.0, "beta:ETH/USD": 101.0, "gamma:ETH/USD": 105.0}
    made = quantiles(facts(run(spot(), flat(prices).steps(S))["ETH-USD"]))
    assert made["a source against the median of all"][-1] == pytest.approx(396.0, abs=0.1)
    assert made["a source's step to its next price"][-1] == 0.0
    assert made["index against its 5 min average"][-1] == pytest.approx(0.0, abs=1e-6)
