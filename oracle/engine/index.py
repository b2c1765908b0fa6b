"""The index: weighted median of all admitted origins, outliers labelled but never cut.

Cutting could be steered: of three honest prices 100, 102, 104 and two colluders at 104.1, a cut of
the furthest would publish 104.1. A label alarms, takes the source out of the quorum and widens
the confidence, and the median stays between the honest (docs/engine.md).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from oracle.engine.columns import WIDEST, Bools, Floats, Ints
from oracle.engine.layout import Table
from oracle.engine.median import origins_in, share_among_origins, weighted_quantile
from oracle.engine.prices import Prices
from oracle.engine.reasons import Reason


class Rules(NamedTuple):
    """Per market: quorum and outlier bounds."""

    min_sources: Floats
    min_origins: Floats
    mads: Floats
    floor: Floats
    """Relative."""
    ceiling: Floats


class Index(NamedTuple):
    """Per market, with the reason of each place."""

    value: Floats
    """NaN below quorum."""
    conf: Floats
    """Relative half-width."""
    reason: Ints
    sources: Ints
    """Sources that count for quorum."""
    origins: Ints


def compute(table: Table, prices: Prices, rules: Rules) -> Index:
    """Compute the index of each market in `table`."""
    admitted = prices.admitted
    weight = share_among_origins(table.weight, table.same_origin, admitted)
    median = weighted_quantile(prices.price, weight, admitted)
    outlier = _outliers(prices.price, weight, admitted, median, rules)
    reason = np.where(outlier, int(Reason.OUTLIER), prices.reason)
    counted = admitted & ~outlier
    sources, origins = np.sum(counted, axis=1), origins_in(table.same_origin, counted)
    quorum = (sources >= rules.min_sources) & (origins >= rules.min_origins)
    value = np.where(quorum, median, np.nan)
    return Index(value, _confidence(prices, weight, admitted, value), reason, sources, origins)


def _outliers(price: Floats, weight: Ints, admitted: Bools, median: Floats, rules: Rules) -> Bools:
    with np.errstate(invalid="ignore"):
        distance = np.abs(price - median[:, None]) / median[:, None]
        mad = weighted_quantile(distance, weight, admitted)
        limit = np.clip(rules.mads * mad, rules.floor, rules.ceiling)
        far: Bools = admitted & (distance > limit[:, None])
    return far


def _confidence(prices: Prices, weight: Ints, admitted: Bools, value: Floats) -> Floats:
    """Return the relative half-width from the quartiles of votes at p-c, p and p+c.

    Source: Pyth's aggregation (pyth-client, `upd_aggregate.h`): the larger of the distances from
    the middle to the quartiles of the votes. The lower quartile is the upper one's mirror image, so
    that a quarter of the weight moves neither.
    """
    width = prices.price * prices.half_width
    votes = np.concatenate([prices.price - width, prices.price, prices.price + width], axis=1)
    weights, mask = np.tile(weight, 3), np.tile(admitted, 3)
    low = -weighted_quantile(-votes, weights, mask, 3, 4)
    high = weighted_quantile(votes, weights, mask, 3, 4)
    return np.minimum(np.maximum(value - low, high - value) / value, WIDEST)
