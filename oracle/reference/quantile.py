"""Weighted quantiles, ties to the lower."""

from __future__ import annotations

import math
from collections.abc import Iterable

Vote = tuple[float, int]
"""A value and its weight in whole units."""


def quantile(votes: Iterable[Vote], numerator: int = 1, denominator: int = 2) -> float:
    """Return the lowest value with at least that share of the weight at or below it.

    NaN where there is no weight.
    """
    ordered = sorted(votes)
    total = sum(weight for _, weight in ordered)
    below = 0
    for value, weight in ordered:
        below += weight
        if weight and below * denominator >= total * numerator:
            return value
    return math.nan


def within(value: float, of: float, bps: float) -> bool:
    """Whether `value` is bounded by `bps` of `of`; never where one is missing."""
    return abs(value / of - 1.0) <= bps / 1e4
