"""Oct-10-2025, BTC: Gemini's trades and OKX's forward against Binance's COIN-M mark."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from oracle.backtest.published import Published, published
from oracle.backtest.recording import Recording, merge, series
from oracle.backtest.suite.dataset import (
    MINUTE_NS,
    Dataset,
    floats,
    markets_spec,
    read_csv,
    tardis_trades,
)

FOLDER: Final = "multi_venue/oct10_2025"
MARKS: Final = "mark_index_funding/binance_coinm_BTCUSD_PERP_markPriceKlines_1m_2025-10-10.csv.zst"
SPOT, FORWARD = "gemini:BTC/USD", "okx:BTC/USD:BTC-251031"
SPLIT_NS: Final = 1_760_097_600 * 10**9
"""2025-10-10 12:00 UTC: the crash, 21:10 to 22:20, is in the second half."""


def oct10_btc(data: Path) -> Dataset:
    """Return the data set: the only BTC legs recorded that day."""
    recording = merge(
        [
            tardis_trades(data / FOLDER / "gemini_trades_2025-10-10_BTCUSD.csv.gz", SPOT),
            _forward(data / FOLDER / "okx_BTC-USD_forward_from_option_chain.csv.zst"),
        ]
    )
    return Dataset(
        name="oct10-btc",
        title="Binance BTCUSD_PERP, the day of the crash, 10 October 2025",
        shows="The mark from Gemini's spot trades (some 17 a minute, received up to 49 s late in "
        "the crash) and OKX's forward of 31 October, against the minute closes of the mark that "
        "Binance published.",
        limits="Two legs, neither of them Binance's: one thin spot venue, and a forward that "
        "carries three weeks of interest. That the file is a mark is inferred, not said by it.",
        spec=markets_spec(
            {
                "BTC-USD": {
                    "number": 0,
                    "max_age": "2m",
                    "min_sources": 1,
                    "min_origins": 1,
                    "sources": [{"source": SPOT}],
                    "perps": [{"source": FORWARD, "max_age": "30s"}],
                    "mark": {"method": "index_basis"},
                    "breaker": {"dwell": "30s", "recovery": "1m"},
                }
            }
        ),
        step_ns=5 * 10**9,
        recording=recording,
        published=(_marks(data / MARKS),),
        split_ns=SPLIT_NS,
    )


def _forward(path: Path) -> Recording:
    table = read_csv(path)
    order = np.argsort(table["local_timestamp"].to_numpy(), kind="stable")
    price = floats(table, "underlying_price")[order]
    return series(
        FORWARD,
        table["local_timestamp"].to_numpy()[order] * 1000,
        event_ns=table["timestamp"].to_numpy()[order] * 1000,
        bid=price,
        ask=price,
    )


def _marks(path: Path) -> Published:
    table = read_csv(path)
    close_ns = table["open_time"].to_numpy() * 10**6 + MINUTE_NS
    return published("BTC-USD", close_ns, mark=floats(table, "close"))
