"""`median3_ema`: Hyperliquid's mark.

    median of   1. index + EMA_150s(mid - index)
                2. median(bid, ask, last) of the contract
                3. weighted median of the other venues' perp mids

Source: Hyperliquid documentation, robust price indices: "If exactly two out of the three inputs
above exist, the 30 second EMA of" the second "is also added to the median inputs."

Missing: the first without a mid for four time constants, the second without bid, ask or last, the
third without perps. Two left and no 30 s average either: the one nearer to the index. One left: the
first, else the index; a price that stands alone beside the index is not believed.
"""

from __future__ import annotations

import math
from typing import Any

from oracle.engine.averages import ema
from oracle.engine.compiled import compiled


@compiled
def median3_ema(rules: Any, basis: Any, index: float, legs: Any, now_ns: int) -> float:
    """Return the mark."""
    farthest = index * rules.max_basis
    sample = legs.mid - index
    if not math.isnan(sample):
        sample = min(max(sample, -farthest), farthest)
    first = index + ema(basis.ema[0], sample, now_ns, rules.basis_ns)
    second = median_of_three(legs.bid, legs.ask, legs.last)
    slow = ema(basis.ema[1], second, now_ns, rules.second_ns)
    third = legs.others
    missing = int(math.isnan(first)) + int(math.isnan(second)) + int(math.isnan(third))
    if missing == 0:
        return median_of_three(first, second, third)
    if missing == 1:
        low = _least(_least(first, second), third)
        high = -_least(_least(-first, -second), -third)
        if not math.isnan(slow):
            return median_of_three(low, high, slow)
        return low if abs(low - index) <= abs(high - index) else high
    return index if math.isnan(first) else first


@compiled
def median_of_three(a: float, b: float, c: float) -> float:
    """Return the middle one; NaN if any is."""
    if math.isnan(a) or math.isnan(b) or math.isnan(c):
        return math.nan
    return max(min(a, b), min(max(a, b), c))


@compiled
def _least(a: float, b: float) -> float:
    """Return the smaller of those that are not NaN."""
    if math.isnan(a):
        return b
    return a if math.isnan(b) or a <= b else b
