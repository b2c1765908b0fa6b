"""Section 5: the weighted median of all admitted, its outliers and its confidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from oracle.engine.spec import MarketSpec
from oracle.reference.pricing import Place
from oracle.reference.quantile import quantile

WIDEST = 100.0
"""Relative figures end here, far beyond any that is acted upon."""


@dataclass(frozen=True)
class Index:
    """What one step says of a market's sources."""

    value: float
    """NaN below quorum."""
    conf: float
    """Relative half-width; NaN without an index."""
    dispersion: float
    """Weighted MAD, relative; NaN without an index."""
    sources: int
    origins: int


def compute(market: MarketSpec, admitted: Sequence[Place], shares: Sequence[int]) -> Index:
    """Compute the index of the admitted places, and label outliers among them."""
    prices = [place.price for place in admitted]
    median = quantile(zip(prices, shares, strict=True))
    distances = [abs(price - median) / median for price in prices]
    mad = quantile(zip(distances, shares, strict=True))
    rules = market.outlier
    limit = min(max(rules.mads * mad, rules.floor_bps / 1e4), rules.ceiling_bps / 1e4)
    for place, distance in zip(admitted, distances, strict=True):
        if distance > limit:
            place.reason = "outlier"
    counted = [place for place in admitted if not place.reason]
    sources, origins = len(counted), len({place.entry.origin for place in counted})
    if sources < market.min_sources or origins < market.min_origins:
        return Index(math.nan, math.nan, math.nan, sources, origins)
    return Index(median, _confidence(median, admitted, shares), mad, sources, origins)


def _confidence(value: float, admitted: Sequence[Place], shares: Sequence[int]) -> float:
    """Return the larger distance to the quartiles of the votes, relative."""
    votes = [
        (place.price + sign * place.price * place.half_width, weight)
        for place, weight in zip(admitted, shares, strict=True)
        for sign in (-1, 0, 1)
    ]
    upper = quantile(votes, 3, 4)
    lower = -quantile([(-vote, weight) for vote, weight in votes], 3, 4)
    return min(max(value - lower, upper - value) / value, WIDEST)
