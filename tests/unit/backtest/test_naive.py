"""The plain aggregators, on prices of which the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from oracle.backtest.naive import NAIVE, first_fresh, mean, median, volume_mean

NAN = np.nan
PRICES = np.array([[100.0, 102.0, 104.0, 110.0], [NAN, 102.0, NAN, 106.0], [NAN, NAN, NAN, NAN]])
VOLUMES = np.array([[1.0, 1.0, 0.0, 2.0], [5.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0]])


def test_mean_takes_what_is_fresh():
    """Every fresh price counts once."""
    assert mean(PRICES, VOLUMES)[:2].tolist() == [104.0, 104.0]


def test_median_of_an_even_number_is_the_middle():
    """Of four and of two, the mean of the two in the middle."""
    assert median(PRICES, VOLUMES)[:2].tolist() == [103.0, 104.0]


def test_median_of_an_odd_number_is_one_of_them():
    """Of three, the second."""
    assert median(PRICES[:1, :3], VOLUMES[:1, :3]).tolist() == [102.0]


def test_first_fresh_falls_through_what_is_missing():
    """The configured order, without what has no price."""
    assert first_fresh(PRICES, VOLUMES)[:2].tolist() == [100.0, 102.0]


def test_volume_mean_weighs_by_volume():
    """(100 + 102 + 2 * 110) / 4; a source without volume does not count."""
    assert volume_mean(PRICES, VOLUMES)[0] == 105.5


def test_volume_mean_without_volume_is_plain():
    """No fresh source has volume in the second row."""
    assert volume_mean(PRICES, VOLUMES)[1] == 104.0


@pytest.mark.parametrize("name", NAIVE)
def test_nothing_fresh_gives_nothing(name: str):
    """No aggregator makes a price up."""
    assert np.isnan(NAIVE[name](PRICES, VOLUMES)[2])
