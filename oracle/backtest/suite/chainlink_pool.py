"""USDC in USDT: the Uniswap pool every hour, against Chainlink's two rounds, 2022."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from oracle.backtest.published import published
from oracle.backtest.recording import series
from oracle.backtest.suite.dataset import (
    HOUR_NS,
    Dataset,
    floats,
    markets_spec,
    read_csv,
)

POOL: Final = "uniswap3:0x3416cF6C708Da44DB2624D63ea0AAef7113527C6"
FIRST_NS, END_NS = 1_640_995_200 * 10**9, 1_668_384_000 * 10**9
"""2022-01-01 to 2022-11-14: where both were recorded."""
SPLIT_NS: Final = (FIRST_NS + END_NS) // 2


def chainlink_pool(data: Path) -> Dataset:
    """Return the data set: one pool, and the quotient of two published answers."""
    folder = data / "onchain"
    table = read_csv(folder / "uniswap_v3_USDC_USDT_pool_hourly_2022_2026.csv.zst")
    time_ns = table["timestamp"].to_numpy().astype(np.int64) * 10**9
    price = 1.0001 ** floats(table, "poolTick")
    rows = (time_ns >= FIRST_NS) & (time_ns < END_NS)
    time_ns, price = time_ns[rows], price[rows]
    usdc = _answers(folder / "chainlink_usdc_usd_all.csv.zst", time_ns)
    usdt = _answers(folder / "chainlink_usdt_usd_all.csv.zst", time_ns)
    return Dataset(
        name="chainlink-pool",
        title="USDC in USDT, Uniswap's pool against Chainlink, 2022",
        shows="The tick of the 0.01 % pool at each hour as the only source, against the quotient "
        "of Chainlink's USDC/USD and USDT/USD answers then in force.",
        limits="One source, so nothing is aggregated. Chainlink answers when 0.25 % off or once a "
        "day: its own error is of that size, and larger than the pool's tick of 1 bp.",
        spec=markets_spec(
            {
                "USDC-USDT": {
                    "number": 0,
                    "max_age": "2h",
                    "min_sources": 1,
                    "min_origins": 1,
                    "mark": "index_only",
                    "sources": [{"source": POOL, "base": "USDC", "quote": "USDT"}],
                }
            }
        ),
        step_ns=HOUR_NS,
        recording=series(POOL, time_ns, last=price),
        published=(published("USDC-USDT", -(-time_ns // HOUR_NS) * HOUR_NS, index=usdc / usdt),),
        split_ns=SPLIT_NS,
    )


def _answers(path: Path, time_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the answer in force at each time; rounds of two phases overlap at their boundary."""
    table = read_csv(path)
    updated_ns = table["updatedAt"].to_numpy().astype(np.int64) * 10**9
    order = np.argsort(updated_ns, kind="stable")
    at = np.searchsorted(updated_ns[order], time_ns, "right") - 1
    answers = floats(table, "answer")[order] / 1e8
    return np.where(at >= 0, answers[np.maximum(at, 0)], np.nan)
