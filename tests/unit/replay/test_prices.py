"""Columns of decimal text against the one-by-one parser."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.ticks.prices import FINE, MALFORMED, NOT_FINITE, SCALE, parse_prices
from oracle.model.errors import Rejected
from oracle.model.fixed import px_exact
from oracle.model.ticks import MISSING

_DIGITS = st.text("0123456789", max_size=22)
_NUMBERS = st.builds(
    lambda sign, whole, fraction, exponent: f"{sign}{whole}{fraction}{exponent}",
    st.sampled_from(["", "-", "+"]),
    _DIGITS,
    st.one_of(st.just(""), _DIGITS.map(lambda digits: "." + digits)),
    st.one_of(st.just(""), st.integers(-70, 70).map(lambda power: f"e{power}")),
)


@given(st.lists(st.one_of(_NUMBERS, st.text(max_size=6), st.floats().map(repr)), max_size=20))
def test_a_column_parses_as_each_text_alone_does(texts: list[str]) -> None:
    """Mantissa and exponent equal `px_exact`'s, and what it refuses has a fault or is empty."""
    column = parse_prices(pa.array(texts, pa.string()))
    for row, text in enumerate(texts):
        parsed = (int(column.mantissa[row]), int(column.exponent[row]), int(column.fault[row]))
        try:
            px = px_exact(text)
        except Rejected:
            assert parsed[0] == MISSING
            assert (parsed[2] == FINE) == (not text.strip())
        else:
            assert parsed == (px.mantissa, px.exponent, FINE)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("nan", NOT_FINITE),
        ("-Infinity", NOT_FINITE),
        ("inf", NOT_FINITE),
        ("1e300", SCALE),
        ("1e-99999", SCALE),
        ("12345678901234567891", SCALE),
        ("1_000", MALFORMED),
        ("12,5", MALFORMED),
        ("-", MALFORMED),
    ],
)
def test_what_is_no_price_has_the_fault_that_names_it(text: str, fault: int) -> None:
    """Not finite, too many digits and not a number are told apart."""
    assert parse_prices(pa.array([text])).fault.tolist() == [fault]
