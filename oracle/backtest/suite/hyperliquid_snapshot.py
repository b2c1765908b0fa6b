"""Hyperliquid, one snapshot of all perps of its main exchange: oracle, mid and mark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from oracle.backtest.published import published
from oracle.backtest.recording import merge, series
from oracle.backtest.suite.dataset import Dataset, read_text
from oracle.engine.spec import (
    BreakerSpec,
    EngineSpec,
    MarketSpec,
    MarkSpec,
    Method,
    SourceSpec,
)

FILE: Final = "mark_index_funding/hyperliquid_all_dexs_asset_ctxs.json.zst"
NOW_NS: Final = 1_767_225_600 * 10**9
"""The snapshot has no time: 2026-01-01 stands for it."""


def hyperliquid_snapshot(data: Path) -> Dataset:
    """Return the data set: the venue's oracle price is the index, its mid the perp's quote."""
    dexs = dict(json.loads(read_text(data / FILE))["data"]["ctxs"])
    rows = [row for row in dexs[""] if row["midPx"] is not None]
    markets, parts, known = [], [], []
    for number, row in enumerate(rows):
        name = f"COIN{number}-USD"
        market = _market(name, number)
        markets.append(market)
        parts += _ticks(market, row)
        known.append(published(name, [NOW_NS], mark=[float(row["markPx"])]))
    return Dataset(
        name="hyperliquid-snapshot",
        title="Hyperliquid, all perps of the main exchange that have quotes, one moment of 2026",
        shows="The mark of one step from the venue's oracle price and mid, against its mark.",
        limits="One moment: the 150 s average is its first sample, so the basis leg equals the "
        "mid; last trades and other venues' perps, which are in the venue's median, are missing.",
        spec=EngineSpec(tuple(markets), (tuple(market.name for market in markets),)),
        step_ns=10**9,
        recording=merge(parts),
        published=tuple(known),
        split_ns=0,
    )


def _market(name: str, number: int) -> MarketSpec:
    minute_ns = 60 * 10**9
    oracle = SourceSpec(f"hyperliquidoracle:{number}", "hyperliquid", 1.0, minute_ns)
    perp = SourceSpec(f"hyperliquid:{number}", "hyperliquid", 1.0, minute_ns)
    return MarketSpec(
        name=name,
        number=number,
        sources=(oracle,),
        perps=(perp,),
        min_sources=1,
        min_origins=1,
        mark=MarkSpec(Method.MEDIAN3_EMA, own=perp.source, max_basis_bps=1_000.0),
        breaker=BreakerSpec(deviations=()),
    )


def _ticks(market: MarketSpec, row: dict[str, Any]) -> list[Any]:
    mid = float(row["midPx"])
    return [
        series(market.sources[0].source, [NOW_NS], last=[float(row["oraclePx"])]),
        series(market.perps[0].source, [NOW_NS], bid=[mid], ask=[mid]),
    ]
