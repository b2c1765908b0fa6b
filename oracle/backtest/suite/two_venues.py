"""Binance's BTC mark and Hyperliquid's BTC perp, summer 2026: how far two venues are apart."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from oracle.backtest.published import published
from oracle.backtest.recording import series
from oracle.backtest.suite.dataset import (
    MINUTE_NS,
    Dataset,
    floats,
    markets_spec,
    read_csv,
    times_ns,
)

FOLDER: Final = "mark_index_funding"
SOURCE: Final = "hyperliquid:BTC/USD:USDC"
SPLIT_NS: Final = 1_783_641_600 * 10**9
"""2026-07-10, the middle."""


def two_venues(data: Path) -> Dataset:
    """Return the data set: 15-minute closes of one venue's perp, 1-minute marks of the other."""
    folder = data / FOLDER
    perp = read_csv(folder / "btc-hyperliquid-candles-15m-final-20260618-20260731.csv.zst")
    mark = read_csv(folder / "btc-binance-mark-candles-1m-final-20260618-20260731.csv.zst")
    closes_ns = times_ns(perp, "open_time") + 15 * MINUTE_NS
    marks_ns = times_ns(mark, "open_time") + MINUTE_NS
    due = (marks_ns // MINUTE_NS) % 15 == 0
    return Dataset(
        name="two-venues",
        title="Binance's BTCUSDT mark and Hyperliquid's BTC perp, June and July 2026",
        shows="Hyperliquid's 15-minute closes as the only source, against Binance's mark then: the "
        "distance of two venues, below which no figure on this page means anything.",
        limits="No aggregation: one source. A last trade against a mark, in USDC and in USDT.",
        spec=markets_spec(
            {
                "BTC-USD": {
                    "number": 0,
                    "max_age": "1m",
                    "min_sources": 1,
                    "min_origins": 1,
                    "mark": "index_only",
                    "sources": [{"source": SOURCE, "quote": "USD"}],
                }
            }
        ),
        step_ns=15 * MINUTE_NS,
        recording=series(SOURCE, closes_ns, last=floats(perp, "close")),
        published=(published("BTC-USD", marks_ns[due], mark=floats(mark, "close")[due]),),
        split_ns=SPLIT_NS,
    )
