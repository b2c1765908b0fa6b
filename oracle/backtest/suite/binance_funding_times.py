"""Binance BTCUSDT 2023 to 2025: the mark published at each funding time, from hourly bars."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from oracle.backtest.published import published
from oracle.backtest.recording import merge, series
from oracle.backtest.suite.dataset import (
    HOUR_NS,
    Dataset,
    floats,
    markets_spec,
    read_csv,
    times_ns,
)

FOLDER: Final = "mark_index_funding"
SPOT, PERP = "binance:BTC/USDT", "binanceusdm:BTC/USDT:USDT"
HALF_SPREAD: Final = 0.5e-4 / 2
"""Bars have no quotes: bid and ask are the close and half a basis point around it."""
SPLIT_NS: Final = 1_713_830_400 * 10**9
"""2024-04-23, the middle."""


def binance_funding_times(data: Path) -> Dataset:
    """Return the data set: spot and perp closes of each hour, the funding rate set at it."""
    folder = data / FOLDER
    spot = read_csv(folder / "binance_BTCUSDT_1h_spot.csv.zst")
    perp = read_csv(folder / "binance_BTCUSDT_1h_perps.csv.zst")
    funding = read_csv(folder / "binance_BTCUSDT_8h_funding_rates.csv.zst")
    close_ns, close = _closes(perp)
    spread = close * HALF_SPREAD
    rate_ns = times_ns(funding, "Timestamp")
    order = np.argsort(rate_ns, kind="stable")
    recording = merge(
        [
            series(SPOT, _closes(spot)[0], last=_closes(spot)[1]),
            series(PERP, close_ns, bid=close - spread, ask=close + spread, last=close),
            series(PERP, rate_ns[order], funding=floats(funding, "Rate")[order]),
        ]
    )
    return Dataset(
        name="binance-funding-times",
        title="Binance BTCUSDT, the published mark at 1,900 funding times, June 2023 to March 2025",
        shows="Spot and perp closes of the hour that ends at a funding time, against the mark that "
        "Binance published with the rate then.",
        limits="One spot venue, so the index is that venue's and no aggregation is tested. Hourly "
        "bars: the basis mean has one sample an hour where Binance has thirty in thirty seconds; "
        "at a funding time the funding leg's T is zero or a whole interval.",
        spec=markets_spec(markets()),
        step_ns=HOUR_NS,
        recording=recording,
        published=(published("BTC-USDT", rate_ns, mark=floats(funding, "markPrice")),),
        split_ns=SPLIT_NS,
    )


def markets() -> dict[str, Any]:
    """Return the market as an operator would write it."""
    return {
        "BTC-USDT": {
            "number": 0,
            "max_age": "10m",
            "min_sources": 1,
            "min_origins": 1,
            "sources": [{"source": SPOT}],
            "perps": [{"source": PERP}],
            "mark": {"method": "median3_funding", "basis": "150s", "own": PERP},
        }
    }


def _closes(bars: Any) -> tuple[Any, Any]:
    close_ns = times_ns(bars, "Timestamp") + HOUR_NS
    order = np.argsort(close_ns, kind="stable")
    return close_ns[order], floats(bars, "Close")[order]
