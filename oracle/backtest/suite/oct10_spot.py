"""Oct-10-2025, four altcoins: spot trades of two or three venues, a perp where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from oracle.backtest.recording import merge
from oracle.backtest.suite.dataset import Dataset, markets_spec, tardis_trades

FOLDER: Final = "multi_venue/oct10_2025"
FILES: Final = {
    "binance:POL/USDT": "binance_trades_2025-10-10_POLUSDT.csv.gz",
    "coinbase:POL/USD": "coinbase_trades_2025-10-10_POL-USD.csv.gz",
    "gemini:POL/USD": "gemini_trades_2025-10-10_POLUSD.csv.gz",
}
SPLIT_NS: Final = 1_760_097_600 * 10**9
"""2025-10-10 12:00 UTC: the crash, 21:10 to 22:20, is in the second half."""


def oct10_spot(data: Path) -> Dataset:
    """Return the data set; nothing was published with it."""
    return Dataset(
        name="oct10-spot",
        title="POL, the day of the crash, 10 October 2025",
        shows="Trades of Binance, Coinbase and Gemini, Binance's in USDT taken at par.",
        limits="Gemini traded POL less than once a minute. There is no truth in the crash: Binance "
        "was 40 % below Coinbase, and no index of that market was recorded.",
        spec=markets_spec({"POL-USD": _market()}),
        step_ns=10 * 10**9,
        recording=merge([tardis_trades(data / FOLDER / file, s) for s, file in FILES.items()]),
        published=(),
        split_ns=SPLIT_NS,
    )


def _market() -> dict[str, Any]:
    sources = [{"source": source, "quote": "USD"} for source in FILES]
    return {
        "number": 0,
        "max_age": "2m",
        "mark": "index_only",
        "breaker": {"dwell": "30s", "recovery": "1m"},
        "sources": [
            {**each, "max_age": "10m"} if "gemini" in each["source"] else each for each in sources
        ],
    }
