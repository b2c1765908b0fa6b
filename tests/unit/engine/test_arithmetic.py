"""Our own exponential and logarithm: close to the real ones everywhere, and never backwards."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from decimal import Decimal, localcontext

import numba
import numpy as np
import pytest

from oracle.engine import arithmetic

LN2 = math.log(2.0)
CLOSE = 1e-14
NEIGHBOURS = range(-40, 41)


@numba.njit
def _exponentials(points, made):
    for n in range(len(points)):
        made[n] = arithmetic.exponential(points[n])


@numba.njit
def _logarithms(points, made):
    for n in range(len(points)):
        made[n] = arithmetic.logarithm(points[n])


def _all(function: Callable[..., None], points: Iterable[float]) -> list[float]:
    """Return a compiled function of each point: only compiled code calls it."""
    given = np.array(list(points), np.float64)
    made = np.empty_like(given)
    function(given, made)
    found: list[float] = made.tolist()
    return found


def _exact(points: Iterable[float], function: Callable[[Decimal], Decimal]) -> list[float]:
    with localcontext() as context:
        context.prec = 40
        return [float(function(Decimal(x))) for x in points]


def _near(x: float, steps: int) -> float:
    for _ in range(abs(steps)):
        x = math.nextafter(x, math.copysign(math.inf, steps))
    return x


def test_exponential_is_within_1e14_over_its_range():
    """From e**-700 to e**700, and around zero, against forty digits."""
    noise = random.Random(1)
    points = [noise.uniform(-700.0, 700.0) for _ in range(2_000)]
    points += [noise.uniform(-1.0, 1.0) * 10.0 ** -noise.randrange(0, 18) for _ in range(1_000)]
    points += [700.0, -700.0, 0.0]
    exact = _exact(points, Decimal.exp)
    assert _all(_exponentials, points) == pytest.approx(exact, rel=CLOSE, abs=0.0)


def test_exponential_ends_where_it_says():
    """Below -700 nothing is left, and above 700 it grows no more: never infinite, never NaN."""
    last, below, nothing = _all(_exponentials, [-700.0, _near(-700.0, -1), -math.inf])
    assert last > 0.0 == below == nothing
    first, above, most = _all(_exponentials, [700.0, 1e308, math.inf])
    assert first == above == most < math.inf


def test_exponential_never_falls_where_its_reduction_turns():
    """At each odd half of ln 2 the polynomial's argument jumps; the result must not fall."""
    for power in range(-1_009, 1_009):
        made = _all(_exponentials, (_near((power + 0.5) * LN2, step) for step in NEIGHBOURS))
        assert made == sorted(made), power


def test_exponential_of_zero_is_one_and_of_decays_not_above():
    """No time passes, nothing decays; the least time never makes more."""
    assert _all(_exponentials, [0.0, -0.0]) == [1.0, 1.0]
    assert max(_all(_exponentials, (-5e-324, -1e-300, -1e-18, -1e-9))) <= 1.0


def test_logarithm_is_within_1e14_over_its_range():
    """Of every size of price and beyond, against forty digits."""
    noise = random.Random(2)
    points = [10.0 ** noise.uniform(-300.0, 300.0) for _ in range(2_000)]
    points += [10.0 ** noise.uniform(-18.0, 21.0) for _ in range(1_000)]
    exact = _exact(points, Decimal.ln)
    assert _all(_logarithms, points) == pytest.approx(exact, rel=CLOSE, abs=0.0)


def test_logarithm_near_one_is_relatively_right():
    """Where it passes zero every digit still counts: a bp of price is a bp of logarithm."""
    points = [1.0 + sign * 10.0**-exponent for exponent in range(1, 16) for sign in (-1, 1)]
    exact = _exact(points, Decimal.ln)
    assert _all(_logarithms, points) == pytest.approx(exact, rel=CLOSE, abs=0.0)
    assert _all(_logarithms, [1.0]) == [0.0]


def test_logarithm_never_falls_where_its_reduction_turns():
    """At sqrt(1/2) times a power of two, and at the powers themselves."""
    for power in range(-200, 200):
        for seam in (math.ldexp(math.sqrt(0.5), power), math.ldexp(1.0, power)):
            made = _all(_logarithms, (_near(seam, step) for step in NEIGHBOURS))
            assert made == sorted(made), seam


def test_logarithm_undoes_exponential():
    """What a geometric average takes it gives back."""
    points = np.linspace(-41.0, 48.0, 2_001).tolist()
    made = _all(_logarithms, _all(_exponentials, points))
    assert made == pytest.approx(points, rel=1e-14, abs=1e-15)
