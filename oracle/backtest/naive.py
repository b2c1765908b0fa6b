"""Plain aggregators to compare with. Each takes prices of shape (steps, sources), NaN for none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def mean(prices: Floats, _volumes: Floats) -> Floats:
    """Return the plain mean of what is fresh."""
    return volume_mean(prices, np.ones_like(prices))


def median(prices: Floats, _volumes: Floats) -> Floats:
    """Return the plain median of what is fresh; of two in the middle their mean."""
    ordered = np.sort(np.where(np.isfinite(prices), prices, np.inf), axis=1)
    count = np.sum(np.isfinite(ordered), axis=1)
    rows = np.arange(len(ordered))
    low = ordered[rows, np.maximum(count - 1, 0) // 2]
    high = ordered[rows, np.minimum(count // 2, ordered.shape[1] - 1)]
    return np.asarray(np.where(count > 0, (low + high) / 2, np.nan), np.float64)


def first_fresh(prices: Floats, _volumes: Floats) -> Floats:
    """Return the first fresh price in the configured order: a waterfall of fallbacks."""
    first = np.argmax(np.isfinite(prices), axis=1)
    made: Floats = prices[np.arange(len(prices)), first]
    return made


def volume_mean(prices: Floats, volumes: Floats) -> Floats:
    """Return the mean weighted by volume; plain where nothing that is fresh has volume."""
    fresh = np.isfinite(prices)
    weights = np.where(fresh, volumes, 0.0)
    without = weights.sum(axis=1, keepdims=True) <= 0
    weights = np.where(without, fresh, weights)
    total = weights.sum(axis=1)
    summed = np.sum(np.where(fresh, prices, 0.0) * weights, axis=1)
    made: Floats = np.divide(summed, total, out=np.full(len(prices), np.nan), where=total > 0)
    return made


NAIVE: Final[Mapping[str, Callable[[Floats, Floats], Floats]]] = {
    "mean": mean,
    "median": median,
    "first fresh": first_fresh,
    "volume mean": volume_mean,
}
