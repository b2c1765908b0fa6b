"""Funding rates to whole 10**-12."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from feeds.ticks.prices import PriceColumn
from feeds.ticks.scaling import funding_e12_half_even
from oracle.model.ticks import MISSING

_RATES = st.tuples(st.integers(-(2**63) + 1, 2**63 - 1), st.integers(-60, 60))


@given(st.lists(_RATES, max_size=20))
@example([(5, -13), (15, -13), (-25, -13), (25, -13), (15000000000000000, -28)])
@example([(5 * 10**18, -31), (5 * 10**18 + 1, -31), (-(2**63) + 1, -31), (2**63 - 1, -32)])
@example([(9223372036854775807, -12), (9223372036854775807, -11), (0, 60), (7, -12)])
def test_rates_are_rounded_to_the_nearest_ties_to_even(rates: list[tuple[int, int]]) -> None:
    """Each equals exact arithmetic, or is too large for a tick and said to be."""
    column = PriceColumn(
        np.array([mantissa for mantissa, _ in rates], np.int64),
        np.array([exponent for _, exponent in rates], np.int8),
        np.zeros(len(rates), np.uint8),
    )
    e12, too_large = funding_e12_half_even(column)
    exact = [round(mantissa * Fraction(10) ** (exponent + 12)) for mantissa, exponent in rates]
    fits = [abs(rate) < 2**63 for rate in exact]
    assert too_large.tolist() == [not each for each in fits]
    assert e12.tolist() == [
        rate if good else MISSING for rate, good in zip(exact, fits, strict=True)
    ]


def test_a_missing_rate_stays_missing() -> None:
    """Missing is no rate of zero."""
    column = PriceColumn(np.array([MISSING]), np.zeros(1, np.int8), np.zeros(1, np.uint8))
    e12, too_large = funding_e12_half_even(column)
    assert (e12.tolist(), too_large.tolist()) == ([MISSING], [False])
