"""`median3_funding`: Binance's mark.

    median of   1. index * (1 + funding rate * T / interval), T the time to the next funding
                2. index + mean over the window of (mid - index)
                3. last price of the contract

Source: Binance, mark price in USD-M futures; the window is 30 s since 2025-09-18 and was 2.5 min
(COIN-M: still); theirs is the mean of samples, ours of time, which is the same for even samples.

Missing first or third: the second, as Binance does around settlement. Missing second: the first,
else the index.
"""

from __future__ import annotations

import math
from typing import Any

from oracle.engine.averages import advance_twap, hold
from oracle.engine.compiled import compiled
from oracle.engine.marks.fair_basis import with_funding
from oracle.engine.marks.median3_ema import median_of_three


@compiled
def median3_funding(tables: Any, rules: Any, index: float, legs: Any, now_ns: int) -> float:
    """Return the mark."""
    window = tables.window_rules[rules.basis_window]
    state = tables.window[rules.basis_window]
    farthest = index * rules.max_basis
    basis = legs.mid - index
    if not math.isnan(basis):
        basis = min(max(basis, -farthest), farthest)
    # Also without an index: the time until it is back has no basis.
    average = advance_twap(window, state, tables.buckets[rules.basis_window], now_ns)
    hold(window, state, basis, math.nan)
    if math.isnan(average):
        average = basis
    first = with_funding(rules, index, legs.funding, now_ns)
    second = index + average
    middle = median_of_three(first, second, legs.last)
    if not math.isnan(middle):
        return middle
    if not math.isnan(second):
        return second
    return index if math.isnan(first) else first
