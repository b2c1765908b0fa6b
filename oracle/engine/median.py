"""Weighted medians and quantiles over rows, ties to the lower, with whole-number weights."""

from __future__ import annotations

import numpy as np

from oracle.engine.columns import Bools, Floats, Ints


def weighted_quantile(
    values: Floats, weights: Ints, mask: Bools, numerator: int = 1, denominator: int = 2
) -> Floats:
    """Return, for each row, the lowest value with at least that share of the weight at or below.

    `values`, `weights`, `mask`: shape (rows, places). The share is `numerator / denominator`;
    one half is the weighted median whose ties take the lower. A row without weight gives NaN.
    With less than half of the weight corrupted, the median lies between the smallest and the
    largest honest value.
    """
    if values.shape[1] == 0:
        return np.full(values.shape[0], np.nan)
    keyed = np.where(mask, values, np.inf)
    order = np.argsort(keyed, axis=1, kind="stable")
    below = np.cumsum(np.take_along_axis(np.where(mask, weights, 0), order, axis=1), axis=1)
    total = below[:, -1:]
    at = np.argmax(below * denominator >= total * numerator, axis=1)
    # A place without weight in front cannot be chosen: the first with enough weight has its own.
    picked = np.take_along_axis(keyed, np.take_along_axis(order, at[:, None], axis=1), axis=1)
    return np.where(total[:, 0] > 0, picked[:, 0], np.nan)


def share_among_origins(weight: Ints, same_origin: Bools, admitted: Bools) -> Ints:
    """Return weights where the admitted sources of one origin share its weight.

    An origin with two sources has one origin's say: each keeps its weight over their number.
    """
    peers = np.sum(same_origin & admitted[:, None, :], axis=2)
    return np.where(admitted, weight // np.maximum(peers, 1), 0)


def origins_in(same_origin: Bools, counted: Bools) -> Ints:
    """Return how many distinct origins the counted sources of each row have."""
    places = counted.shape[1]
    earlier = np.tril(np.ones((places, places), np.bool_), -1)
    repeated = np.any(same_origin & counted[:, None, :] & earlier, axis=2)
    counts: Ints = np.sum(counted & ~repeated, axis=1)
    return counts
