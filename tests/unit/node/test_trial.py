"""A trial of a real engine: what each source and market did."""

from __future__ import annotations

import math

import pytest

from oracle.config.load import parse
from oracle.model.fixed import px_exact
from oracle.model.ticks import Tick, pack
from oracle.node.compile import engine_spec
from oracle.node.trial import Trial
from tests import cbeth

T0 = 1_770_000_000 * 10**9
S = 10**9


def _trial() -> Trial:
    return Trial(engine_spec(parse(cbeth.OLD).markets))


def _step(trial: Trial, second: int, *, without: str = "") -> None:
    at = T0 + second * S
    trial.step([pack(tick for tick in cbeth.ticks(at) if tick.source != without)], at)


def test_prices_are_converted_and_counted():
    """Every source is heard, its price is in the market's currency, and the index is theirs."""
    trial = _trial()
    _step(trial, 0)
    cbeth_usd, eth_usd = trial.observed()
    assert eth_usd.price == pytest.approx(1964.2)
    assert cbeth_usd.price == pytest.approx(1.12 * 1964.2)
    assert [place.price for place in cbeth_usd.sources] == pytest.approx([1.12 * 1964.2] * 3, 1e-4)
    assert {place.reason for place in cbeth_usd.sources} == {""}
    assert trial.heard == trial.wanted
    assert trial.ticks == 5


def test_warming_up_begins_no_trial():
    """What is compiled beforehand leaves no price and no time behind."""
    trial = _trial()
    trial.warm_up()
    assert (trial.ticks, trial.heard) == (0, set())
    assert all(math.isnan(price) for price in trial.prices().values())
    _step(trial, 0)
    assert trial.observed()[1].price == pytest.approx(1964.2)


def test_a_silent_source_is_not_heard():
    """It has no tick, no price and a reason."""
    trial = _trial()
    _step(trial, 0, without="curve:cbETH/ETH")
    curve = trial.observed()[0].sources[2]
    assert (curve.ticks, curve.reason, curve.counted) == (0, "no_data", 0.0)
    assert math.isnan(curve.price)
    assert trial.wanted - trial.heard == {"curve:cbETH/ETH"}


def test_a_source_that_falls_silent_counts_for_a_part():
    """Of twenty steps it was fresh in eleven."""
    trial = _trial()
    for second in range(20):
        _step(trial, second, without="curve:cbETH/ETH" if second else "")
    curve = trial.observed()[0].sources[2]
    assert (curve.reason, curve.ticks) == ("stale", 1)
    assert curve.counted == pytest.approx(11 / 20)


def test_the_factor_is_the_median_over_the_steps():
    """One step that differs does not move it; steps without a current price do not count."""
    trial, other = _trial(), _trial()
    assert all(math.isnan(price) for price in trial.prices().values())
    trial.compare(other.current())
    for second in range(5):
        _step(trial, second)
        _step(other, second)
        trial.compare(other.current())
    eth = Tick("coinbase:ETH/USD", 9, T0 + 6 * S, T0 + 6 * S, last=px_exact("2000"))
    trial.step([pack([eth])], T0 + 6 * S)
    trial.compare(other.current())
    assert [(seen.factor, seen.covered) for seen in trial.observed()] == [(1.0, 1.0)] * 2


def test_steps_without_a_price_are_remembered():
    """While there is a current price and none of ours; the last price that there was stays."""
    trial = _trial()
    _step(trial, 0)
    current = trial.current()
    trial.compare(current)
    for second in (20, 40, 60):
        trial.step([], T0 + second * S)
        trial.compare(current)
    _, eth = trial.observed()
    assert (eth.covered, eth.factor, eth.price) == (0.25, 1.0, current["ETH-USD"].price)
    assert math.isnan(trial.current()["ETH-USD"].price)


def test_the_newest_price_of_a_batch_is_taken():
    """Of several rows of a source the last with a price; a funding rate alone has none."""
    name = "coinbase:ETH/USD"
    rows = [
        Tick(name, 1, T0, T0, last=px_exact("1")),
        Tick(name, 2, T0, T0, px_exact("1963"), px_exact("1965")),
        Tick(name, 3, T0, T0, funding_e12=5),
    ]
    trial = _trial()
    trial.step([pack(rows), pack([])], T0)
    place = trial.observed()[1].sources[0]
    assert (place.price, place.ticks) == (1964.0, 3)
