"""The engine on made-up ticks against made-up publications."""

from __future__ import annotations

import numpy as np
import pytest

from oracle.backtest.alternatives import alternatives
from oracle.backtest.compare import compare, with_methods
from oracle.backtest.parameters import in_section
from oracle.backtest.published import published
from oracle.backtest.recording import merge, series
from oracle.backtest.run import run
from oracle.backtest.suite.dataset import markets_spec
from oracle.engine.spec import Method
from tests.unit.backtest.made_up import T0, VENUES, S, flat, spot, times

PRICES = {"alpha:ETH/USD": 100.0, "beta:ETH/USD": 101.0, "gamma:ETH/USD": 105.0}


def _compared(recording, at_s=30.0, index=101.0):
    runs = run(spot(max_confidence="10%"), recording.steps(S))
    (made,) = compare(runs, [published("ETH-USD", [T0 + int(at_s * S)], index=[index])])
    return made


def test_index_and_plain_aggregators_against_the_published_index():
    """Median 101 is ours and the median's; the mean is 102, the first is 100."""
    made = _compared(flat(PRICES))
    assert {name: round(s.worst_bps, 3) for name, s in made.scores.items()} == {
        "plumbline": 0.0,
        "mean": 99.01,
        "median": 0.0,
        "first fresh": 99.01,
        "volume mean": 99.01,
    }
    assert made.validity == {"VALID": 1}
    assert made.covered == 1.0


def test_no_figure_is_held_against_a_later_step():
    """The price changes at second 31; what was published at 30.9 sees the step of second 30."""
    before, after = flat(PRICES, count=31), flat({k: 2 * v for k, v in PRICES.items()}, count=30)
    late = after.received_ns + 31 * S
    moved = merge([before, series_of(after, late)])
    assert _compared(moved, at_s=30.9).scores["mean"].bias_bps == pytest.approx(99.01, abs=0.01)


def series_of(recording, received_ns):
    """Return the same ticks at other times."""
    return type(recording)(
        recording.sources,
        recording.source_at,
        received_ns,
        received_ns,
        recording.bid,
        recording.ask,
        recording.last,
        recording.size,
        recording.funding,
    )


def test_what_was_published_outside_the_run_is_not_compared():
    """Before the first step and long after the last there is nothing to compare."""
    runs = run(spot(), flat(PRICES).steps(S))
    known = published("ETH-USD", [T0 - S, T0 + 3600 * S], index=[1.0, 1.0])
    (made,) = compare(runs, [known])
    assert made.scores["plumbline"].asked == 0


def test_stale_sources_leave_the_plain_aggregators_too():
    """Alpha is silent from the start: the others' mean is 103, and beta comes first."""
    still = merge(
        [
            flat({k: v for k, v in PRICES.items() if not k.startswith("alpha")}),
            flat({"alpha:ETH/USD": 100.0}, count=1),
        ]
    )
    made = _compared(still, index=103.0)
    assert made.scores["mean"].worst_bps == pytest.approx(0.0)
    assert made.scores["first fresh"].bias_bps == pytest.approx((101 / 103 - 1) * 1e4)


def test_plain_aggregators_get_our_conversion():
    """A source in USDT counts at USDT-USD of the same step."""
    spec = markets_spec(
        {
            "ETH-USD": {
                "number": 0,
                "mark": "index_only",
                "sources": [{"source": f"{v}:ETH/USDT"} for v in VENUES],
            },
            "USDT-USD": {
                "number": 1,
                "mark": "index_only",
                "sources": [{"source": f"{v}:USDT/USD"} for v in VENUES],
            },
        }
    )
    prices = {f"{v}:ETH/USDT": 100.0 for v in VENUES} | {f"{v}:USDT/USD": 0.98 for v in VENUES}
    runs = run(spec, flat(prices).steps(S))
    (made,) = compare(runs, [published("ETH-USD", [T0 + 30 * S], index=[98.0])])
    assert all(each.worst_bps == pytest.approx(0.0, abs=1e-6) for each in made.scores.values())


def _with_perp():
    perp = {"source": "delta:ETH/USD:USD"}
    spec = spot(perps=[perp], mark={"method": "index_basis", "own": perp["source"]})
    at = times(60)
    quotes = series(perp["source"], at, bid=np.full(60, 101.9), ask=np.full(60, 102.1))
    return spec, merge([flat(PRICES), quotes])


def test_every_mark_method_is_tried():
    """Index 101, perp mid 102: index_only says 101, index_basis says 102."""
    spec, recording = _with_perp()
    runs = run(with_methods(spec), recording.steps(S))
    (made,) = compare(runs, [published("ETH-USD", [T0 + 30 * S], mark=[102.0])])
    ours = {name for name in made.scores if name.startswith("plumbline")}
    assert ours == {f"plumbline {method.name.lower()}" for method in Method}
    assert made.scores["plumbline index_basis"].worst_bps == pytest.approx(0.0, abs=1e-6)
    assert made.scores["plumbline index_only"].bias_bps == pytest.approx((101 / 102 - 1) * 1e4)
    assert made.scores["mean"].worst_bps == pytest.approx(0.0, abs=1e-6)


def test_alternatives_are_scored_on_both_halves():
    """A basis bound of 10 bps holds the mark at 101.101; the default lets it come to 102."""
    spec, recording = _with_perp()
    known = published("ETH-USD", times(60), mark=np.full(60, 102.0))
    values = [
        ("loose", in_section("mark")),
        ("tight", in_section("mark", max_basis_bps=10.0)),
    ]
    loose, tight = alternatives(spec, "ETH-USD", values, recording, S, known, T0 + 30 * S)
    assert (loose.first.asked, loose.second.asked) == (30, 30)
    assert loose.second.worst_bps == pytest.approx(0.0, abs=1e-6)
    assert tight.second.worst_bps == pytest.approx((1 - 101.101 / 102) * 1e4)
