"""How far honest sources and markets move: what every bound is to be held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from oracle.backtest.naive import median
from oracle.backtest.run import MarketRun
from oracle.backtest.score import errors_bps

Floats = npt.NDArray[np.float64]

SHARES: Final = (0.5, 0.99, 0.999, 1.0)
_WINDOWS_MIN: Final = (5, 30, 60)


def facts(run: MarketRun) -> dict[str, Floats]:
    """Return absolute figures in bps by name, for every step; NaN where there is none."""
    prices = run.sources.prices
    consensus = median(prices, prices)[:, None]
    made = {
        "a source against the median of all": np.abs(errors_bps(prices, consensus)),
        "a source's step to its next price": np.abs(errors_bps(prices[1:], prices[:-1])),
        "confidence": run.conf * 1e4,
    }
    step_ns = int(np.median(np.diff(run.time_ns)))
    for minutes in _WINDOWS_MIN:
        width = max(minutes * 60 * 10**9 // step_ns, 1)
        average = _trailing_mean(run.index, width)
        made[f"index against its {minutes} min average"] = np.abs(errors_bps(run.index, average))
    return made


def quantiles(figures: Mapping[str, Floats]) -> dict[str, list[float]]:
    """Return the quantiles `SHARES` of each."""
    return {
        name: [float(each) for each in np.nanquantile(values, SHARES)]
        for name, values in figures.items()
    }


def _trailing_mean(values: Floats, width: int) -> Floats:
    """Return the mean of what there was of the last `width` values before each."""
    present = np.isfinite(values)
    sums = np.concatenate(([0.0], np.cumsum(np.where(present, values, 0.0))))
    counts = np.concatenate(([0], np.cumsum(present)))
    end = np.arange(len(values))
    start = np.maximum(end - width, 0)
    count = counts[end] - counts[start]
    total = sums[end] - sums[start]
    made: Floats = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    return made
