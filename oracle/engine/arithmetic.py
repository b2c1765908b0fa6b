"""Numbers from + - * / alone, so that every processor gives the same bits.

Exponential and logarithm reduce their argument exactly or nearly so, and sum a fixed polynomial by
Horner's rule; their relative error is below 1e-14. The reduction is Cody and Waite's (Software
Manual for the Elementary Functions, 1980).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from oracle.engine.compiled import compiled
from oracle.engine.records import Floats
from oracle.model.ticks import MISSING

_MISSING: Final = MISSING
_LN2_HIGH: Final = 0.6931471803691238
"""The leading 32 bits of ln 2: whole multiples of it are exact."""
_LN2_LOW: Final = 1.9082149292705877e-10
_INVERSE_LN2: Final = 1.4426950408889634
_ROOT_HALF: Final = 0.7071067811865476
_LARGEST: Final = 700.0

POWERS: Final[Floats] = np.array([float(f"1e{power}") for power in range(129)])
"""Nearest floats, parsed: `pow` may differ by a bit from one processor to another."""


@compiled
def exponential(x: float) -> float:
    """Return e**x; 0 below -700, and not more than e**700."""
    if x < -_LARGEST:
        return 0.0
    x = min(x, _LARGEST)
    power = math.floor(x * _INVERSE_LN2 + 0.5)
    r = (x - power * _LN2_HIGH) - power * _LN2_LOW
    total = 1.0 / 6227020800.0
    total = total * r + 1.0 / 479001600.0
    total = total * r + 1.0 / 39916800.0
    total = total * r + 1.0 / 3628800.0
    total = total * r + 1.0 / 362880.0
    total = total * r + 1.0 / 40320.0
    total = total * r + 1.0 / 5040.0
    total = total * r + 1.0 / 720.0
    total = total * r + 1.0 / 120.0
    total = total * r + 1.0 / 24.0
    total = total * r + 1.0 / 6.0
    total = total * r + 0.5
    total = total * r + 1.0
    total = total * r + 1.0
    return math.ldexp(total, int(power))


@compiled
def logarithm(x: float) -> float:
    """Return the natural logarithm of a positive finite x."""
    part, power = math.frexp(x)
    if part < _ROOT_HALF:
        part, power = part * 2.0, power - 1
    s = (part - 1.0) / (part + 1.0)
    square = s * s
    total = 1.0 / 21.0
    for odd in range(19, 0, -2):
        total = total * square + 1.0 / odd
    return power * _LN2_HIGH + (2.0 * s * total + power * _LN2_LOW)


@compiled
def float_nearest(mantissa: int, exponent: int) -> float:
    """Convert `mantissa * 10**exponent`; NaN where missing.

    Correctly rounded while the mantissa is below 2**53 and the exponent within +-22 (both exact
    floats); beyond that within one unit in the last place.
    """
    if mantissa == _MISSING:
        return math.nan
    power = POWERS[abs(int(exponent))]
    return mantissa * power if exponent >= 0 else mantissa / power
