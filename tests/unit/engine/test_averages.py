"""The published TWAP and the averages of the basis, through the engine (docs/engine.md, 6)."""

from __future__ import annotations

import math
import random

import numba
import numpy as np
import pytest

from oracle.engine import averages
from oracle.engine.records import EMA
from oracle.engine.spec import Mean, TwapSpec
from tests.engine_builders import (
    CALM,
    S,
    after,
    batch,
    engine,
    market,
    source,
    trade,
)

HOUR = 3_600
SOURCES = ("a:X", "b:X")


class Path:
    """One market along a path of prices: steps at any time, NaN where it has no index."""

    def __init__(self, rules: TwapSpec) -> None:
        entries = [source(name, max_age_ns=1) for name in SOURCES]
        self.engine = engine([market("X-USD", entries, breaker=CALM, twap=rules)])
        self.points: list[tuple[float, float]] = []

    def at(self, second: float, price: float) -> float:
        """Step at a price and return the average as of this step."""
        ticks = []
        if not math.isnan(price):
            ticks = [trade(n, f"{price:.6f}", at_s=second, sequence=1) for n in SOURCES]
        marks = self.engine.step(batch(*ticks) if ticks else [], [], after(second))
        self.points.append((second, price))
        return float(marks.twap[0])

    def integral(self, window_s: float, *, geometric: bool = False) -> float:
        """Return the exact average over the window that ends at the last point."""
        end = self.points[-1][0]
        begin = end - window_s
        weighted = covered = 0.0
        for (start, price), (stop, _) in zip(self.points, self.points[1:], strict=False):
            held = stop - max(start, begin)
            if held > 0 and not math.isnan(price):
                weighted += held * (math.log(price) if geometric else price)
                covered += held
        if not covered:
            return math.nan
        return math.exp(weighted / covered) if geometric else weighted / covered


def test_a_value_counts_for_as_long_as_it_held():
    """100 for three seconds and 200 for one make 125; the price of this step counts not yet."""
    path = Path(TwapSpec(60 * S))
    path.at(1, 100)
    path.at(4, 200)
    assert path.at(5, 150) == pytest.approx(125.0)


def test_geometric_is_the_mean_of_logarithms():
    """100 for three seconds and 200 for one: the fourth root of 100^3 * 200."""
    path = Path(TwapSpec(60 * S, Mean.GEOMETRIC))
    path.at(1, 100)
    path.at(4, 200)
    assert path.at(5, 150) == pytest.approx((100**3 * 200) ** 0.25, rel=1e-12)


def test_where_nothing_is_covered_the_average_is_the_new_index():
    """At the first step, and at the first after a gap."""
    path = Path(TwapSpec(60 * S))
    assert path.at(1, 100) == 100.0
    path.at(2, math.nan)
    assert path.at(900, 130) == 130.0


def test_a_bad_print_is_held_by_the_clamp():
    """One second at +10 % counts as one at +1 %: an hour cannot be bought with a second."""
    for clamp, expected in ((100.0, 101.0), (math.inf, 110.0)):
        path = Path(TwapSpec(60 * S, clamp_bps=clamp))
        for second in range(1, 11):
            path.at(second, 100)
        path.at(11, 110)
        assert path.at(12, 100) == pytest.approx((100 * 10 + expected) / 11)


def test_the_clamp_follows_a_real_move():
    """It is measured from the average so far, so a lasting move arrives; below as above."""
    for target in (110.0, 90.0):
        path = Path(TwapSpec(60 * S, clamp_bps=100.0))
        for second in range(1, 61):
            path.at(second, 100)
        after_one = [path.at(second, target) for second in range(61, 1_200)]
        assert abs(after_one[60] - 100) < abs(target - 100) / 5
        assert after_one[-1] == pytest.approx(target, rel=1e-3)


def test_the_clamp_of_a_geometric_average_is_of_prices_too():
    """Bounds are of the price, and not of its logarithm."""
    path = Path(TwapSpec(60 * S, Mean.GEOMETRIC, clamp_bps=100.0))
    path.at(1, 100)
    path.at(2, 200)
    assert path.at(3, 100) == pytest.approx(math.sqrt(100 * 101), rel=1e-12)


def test_time_without_an_index_is_not_covered():
    """A missing index is neither zero nor the last price."""
    path = Path(TwapSpec(60 * S))
    path.at(1, 100)
    path.at(2, math.nan)
    path.at(12, 200)
    assert path.at(13, 200) == pytest.approx(150.0)


def test_while_the_index_is_missing_the_average_of_before_stands():
    """It is an average of the window still, and says nothing of now."""
    path = Path(TwapSpec(60 * S))
    path.at(1, 100)
    path.at(3, math.nan)
    assert path.at(30, math.nan) == 100.0
    assert math.isnan(path.at(64, math.nan))


@pytest.mark.parametrize(("gap_s", "anew"), [(19, False), (20, False), (20.001, True), (50, True)])
def test_after_a_gap_the_average_starts_anew(gap_s, anew):
    """Longer than `gap` without an index, and what was before counts no more."""
    path = Path(TwapSpec(60 * S, gap_ns=20 * S))
    path.at(1, 100)
    path.at(2, math.nan)
    path.at(2 + gap_s, 200)
    assert path.at(3 + gap_s, 200) == pytest.approx(200.0 if anew else 150.0)


def test_by_default_the_gap_is_the_window():
    """Within it, what is left of the window counts; after it nothing does."""
    for gap_s, expected in ((40, 150.0), (61, 200.0)):
        path = Path(TwapSpec(60 * S))
        path.at(1, 100)
        path.at(11, math.nan)
        path.at(11 + gap_s, 200)
        assert path.at(21 + gap_s, 200) == pytest.approx(expected, rel=0.2)


def test_the_window_forgets_what_left_it_and_holds_what_did_not():
    """What is 58 seconds old still counts in a window of 60, what is 61 does not."""
    path = Path(TwapSpec(60 * S))
    path.at(1, 100)
    averages = [path.at(second, 200) for second in range(2, 64)]
    assert averages[58] == pytest.approx((100 + 58 * 200) / 59)
    assert averages[-1] == pytest.approx(200.0)


def test_a_long_held_value_leaves_the_window_when_its_time_does():
    """Half a window at 100 in one step, then 200: by buckets, not all at once."""
    path = Path(TwapSpec(60 * S))
    path.at(1, 100)
    path.at(31, 200)
    assert path.at(61, 200) == pytest.approx(150.0, rel=0.02)
    assert path.at(76, 200) == pytest.approx(175.0, rel=0.02)
    assert path.at(92, 200) == pytest.approx(200.0)


def test_nobody_looked_for_a_whole_window():
    """After an hour's sleep the price of an hour ago is no average of the last minute."""
    path = Path(TwapSpec(60 * S))
    path.at(1, 100)
    assert path.at(HOUR, 200) == 200.0
    assert path.at(HOUR + 60, 300) == 200.0
    assert path.at(HOUR + 120.001, 400) == 400.0


WINDOWS = [1, 7, 60, 300, HOUR, 24 * HOUR]


@pytest.mark.parametrize("window_s", WINDOWS)
@pytest.mark.parametrize("mean", list(Mean))
def test_the_average_is_the_integral_to_a_sixtieth_of_the_window(window_s, mean):
    """Steps at random times over three windows: right at the near edge, a bucket off at the far."""
    noise = random.Random(window_s)
    path = Path(TwapSpec(window_s * S, mean))
    second, price = 1.0, 100.0
    geometric = mean is Mean.GEOMETRIC
    while second < 1 + 3 * window_s:
        price *= math.exp(noise.gauss(0.0, 0.01))
        average = path.at(second, price)
        exact = sorted(
            path.integral(part * window_s, geometric=geometric) for part in (59 / 60, 1.0)
        )
        if second > 1.0:
            slack = 100 * 0.05 / 60
            assert exact[0] - slack <= average <= exact[1] + slack, second
        second = round(second + noise.expovariate(1.0) * window_s / 40, 6)


@pytest.mark.parametrize("window_s", WINDOWS)
def test_a_linear_path_has_half_a_window_of_lag(window_s):
    """The mean of a ramp is its value half a window ago, to within a bucket and a step."""
    path = Path(TwapSpec(window_s * S))
    steps = 240
    for n in range(2 * steps + 1):
        average = path.at(1 + n * window_s / steps, 100 + n / steps)
    assert average == pytest.approx(101.5, abs=1 / 60)


def test_the_state_of_an_average_does_not_grow():
    """A day of steps takes the bytes of two: memory does not depend on window or time."""
    sizes = []
    for window_s in (1, 24 * HOUR):
        path = Path(TwapSpec(window_s * S))
        for n in range(1, 500):
            path.at(n * 177, 100 + n)
            sizes.append(len(path.engine.snapshot()))
    assert max(sizes) - min(sizes) <= 16


@numba.njit
def _run(state, values, times, tau_ns, made):
    for n in range(len(values)):
        made[n] = averages.ema(state, values[n], times[n], tau_ns)


def _ema(samples: list[tuple[float, float]], tau_s: float) -> list[float]:
    """Return the average after each sample: only compiled code calls it."""
    values = np.array([value for _, value in samples])
    made = np.empty_like(values)
    times = np.array([after(at_s) for at_s, _ in samples], np.int64)
    _run(np.zeros(1, EMA)[0], values, times, tau_s * 1e9, made)
    found: list[float] = made.tolist()
    return found


def test_ema_follows_hyperliquids_recurrence():
    """num = num * exp(-t/tau) + x * t, den likewise: checked against the formula in floats."""
    numerator, denominator = 5.0 * 1e-3, 1e-3
    samples, expected = [(0.0, 5.0)], [5.0]
    noise = random.Random(3)
    second = 0.0
    for step in range(1, 300):
        t = noise.choice((0.05, 1.0, 3.0, 40.0))
        second = round(second + t, 6)
        x, decay = 5.0 + math.sin(step), math.exp(-t / 150.0)
        numerator, denominator = (
            numerator * decay + x * t / 150,
            denominator * decay + t / 150,
        )
        samples.append((second, x))
        expected.append(numerator / denominator)
    assert _ema(samples, 150.0) == pytest.approx(expected, rel=1e-12)


def test_a_first_sample_is_soon_outweighed():
    """It counts for a thousandth of the time constant: one wrong print at the start fades."""
    made = _ema([(0.0, 100.0), (1.0, 0.0), (2.0, 0.0)], 150.0)
    assert made[0] == 100.0
    assert made[1] == pytest.approx(100 * 0.15 / 1.15, rel=0.01)


def test_ema_is_missing_after_four_time_constants_and_starts_anew():
    """Not frozen at its last value; and what comes then knows nothing of before."""
    nan = math.nan
    made = _ema([(0, 5.0), (40, nan), (40.001, nan), (41, nan), (42, 7.0), (43, 7.0)], 10.0)
    assert made[:2] == [5.0, 5.0]
    assert math.isnan(made[2])
    assert math.isnan(made[3])
    assert made[4:] == pytest.approx([7.0, 7.0], rel=1e-15)


def test_a_missing_sample_neither_moves_nor_weighs():
    """Two samples ten seconds apart give the same with or without silent steps between."""
    nan = math.nan
    plain = _ema([(0, 5.0), (10, 7.0)], 10.0)
    asked = _ema([(0, 5.0), (3, nan), (7, nan), (10, 7.0)], 10.0)
    assert plain[-1] == asked[-1]
    assert asked[1] == asked[2] == 5.0


def test_prices_of_every_size_average_exactly_enough():
    """At 1e-12 and at 1e20 as at 100: nothing is lost in sums over a day."""
    for price in (1e-12, 1e20):
        path = Path(TwapSpec(24 * HOUR * S))
        text = f"{price:.0f}" if price > 1 else f"{price:.18f}"
        for second in range(400, 160_000, 400):
            ticks = [trade(name, text, at_s=second) for name in SOURCES]
            marks = path.engine.step(batch(*ticks), [], after(second))
        assert float(marks.twap[0]) == pytest.approx(price, rel=1e-12)
