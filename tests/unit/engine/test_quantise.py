"""Many floats at once become the prices that each becomes by its text."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oracle.engine.quantise import prices
from oracle.model.fixed import px_half_even

DIGITS = st.integers(10**7, 10**8 - 1)
TIES = st.builds(lambda digits, power: float(f"{digits}5e{power}"), DIGITS, st.integers(-24, 13))
NEAR_POWERS = st.builds(
    lambda power, towards: float(np.nextafter(10.0**power, towards)),
    st.integers(-17, 20),
    st.sampled_from([0.0, math.inf]),
)
PRICES = st.one_of(st.floats(1e-18, 1e21), TIES, NEAR_POWERS, st.floats(1e-3, 1e6))


@settings(max_examples=300, deadline=None)
@given(st.lists(PRICES, min_size=1, max_size=50))
@example([99_999_999.5, 9_999_999.95, 999_999.995, 12_345_678.5, 12_345_679.5, 0.1, 1e-18])
def test_each_is_rounded_as_its_text_is(values: list[float]) -> None:
    """Ties go to even, digits that carry make a new power, and no float is off by one."""
    assert prices(np.array(values)) == [px_half_even(value) for value in values]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_what_is_no_price_is_none(value: float) -> None:
    """And disturbs no other."""
    assert prices(np.array([1.5, value, 2.5])) == [px_half_even(1.5), None, px_half_even(2.5)]
