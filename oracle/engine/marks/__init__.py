"""Mark methods: one small file each, with its source and what it does when a leg is missing.

A method gets the market's rules and basis averages, this step's index and the legs
(`records.WORK`), any of which may be NaN, and returns the mark. `compute` holds every mark within
the market's maximum basis of the index: no perp venue, honest or not, takes it further.
"""

from __future__ import annotations

import math
from typing import Any, Final

from oracle.engine.compiled import compiled
from oracle.engine.marks.fair_basis import fair_basis
from oracle.engine.marks.index_basis import index_basis
from oracle.engine.marks.median3_ema import median3_ema
from oracle.engine.marks.median3_funding import median3_funding
from oracle.engine.spec import Method

_TWAP_ONLY: Final = int(Method.TWAP_ONLY)
_INDEX_ONLY: Final = int(Method.INDEX_ONLY)
_INDEX_BASIS: Final = int(Method.INDEX_BASIS)
_MEDIAN3_EMA: Final = int(Method.MEDIAN3_EMA)
_MEDIAN3_FUNDING: Final = int(Method.MEDIAN3_FUNDING)


@compiled
def compute(
    tables: Any, rules: Any, basis: Any, index: float, twap: float, legs: Any, now_ns: int
) -> float:
    """Return the mark by the market's method; NaN without an index."""
    if rules.method == _INDEX_ONLY or (math.isnan(index) and rules.method != _MEDIAN3_FUNDING):
        return index
    if rules.method == _TWAP_ONLY:
        return twap
    if rules.method == _INDEX_BASIS:
        mark = index_basis(rules, basis, index, legs, now_ns)
    elif rules.method == _MEDIAN3_EMA:
        mark = median3_ema(rules, basis, index, legs, now_ns)
    elif rules.method == _MEDIAN3_FUNDING:
        mark = median3_funding(tables, rules, index, legs, now_ns)
    else:
        mark = fair_basis(rules, index, legs, now_ns)
    return min(max(mark, index * (1.0 - rules.max_basis)), index * (1.0 + rules.max_basis))
