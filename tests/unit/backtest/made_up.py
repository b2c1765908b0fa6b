"""Recordings small enough to know the answer."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracle.backtest.recording import Recording, merge, series
from oracle.backtest.suite.dataset import markets_spec
from oracle.engine.spec import EngineSpec

S = 10**9
T0 = 1_790_000_000 * S
VENUES = ("alpha", "beta", "gamma")


def times(count: int, every_s: int = 1) -> Any:
    """Return `count` times, the first one at T0."""
    return T0 + np.arange(count) * every_s * S


def flat(prices: dict[str, float], count: int = 60, every_s: int = 1) -> Recording:
    """Return trades at one price a source, all sources at every second."""
    at = times(count, every_s)
    parts = [series(name, at, last=np.full(count, price)) for name, price in prices.items()]
    return merge(parts)


def spot(**changes: Any) -> EngineSpec:
    """Return ETH-USD from three venues."""
    sources = [{"source": f"{venue}:ETH/USD"} for venue in VENUES]
    market = {"number": 0, "sources": sources, "mark": "index_only", **changes}
    return markets_spec({"ETH-USD": market})
