"""Decimal fixed-point numbers: the three functions between text, `Px` and float."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oracle.model.errors import Rejected
from oracle.model.fixed import (
    MARK_DIGITS,
    MAX_EXPONENT,
    MAX_MANTISSA,
    MIN_EXPONENT,
    Px,
    float_nearest,
    px_exact,
    px_half_even,
)

mantissas = st.integers(-MAX_MANTISSA, MAX_MANTISSA)
exponents = st.integers(MIN_EXPONENT, MAX_EXPONENT)
prices = st.floats(min_value=1e-40, max_value=1e40)


def _exactly(px: Px) -> Fraction:
    return Fraction(px.mantissa) * Fraction(10) ** px.exponent


@pytest.mark.parametrize(
    ("text", "px"),
    [
        ("65123.40", Px(6512340, -2)),
        ("0", Px(0, 0)),
        ("-1.5", Px(-15, -1)),
        ("+.5", Px(5, -1)),
        ("5.", Px(5, 0)),
        ("1e-8", Px(1, -8)),
        ("1.5E3", Px(15, 2)),
        (" 7 ", Px(7, 0)),
        ("1" + "0" * 30, Px(10**18, 12)),
        ("9223372036854775807", Px(MAX_MANTISSA, 0)),
    ],
)
def test_text_parses_exactly(text: str, px: Px) -> None:
    """Venues write prices in each of these ways."""
    assert px_exact(text) == px


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "-",
        "e5",
        "nan",
        "inf",
        "-Infinity",
        "0x10",
        "1,000",
        "1_000",
        "1 0",
        "1e",
        "--1",
        "9223372036854775808",
        "1e61",
        "1e-61",
        "1e9999",
        "1" * 5000,
        "0" * 5000,
        "1e+-1",
    ],
)
def test_text_that_is_no_price_is_rejected(text: str) -> None:
    """A price is never guessed; also a text of 5,000 digits is refused as one of our errors."""
    with pytest.raises(Rejected):
        px_exact(text)


@given(st.text(max_size=40) | st.from_regex(r"[+-]?\d{0,30}\.?\d{0,30}([eE][+-]?\d{0,4})?"))
def test_any_text_parses_exactly_or_is_rejected(text: str) -> None:
    """Nothing but Rejected comes out, and what parses equals what the text says."""
    try:
        px = px_exact(text)
    except Rejected:
        return
    assert _exactly(px) == Fraction(Decimal(text.strip()))
    assert abs(px.mantissa) <= MAX_MANTISSA
    assert MIN_EXPONENT <= px.exponent <= MAX_EXPONENT


@given(mantissas, exponents)
def test_text_of_a_price_parses_to_the_same_value(mantissa: int, exponent: int) -> None:
    """`str` loses nothing, also above 28 digits."""
    px = Px(mantissa, exponent)
    assert Fraction(str(px)) == _exactly(px)


@given(prices)
@example(99999999.5)  # ties to even, and up into the next decade
@example(9.99999995)
def test_quantising_keeps_eight_digits_and_is_nearest(value: float) -> None:
    """The mantissa is normalised and no other of eight digits is nearer."""
    px = px_half_even(value)
    assert 10 ** (MARK_DIGITS - 1) <= px.mantissa < 10**MARK_DIGITS
    error = abs(_exactly(px) - Fraction(value))
    assert error <= Fraction(10) ** px.exponent / 2


@pytest.mark.parametrize(
    ("value", "mantissa"), [(12345678.5, 12345678), (12345679.5, 12345680), (10000000.5, 10000000)]
)
def test_ties_go_to_the_even_mantissa(value: float, mantissa: int) -> None:
    """Halves are exact in binary here, so the tie is a real one."""
    assert px_half_even(value) == Px(mantissa, 0)


@given(prices)
def test_quantising_twice_is_quantising_once(value: float) -> None:
    """A mark that goes through float again does not move."""
    once = px_half_even(value)
    assert px_half_even(float_nearest(once)) == once


@given(prices, prices)
def test_quantising_keeps_the_order(one: float, two: float) -> None:
    """A larger price never gets a smaller mark."""
    low, high = sorted((one, two))
    assert _exactly(px_half_even(low)) <= _exactly(px_half_even(high))


@pytest.mark.parametrize("value", [0.0, -0.0, -1.0, math.nan, math.inf, -math.inf, 1e300, 5e-324])
def test_what_is_no_price_is_not_quantised(value: float) -> None:
    """Zero, negative, non-finite and absurd values never become a mark."""
    with pytest.raises(Rejected):
        px_half_even(value)


@given(mantissas, exponents)
def test_the_float_is_the_nearest(mantissa: int, exponent: int) -> None:
    """Correctly rounded: the neighbours on both sides are no nearer."""
    px = Px(mantissa, exponent)
    value = float_nearest(px)
    assert value == float(_exactly(px))
    error = abs(Fraction(value) - _exactly(px))
    for neighbour in (math.nextafter(value, math.inf), math.nextafter(value, -math.inf)):
        assert error <= abs(Fraction(neighbour) - _exactly(px))


@pytest.mark.parametrize("px", [(2**63, 0), (-(2**63), 0), (1, MAX_EXPONENT + 1), (1, 10**15)])
def test_a_price_outside_its_bounds_does_not_decode(px: tuple[int, int]) -> None:
    """A hostile exponent must not make a reader compute 10**10**15."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(px), type=Px)
