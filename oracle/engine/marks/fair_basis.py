"""`fair_basis`: BitMEX's fair price.

    mark = index * (1 + funding rate * T / interval), T the time to the next funding

Source: BitMEX, Fair Price Marking: "Funding Basis = Funding Rate * (Time Until Funding / Funding
Interval)".

Missing funding rate, or one older than its interval: the index.
"""

from __future__ import annotations

import math
from typing import Any

from oracle.engine.compiled import compiled


@compiled
def fair_basis(rules: Any, index: float, legs: Any, now_ns: int) -> float:
    """Return the mark."""
    mark = with_funding(rules, index, legs.funding, now_ns)
    return index if math.isnan(mark) else mark


@compiled
def with_funding(rules: Any, index: float, funding: float, now_ns: int) -> float:
    """Return the index with the part of the funding that is still to come; NaN without a rate."""
    left_ns = rules.rate_interval_ns - now_ns % rules.rate_interval_ns
    return index * (1.0 + funding * (left_ns / rules.rate_interval_ns))
