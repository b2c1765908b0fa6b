"""Our own exponential and logarithm: close to the real ones everywhere, and never backwards."""

from __future__ import annotations

import math
import random
from decimal import Decimal, localcontext

import numpy as np
import pytest

from oracle.engine.arithmetic import exponential, logarithm

LN2 = math.log(2.0)
CLOSE = 1e-14


def _next(x: float, steps: int) -> float:
    for _ in range(abs(steps)):
        x = math.nextafter(x, math.copysign(math.inf, steps))
    return x


def _exact_exp(x: float) -> float:
    with localcontext() as context:
        context.prec = 40
        return float(Decimal(x).exp())


def _exact_ln(x: float) -> float:
    with localcontext() as context:
        context.prec = 40
        return float(Decimal(x).ln())


def test_exponential_is_within_1e14_over_its_range():
    """From e**-700 to e**700, and around zero, against forty digits."""
    noise = random.Random(1)
    points = [noise.uniform(-700.0, 700.0) for _ in range(3_000)]
    points += [noise.uniform(-1.0, 1.0) * 10.0 ** -noise.randrange(0, 18) for _ in range(1_000)]
    for x in [*points, 700.0, -700.0, 0.0]:
        assert exponential(x) == pytest.approx(_exact_exp(x), rel=CLOSE, abs=0.0), x


def test_exponential_ends_where_it_says():
    """Below -700 nothing is left, and above 700 it grows no more: never infinite, never NaN."""
    assert exponential(-700.0) > 0.0
    assert exponential(math.nextafter(-700.0, -math.inf)) == 0.0
    assert exponential(-math.inf) == 0.0
    assert exponential(math.inf) == exponential(1e308) == exponential(700.0) < math.inf


def test_exponential_never_falls_where_its_reduction_turns():
    """At each odd half of ln 2 the polynomial's argument jumps; the result must not fall."""
    for power in range(-1_009, 1_009):
        seam = (power + 0.5) * LN2
        points = [_next(seam, step) for step in range(-40, 41)]
        made = [exponential(x) for x in points]
        assert made == sorted(made), seam


def test_exponential_of_zero_is_one_and_of_decays_below_one():
    """No time passes, nothing decays; the least time never makes more."""
    assert exponential(0.0) == 1.0
    assert exponential(-0.0) == 1.0
    for x in (-5e-324, -1e-300, -1e-18, -1e-9):
        assert exponential(x) <= 1.0


def test_logarithm_is_within_1e14_over_its_range():
    """Of every size of price and beyond, against forty digits."""
    noise = random.Random(2)
    points = [10.0 ** noise.uniform(-300.0, 300.0) for _ in range(3_000)]
    points += [10.0 ** noise.uniform(-18.0, 21.0) for _ in range(1_000)]
    for x in points:
        assert logarithm(x) == pytest.approx(_exact_ln(x), rel=CLOSE, abs=0.0), x


def test_logarithm_near_one_is_relatively_right():
    """Where it passes zero every digit still counts: a bp of price is a bp of logarithm."""
    assert logarithm(1.0) == 0.0
    for exponent in range(1, 16):
        for sign in (-1, 1):
            x = 1.0 + sign * 10.0**-exponent
            assert logarithm(x) == pytest.approx(_exact_ln(x), rel=CLOSE, abs=0.0), x


def test_logarithm_never_falls_where_its_reduction_turns():
    """At sqrt(1/2) times a power of two, and at the powers themselves."""
    for power in range(-200, 200):
        for seam in (math.ldexp(math.sqrt(0.5), power), math.ldexp(1.0, power)):
            made = [logarithm(_next(seam, step)) for step in range(-40, 41)]
            assert made == sorted(made), seam


def test_logarithm_undoes_exponential():
    """What a geometric average takes it gives back."""
    for x in np.linspace(-41.0, 48.0, 2_001).tolist():
        assert logarithm(exponential(x)) == pytest.approx(x, rel=1e-14, abs=1e-15)
