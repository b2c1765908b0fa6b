"""The index: weighted median of all admitted origins, outliers labelled but never cut.

Cutting could be steered: of three honest prices 100, 102, 104 and two colluders at 104.1, a cut of
the furthest would publish 104.1. A label alarms, takes the source out of the quorum and widens
the confidence, and the median stays between the honest (docs/engine.md).
"""

from __future__ import annotations

import math
from typing import Any, Final

from oracle.engine.compiled import compiled
from oracle.engine.quantile import median_at, median_distance, quartiles, ranks, reorder
from oracle.engine.reasons import Reason
from oracle.engine.records import WIDEST
from oracle.engine.weights import weigh

OUTLIER: Final = int(Reason.OUTLIER)


@compiled
def compute_index(tables: Any, rules: Any, mark: Any, now_ns: int) -> None:
    """Compute a market's index, confidence, dispersion and counts into `mark`."""
    mark.index = mark.conf = mark.dispersion = math.nan
    mark.sources = mark.origins = 0
    weigh(tables, rules, now_ns)
    count = _rank(tables, rules)
    if count == 0:
        return
    work = tables.work[0]
    values, weights = work.values[0], work.counts[2]
    at = median_at(weights, count)
    middle = values[at]
    dispersion = median_distance(values, weights, count, at) / middle
    limit = min(max(rules.mads * dispersion, rules.outlier_floor), rules.outlier_ceiling)
    _count(tables, rules, mark, middle, limit)
    if mark.sources >= rules.min_sources and mark.origins >= rules.min_origins:
        mark.index, mark.dispersion = middle, dispersion
        mark.conf = _confidence(tables, middle, count)


@compiled
def _rank(tables: Any, rules: Any) -> int:
    """Put the priced sources in order of price; return how many they are.

    `work.values` rows 0 and 1 then hold prices and absolute half-widths, `work.counts` row 2 the
    weights.
    """
    work = tables.work[0]
    prices, widths, weights = work.values[2], work.values[3], work.counts[1]
    count = 0
    for n in range(rules.sources):
        price = tables.price[rules.first + n]
        if not math.isnan(price):
            prices[count], widths[count] = price, price * tables.width[rules.first + n]
            weights[count] = work.counts[0][n]
            count += 1
    at = work.counts[3]
    ranks(prices, at, count)
    for n in range(count):
        work.values[0, at[n]], work.values[1, at[n]] = prices[n], widths[n]
        work.counts[2, at[n]] = weights[n]
    return count


@compiled
def _count(tables: Any, rules: Any, mark: Any, middle: float, limit: float) -> None:
    """Label outliers; count the sources and origins that are none."""
    first, count = rules.first, rules.sources
    shared = rules.origins != count
    seen = tables.work[0].counts[1]
    if shared:
        seen[: rules.origins] = 0
    sources = origins = 0
    for at in range(first, first + count):
        price = tables.price[at]
        if math.isnan(price):
            continue
        if abs(price - middle) > limit * middle:
            tables.reason[at] = OUTLIER
            continue
        sources += 1
        if shared:
            origin = tables.place_rules[at].origin
            origins += seen[origin] == 0
            seen[origin] = 1
    mark.sources, mark.origins = sources, origins if shared else sources


@compiled
def _confidence(tables: Any, middle: float, count: int) -> float:
    """Return the relative half-width from the quartiles of votes at p-c, p and p+c.

    Source: Pyth's aggregation (pyth-client, `upd_aggregate.h`): the larger of the distances from
    the middle to the quartiles of the votes.
    """
    work = tables.work[0]
    values, widths, weights = work.values[0], work.values[1], work.counts[2]
    low, high, votes = work.values[2], work.values[3], work.votes
    for n in range(count):
        low[n], high[n] = values[n] - widths[n], values[n] + widths[n]
        votes[0, n] = votes[1, n] = votes[2, n] = weights[n]
    reorder(low, votes[0], count, work.spare, work.counts[3])
    reorder(high, votes[2], count, work.spare, work.counts[3])
    lower, upper = quartiles(low, values, high, votes, count)
    return min(max(middle - lower, upper - middle) / middle, WIDEST)
