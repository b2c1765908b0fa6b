"""Where each market's sources stand in the columns: one row a market, one column a place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from oracle.engine.columns import Bools, Floats, Ints
from oracle.engine.spec import MarketSpec, SourceSpec

WEIGHT_UNITS = 720_720
"""Weights are whole numbers of units (divisible by 1 to 16), so that their sums are exact."""


class Table(NamedTuple):
    """Sources of some markets, shape (markets, places); rows are padded with `present` False."""

    present: Bools
    source: Ints
    weight: Ints
    max_age_ns: Ints
    edge: Ints
    """Number of the market that converts the source's quote currency, or -1."""
    same_origin: Bools
    """Shape (markets, places, places)."""


def table(
    rows: Sequence[Sequence[SourceSpec]], source_at: Mapping[str, int], market_at: Mapping[str, int]
) -> Table:
    """Lay out `rows` of sources."""
    shape = (len(rows), max((len(row) for row in rows), default=0))
    present = np.zeros(shape, np.bool_)
    source, weight, max_age = (np.zeros(shape, np.int64) for _ in range(3))
    edge, origin = np.full(shape, -1), np.full(shape, -1)
    for at, row in enumerate(rows):
        origins: dict[str, int] = {}
        for place, entry in enumerate(row):
            present[at, place] = True
            source[at, place] = source_at[entry.source]
            weight[at, place] = max(round(entry.weight * WEIGHT_UNITS), 1)
            max_age[at, place] = entry.max_age_ns
            edge[at, place] = -1 if entry.edge is None else market_at[entry.edge]
            origin[at, place] = origins.setdefault(entry.origin, len(origins))
    same = (origin[:, :, None] == origin[:, None, :]) & present[:, :, None] & present[:, None, :]
    return Table(present, source, weight, max_age, edge, same)


def column(markets: Sequence[MarketSpec], field: str) -> Floats:
    """Return one number of each market's specification as a column of floats."""
    return np.array([getattr(market, field) for market in markets], np.float64)


def ns_column(values: Sequence[int]) -> Ints:
    """Return durations in ns as a column."""
    return np.array(values, np.int64)
