"""`index_basis`: the index moved by the average relative basis of the perps.

    mark = index * (1 + EMA(mid / index - 1))

After the first leg of Hyperliquid's mark, "oracle price plus a 150 s EMA of the difference between
mid and oracle" (robust price indices), taken relative so that a fast market scales it.

Missing mid: the average holds for four time constants, then the mark is the index.
"""

from __future__ import annotations

import math
from typing import Any

from oracle.engine.averages import ema
from oracle.engine.compiled import compiled


@compiled
def index_basis(rules: Any, basis: Any, index: float, legs: Any, now_ns: int) -> float:
    """Return the mark."""
    sample = legs.mid / index - 1.0
    if not math.isnan(sample):
        sample = min(max(sample, -rules.max_basis), rules.max_basis)
    average = ema(basis.ema[0], sample, now_ns, rules.basis_ns)
    return index if math.isnan(average) else index * (1.0 + average)
