"""March 2023: BTC on three venues in USD, USDT and USDC, while USDC lost its peg."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc

from oracle.backtest.published import Published, published
from oracle.backtest.recording import Recording, merge, series
from oracle.backtest.suite.dataset import (
    MINUTE_NS,
    Dataset,
    floats,
    markets_spec,
    read_csv,
    times_ns,
)

FILE: Final = "multi_venue/usdc_depeg_2023-03_1m.csv.zst"
HELD_OUT: Final = "coinbase:BTC/USD"
SOURCES: Final = (
    HELD_OUT,
    "kraken:BTC/USD",
    "binanceus:BTC/USDT",
    "coinbase:BTC/USDT",
    "kraken:BTC/USDT",
    "binanceus:BTC/USDC",
    "kraken:BTC/USDC",
)
SPLIT_NS: Final = 1_678_536_000 * 10**9
"""2023-03-11 12:00 UTC, the middle: USDC was lowest, at 0.87, five hours before."""

_SLOW: Final = {"dwell": "2m", "recovery": "5m"}
_EVERY: Final = {"max_age": "3m", "mark": "index_only", "breaker": _SLOW}
"""Bars are of minutes; everything else is the default."""


def usdc_depeg(data: Path) -> Dataset:
    """Return the data set; Coinbase's BTC/USD, the deepest, is held out as what was published."""
    recording, closes = _read(data / FILE)
    return Dataset(
        name="usdc-depeg",
        title="BTC-USD without Coinbase's own BTC/USD, March 2023",
        shows="Index of six BTC pairs of three venues, minute closes, two thirds of them in "
        "stablecoins, against the close of the deepest USD book, Coinbase, which is held out. "
        "'At par' takes one USDT and one USDC as one USD.",
        limits="Closes of minutes, not quotes: two venues' closes are up to a minute apart, which "
        "is most of the median error, and bars without a trade are no ticks. The reference is one "
        "venue's price, not a published index.",
        spec=markets_spec(markets()),
        step_ns=MINUTE_NS,
        recording=recording,
        published=tuple(
            Published(name, closes.time_ns, closes.index, closes.mark, closes.funding)
            for name in ("BTC-USD", "BTC-USD.par")
        ),
        split_ns=SPLIT_NS,
    )


def markets() -> dict[str, Any]:
    """Return the markets as an operator would write them; `.all` has the venue held out as well."""
    known = [name for name in SOURCES if name != HELD_OUT]
    edge = {"breaker": {**_SLOW, "peg": {"target": 1}}, "min_sources": 1, "min_origins": 1}
    usdt = ["coinbase:USDT/USD", "kraken:USDT/USD"]
    usdc = ["kraken:USDC/USD", "binanceus:USDC/USDT"]
    return {
        "BTC-USD": _market(0, known),
        "BTC-USD.all": _market(1, SOURCES),
        "BTC-USD.par": _market(2, known, quote="USD"),
        "USDT-USD": _market(3, usdt) | edge,
        "USDC-USD": _market(4, usdc) | edge,
    }


def _market(number: int, sources: Any, **common: str) -> dict[str, Any]:
    return {"number": number, "sources": [{"source": s, **common} for s in sources], **_EVERY}


def _read(path: Path) -> tuple[Recording, Published]:
    table = read_csv(path)
    parts = []
    for venue, pair in {(v, p) for v, p in zip(*_names(table), strict=True)}:
        rows = pc.and_(pc.equal(table["venue"], venue), pc.equal(table["pair"], pair))
        parts.append(_series(table.filter(rows), _source(venue, pair)))
    made = merge(parts)
    held = made.source_at == made.sources.index(HELD_OUT)
    truth = published("BTC-USD", made.received_ns[held], index=made.last[held])
    return made, truth


def _series(bars: Any, source: str) -> Recording:
    traded = floats(bars, "volume") > 0
    closes_ns = times_ns(bars, "timestamp") + MINUTE_NS
    order = np.argsort(closes_ns[traded], kind="stable")
    columns = {"last": floats(bars, "close"), "size": floats(bars, "volume")}
    return series(
        source,
        closes_ns[traded][order],
        **{name: column[traded][order] for name, column in columns.items()},
    )


def _names(table: Any) -> tuple[list[str], list[str]]:
    return table["venue"].to_pylist(), table["pair"].to_pylist()


def _source(venue: str, pair: str) -> str:
    quote = next(quote for quote in ("usdt", "usdc", "usd") if pair.endswith(quote))
    return f"{venue}:{pair.removesuffix(quote).upper()}/{quote.upper()}"
