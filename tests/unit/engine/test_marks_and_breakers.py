"""TWAP, the basis average, the mark, and the deviation breaker's states."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from oracle.engine.averages import Ema, Twap, exp_negative
from oracle.engine.breaker import Breakers
from oracle.model.validity import BreakerState, Validity
from tests.engine_builders import BREAKER, T0, S, batch, engine, market, only, source, trade, trades


def test_exp_negative_is_close_to_exp():
    """Our own exponential, with + - * / only, keeps its stated error."""
    x = np.linspace(0.0, 64.0, 10_001)
    assert np.allclose(exp_negative(x), np.exp(-x), rtol=1e-10, atol=0)
    assert exp_negative(np.array([65.0]))[0] == 0.0


def test_twap_weights_by_time():
    """100 for three seconds and 200 for one second make 125."""
    twap = Twap(np.array([60 * S]))
    twap.add(np.array([100.0]), T0)
    twap.add(np.array([200.0]), T0 + 3 * S)
    assert twap.add(np.array([1.0]), T0 + 4 * S)[0] == pytest.approx(125.0)


def test_twap_forgets_what_left_the_window():
    """After a whole window at 200, the 100 of before counts no more."""
    twap = Twap(np.array([60 * S]))
    twap.add(np.array([100.0]), T0)
    for second in range(1, 63):
        average = twap.add(np.array([200.0]), T0 + second * S)
    assert average[0] == pytest.approx(200.0)


def test_twap_holds_the_whole_of_its_window():
    """What is 59 seconds old still counts in a window of 60."""
    twap = Twap(np.array([60 * S]))
    twap.add(np.array([100.0]), T0)
    for second in range(1, 60):
        average = twap.add(np.array([200.0]), T0 + second * S)
    assert average[0] == pytest.approx((100 + 58 * 200) / 59)


def test_twap_does_not_count_time_without_an_index():
    """A missing index covers nothing: it is neither zero nor the last price."""
    twap = Twap(np.array([60 * S]))
    twap.add(np.array([100.0]), T0)
    twap.add(np.array([np.nan]), T0 + 1 * S)
    twap.add(np.array([200.0]), T0 + 11 * S)
    assert twap.add(np.array([200.0]), T0 + 12 * S)[0] == pytest.approx(150.0)


def test_twap_counts_a_long_held_value_where_it_was_held():
    """A value held over half the window leaves the window when its time does, not later."""
    twap = Twap(np.array([60 * S]))
    twap.add(np.array([100.0]), T0)
    twap.add(np.array([200.0]), T0 + 30 * S)
    assert twap.add(np.array([200.0]), T0 + 60 * S)[0] == pytest.approx(150.0, rel=0.02)
    assert twap.add(np.array([200.0]), T0 + 75 * S)[0] == pytest.approx(175.0, rel=0.02)
    assert twap.add(np.array([200.0]), T0 + 91 * S)[0] == pytest.approx(200.0)


def test_twap_starts_anew_after_a_whole_window_without_a_step():
    """After an hour's sleep the price of an hour ago is no average of the last minute."""
    twap = Twap(np.array([60 * S, 7200 * S]))
    twap.add(np.array([100.0, 100.0]), T0)
    woken = twap.add(np.array([200.0, 200.0]), T0 + 3600 * S)
    assert woken.tolist() == [200.0, 100.0]


def test_ema_follows_hyperliquids_recurrence():
    """num = num * exp(-t/tau) + x * t, den likewise: checked against the formula in floats."""
    ema, tau = Ema(np.array([150 * S])), 150.0
    numerator, denominator = 5.0 * 1e-3, 1e-3
    ema.add(np.array([5.0]), T0)
    for step in range(1, 50):
        x, decay = 5.0 + math.sin(step), math.exp(-3.0 / tau)
        numerator, denominator = numerator * decay + x * 3 / tau, denominator * decay + 3 / tau
        got = ema.add(np.array([x]), T0 + 3 * step * S)[0]
        assert got == pytest.approx(numerator / denominator, rel=1e-9)


def test_ema_starts_anew_after_a_gap():
    """After four time constants without a value the leg is missing, not frozen."""
    ema = Ema(np.array([10 * S]))
    ema.add(np.array([5.0]), T0)
    assert ema.add(np.array([np.nan]), T0 + 40 * S)[0] == pytest.approx(5.0)
    assert np.isnan(ema.add(np.array([np.nan]), T0 + 41 * S)[0])


def _with_perp():
    sources = [source("a:X"), source("b:X")]
    return engine([market("X-USD", sources, perps=(source("p:X"),))])


def test_mark_is_index_plus_the_average_basis():
    """A perp 1 % above the index carries the mark there, and is the premium sample."""
    made = _with_perp()
    mark = only(made.step(trades({"a:X": "100", "b:X": "100", "p:X": "101"}), [], T0 + S))
    assert str(mark.mark) == "101.00000"
    assert mark.premium_e8 == 1_000_000


def test_mark_never_leaves_the_index_by_more_than_the_maximum_basis():
    """A perp venue that runs away carries the mark no further than 5 % here."""
    made = _with_perp()
    mark = only(made.step(trades({"a:X": "100", "b:X": "100", "p:X": "300"}), [], T0 + S))
    assert str(mark.mark) == "105.00000"


def test_mark_without_perps_is_the_index_and_the_premium_is_missing():
    """A missing leg is a missing leg: no premium of zero."""
    mark = only(_with_perp().step(trades({"a:X": "100", "b:X": "100"}), [], T0 + S))
    assert mark.mark == mark.index
    assert mark.premium_e8 is None


def test_one_absurd_perp_print_moves_the_mark_by_no_more_than_its_time():
    """A print 10^8 times too high is a sample of 5 %: one second of thirty, not all the mark."""
    made = _with_perp()
    for second in range(1, 30):
        prices = {"a:X": "100", "b:X": "100", "p:X": "1e10" if second == 20 else "100"}
        mark = only(made.step(trades(prices, at_s=second), [], T0 + second * S))
    assert float(str(mark.mark)) == pytest.approx(100.0, abs=5.0 / 25)


def test_perps_are_converted_and_share_their_origins_weight():
    """A perp quoted in a stablecoin is worth its rate, and three feeds of one venue are one say."""
    edge = market("T-USD", [source("a:T"), source("b:T")], 1)
    perps = [source(f"evil:{n}", edge="T-USD") for n in (1, 2, 3)]
    perps += [source("p:X", edge="T-USD"), source("q:X")]
    made = engine([edge], [market("X-USD", [source("a:X"), source("b:X")], perps=tuple(perps))])
    prices = {"a:T": "0.8", "b:T": "0.8", "a:X": "100", "b:X": "100", "p:X": "126", "q:X": "101"}
    prices |= dict.fromkeys(("evil:1", "evil:2", "evil:3"), "200")
    mark, _ = made.step(trades(prices), [], T0 + S).messages()
    assert mark.premium_e8 == 1_000_000


def test_an_index_only_market_takes_no_premium():
    """Its mark is the index, whatever its perps say."""
    sources = [source("a:X"), source("b:X")]
    made = engine([market("X-USD", sources, perps=(source("p:X"),), uses_basis=False)])
    mark = only(made.step(trades({"a:X": "100", "b:X": "100", "p:X": "101"}), [], T0 + S))
    assert str(mark.mark) == "100.00000"
    assert mark.premium_e8 is None


def test_each_view_carries_its_own_price_beside_markets_with_more_sources():
    """Rows are padded to the longest: a market's perps are still its own."""
    small = market("X-USD", [source("a:X"), source("b:X")], 0, perps=(source("p:X"),))
    large = market("Y-USD", [source(f"{venue}:Y") for venue in "abcd"], 1)
    prices = {"a:X": "100", "b:X": "100.1", "p:X": "101"} | {f"{venue}:Y": "7" for venue in "abcd"}
    mark, _ = engine([small, large]).step(trades(prices), [], T0 + S).messages()
    assert {view.source: float(str(view.price)) for view in mark.sources} == {
        "a:X": 100.0,
        "b:X": 100.1,
        "p:X": 101.0,
    }


def test_breaker_bounds_are_reached_not_passed():
    """At the figure itself GUARDED and HALTED begin, and calm is only what is below release."""
    breakers = Breakers([BREAKER] * 3)
    breakers.update(np.array([199.9, 200.0, 500.0]), T0)
    assert breakers.state.tolist() == [
        BreakerState.NORMAL,
        BreakerState.GUARDED,
        BreakerState.HALTED,
    ]
    breakers.update(np.array([100.0, 100.0, 100.0]), T0 + 60 * S)
    assert breakers.state.tolist()[1:] == [BreakerState.GUARDED, BreakerState.HALTED]
    breakers.update(np.array([99.9, 99.9, 99.9]), T0 + 61 * S)
    assert breakers.state.tolist()[1:] == [BreakerState.NORMAL, BreakerState.RECOVERING]


class Walk:
    """Steps one market along a path of prices, a second each."""

    def __init__(self, **changes: object) -> None:
        self.engine = engine([market("X-USD", [source("a:X"), source("b:X")], **changes)])
        self.second = 0

    def at(self, price: float, seconds: int = 1):
        for _ in range(seconds):
            self.second += 1
            text = f"{price:.4f}"
            ticks = batch(*(trade(name, text, at_s=self.second) for name in ("a:X", "b:X")))
            mark = only(self.engine.step(ticks, [], T0 + self.second * S))
        return mark


def test_guarded_publishes_the_raw_mark():
    """3 % off its average: GUARDED, at the real price; a slowed one would be free money."""
    walk = Walk()
    walk.at(100, 60)
    mark = walk.at(103)
    assert mark.state is BreakerState.GUARDED
    assert mark.validity is Validity.GUARDED
    assert str(mark.mark) == "103.00000"
    assert "bps off its average" in mark.reason


def test_halted_publishes_no_price():
    """8 % off its average: HALTED, with no mark at all, and not a frozen one."""
    walk = Walk()
    walk.at(100, 60)
    mark = walk.at(108)
    assert mark.state is BreakerState.HALTED
    assert mark.validity is Validity.HALTED
    assert mark.mark is None
    assert str(mark.index) == "108.00000"


def test_guarded_is_left_only_after_its_dwell_time():
    """Back to calm at once, but GUARDED for the five seconds of its dwell."""
    walk = Walk()
    walk.at(100, 60)
    walk.at(103)
    assert walk.at(100, 4).state is BreakerState.GUARDED
    assert walk.at(100, 1).state is BreakerState.NORMAL


def test_halted_is_left_only_after_its_dwell_time():
    """Calm at once after a jolt is not yet recovery."""
    walk = Walk()
    walk.at(100, 60)
    walk.at(108)
    assert walk.at(100, 4).state is BreakerState.HALTED
    assert walk.at(100, 1).state is BreakerState.RECOVERING


def test_the_breaker_compares_with_its_own_window():
    """A step of 3 % is forgotten after the breaker's ten seconds, not the TWAP's sixty."""
    walk = Walk(breaker=replace(BREAKER, window_ns=10 * S))
    walk.at(100, 60)
    assert walk.at(103).state is BreakerState.GUARDED
    assert walk.at(103, 12).state is BreakerState.NORMAL


def test_between_release_and_guarded_nothing_moves():
    """Hysteresis: 1.5 % neither enters GUARDED nor leaves it."""
    walk = Walk()
    walk.at(100, 60)
    assert walk.at(101.5).state is BreakerState.NORMAL
    walk.at(103)
    assert walk.at(101.6, 8).state is BreakerState.GUARDED


def test_recovery_needs_calm_all_along():
    """HALTED, then RECOVERING (served as GUARDED), then NORMAL; a new jolt halts again."""
    walk = Walk()
    walk.at(100, 60)
    walk.at(108)
    mark = walk.at(100, 6)
    assert mark.state is BreakerState.RECOVERING
    assert mark.validity is Validity.GUARDED
    assert walk.at(103).state is BreakerState.HALTED
    assert walk.at(100, 6).state is BreakerState.RECOVERING
    assert walk.at(100, 11).state is BreakerState.NORMAL


def test_a_missing_index_moves_no_breaker():
    """Silence is no proof of calm: HALTED stays HALTED."""
    walk = Walk()
    walk.at(100, 60)
    walk.at(108)
    mark = only(walk.engine.step([], [], T0 + 200 * S))
    assert mark.state is BreakerState.HALTED
    assert mark.index is None


def test_a_recovery_is_not_served_while_the_index_is_missing():
    """Recovery is a whole time of calm that was seen: silence in it starts its clock anew."""
    walk = Walk()
    walk.at(100, 60)
    walk.at(108)
    assert walk.at(100, 6).state is BreakerState.RECOVERING
    walk.second += 30
    walk.engine.step([], [], T0 + (walk.second - 1) * S)
    assert walk.at(100, 8).state is BreakerState.RECOVERING
    assert walk.at(100, 1).state is BreakerState.NORMAL
