"""Parsed decimals to the integers of a tick: one exponent a row, rates in 10**-12."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from feeds.ticks.columns import Int64s
from feeds.ticks.prices import PriceColumn
from oracle.model.ticks import MISSING

_FUNDING_DIGITS: Final = 12
"""`oracle.model.ticks.FUNDING_ONE` is 10 to this."""
_POWERS: Final = 10 ** np.arange(19, dtype=np.int64)


class Shared(NamedTuple):
    """Several columns at one exponent a row. Where they are `apart` no exponent holds them all."""

    exponent: NDArray[np.int8]
    mantissas: dict[str, Int64s]
    apart: NDArray[np.bool_]


def share_exponent(prices: Mapping[str, PriceColumn]) -> Shared:
    """Bring the columns to the smallest exponent of each row."""
    highest = np.int8(np.iinfo(np.int8).max)
    exponent = np.minimum.reduce(
        [np.where(p.mantissa == MISSING, highest, p.exponent) for p in prices.values()]
    )
    exponent = np.where(exponent == highest, np.int8(0), exponent).astype(np.int8)
    shared, apart = {}, np.zeros(len(exponent), np.bool_)
    for name, column in prices.items():
        present = column.mantissa != MISSING
        shift = np.where(present, column.exponent.astype(np.int64) - exponent, 0)
        mantissa = np.where(present, column.mantissa, 0)
        scaled, too_large = _times_power(mantissa, shift)
        apart |= too_large
        shared[name] = np.where(present, scaled, MISSING)
    return Shared(exponent, shared, apart)


def funding_e12_half_even(rates: PriceColumn) -> tuple[Int64s, NDArray[np.bool_]]:
    """Round rates to 10**-12, ties to even; say which are too large for a tick, as `MISSING`."""
    present = rates.mantissa != MISSING
    mantissa = np.where(present, rates.mantissa, 0)
    shift = rates.exponent.astype(np.int64) + _FUNDING_DIGITS
    exact, too_large = _times_power(mantissa, np.maximum(shift, 0))
    e12 = np.where(shift < 0, _divided_half_even(mantissa, np.maximum(-shift, 0)), exact)
    return np.where(present & ~too_large, e12, MISSING), too_large


def _times_power(mantissa: Int64s, power: Int64s) -> tuple[Int64s, NDArray[np.bool_]]:
    """Multiply by 10**power, `power` from 0; say where 64 bits do not hold it (there it is 0)."""
    factor = _POWERS[np.minimum(power, 18)]
    fits = (mantissa == 0) | ((power <= 18) & (np.abs(mantissa) <= (2**63 - 1) // factor))
    return np.where(fits, mantissa, 0) * factor, ~fits


def _divided_half_even(mantissa: Int64s, power: Int64s) -> Int64s:
    """Divide by 10**power, `power` from 0, ties to even."""
    size = np.abs(mantissa)
    divisor = _POWERS[np.minimum(power, 18)]
    quotient = np.where(power <= 18, size // divisor, 0)
    # 2**63 is below 10**19: there only the half can be reached, beyond it nothing can.
    half = np.where(power <= 18, divisor // 2, 5 * _POWERS[18])
    rest = np.where(power <= 18, size % divisor, size)
    up = (rest > half) | ((rest == half) & (quotient % 2 == 1))
    quotient += up & (power > 0) & (power <= 19)
    return np.where(mantissa < 0, -quotient, quotient)
