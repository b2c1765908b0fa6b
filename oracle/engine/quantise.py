"""Floats to published prices, many at once, each as `px_half_even` rounds it.

A price's significant digits are the integer nearest to `value * 10**shift`. The product of two
floats is their rounded product and an error that is a float too (Dekker, 1971), so that the nearest
integer, ties to even, is known exactly without any decimal text.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from oracle.engine.records import Floats
from oracle.model.fixed import MARK_DIGITS, Px, px_half_even

_POWERS: Final[Floats] = np.array([10.0**power for power in range(23)])
"""Exact as floats; with a shift beyond them a price goes by its text."""
_SPLIT: Final = 2.0**27 + 1
_LOW, _HIGH = 10.0 ** (MARK_DIGITS - 1), 10.0**MARK_DIGITS


def prices(values: Floats) -> list[Px | None]:
    """Return each value as it is published; None for what is no price."""
    fits = (values > 1e-14) & (values < 1e22)
    some = np.where(fits, values, 1.0)
    shift = MARK_DIGITS - 1 - np.floor(np.log10(some)).astype(np.int64)
    fits &= (shift >= 0) & (shift < len(_POWERS))
    power = _POWERS[np.where(fits, shift, 0)]
    nearest = _nearest(some, power)
    fits &= (nearest >= _LOW) & (nearest < _HIGH)  # the logarithm was off by one at a power of ten
    mantissas = np.where(fits, nearest, 0.0).astype(np.int64)
    made: list[Px | None] = list(map(Px, mantissas.tolist(), (-shift).tolist()))
    for at in np.flatnonzero(~fits).tolist():
        made[at] = _by_text(float(values[at]))
    return made


def _nearest(values: Floats, powers: Floats) -> Floats:
    """Return the integers nearest to the exact products, ties to even."""
    product = values * powers
    error = _error(values, powers, product)
    nearest: Floats = np.rint(product)
    # Beyond 2**-1 of an integer only the error can say; nearer the product cannot be wrong, as the
    # error is far below a half. At a tie of the product, the error breaks it.
    tie = np.abs(product - nearest) == 0.5
    floor = np.floor(product)
    broken = np.where(error > 0, floor + 1, np.where(error < 0, floor, nearest))
    return np.where(tie, broken, nearest)


def _error(a: Floats, b: Floats, product: Floats) -> Floats:
    """Return `a * b - product`, exactly."""
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    error: Floats = a_low * b_low - (
        ((product - a_high * b_high) - a_low * b_high) - a_high * b_low
    )
    return error


def _halves(values: Floats) -> tuple[Floats, Floats]:
    scaled = _SPLIT * values
    high = scaled - (scaled - values)
    return high, values - high


def _by_text(value: float) -> Px | None:
    return px_half_even(value) if 0 < value < float("inf") else None
