"""Hyperliquid's published funding rates and premiums, out of the engine's own formulas.

Both are published to ten decimals. A rate is right when it rounds to what was published.
Where our figure lies exactly between two decimals (a twentieth of the rows) either is right: the
venue rounds a premium that it does not publish.
"""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal

import pyarrow as pa
import pytest

from oracle.engine.funding import funding_rate, impact_premium
from tests.recorded import recorded

pytestmark = pytest.mark.data

INTEREST, CLAMP, CAP, HOUR_OF_EIGHT = 0.0001, 0.0005, 0.04, 1 / 8
UNIT = Decimal("1e-10")
FILES = {
    "hyperliquid_BTC_funding_premium_1h": (12_192, 622),
    "btc-funding-1h-final-20260618-20260731": (1_056, 48),
}


def _text(name: str) -> str:
    path = recorded(f"mark_index_funding/{name}.zst")
    return pa.input_stream(str(path), compression="zstd").read().decode()


@pytest.mark.parametrize("name", FILES)
def test_rate_from_premium_reproduces_every_row(name: str):
    """Every hour's rate is ours, rounded; digit for digit wherever it is not an exact tie."""
    rows = list(csv.DictReader(io.StringIO(_text(f"{name}.csv"))))
    ties = 0
    for row in rows:
        published = Decimal(row["funding_rate"])
        made = funding_rate(float(row["premium"]), INTEREST, CLAMP, HOUR_OF_EIGHT, CAP)
        exact = Decimal(f"{made:.14f}")
        if abs(exact - published) == UNIT / 2:
            ties += 1
        else:
            assert exact.quantize(UNIT) == published, row
    assert (len(rows), ties) == FILES[name]


def test_premium_from_impact_prices_reproduces_every_row():
    """All 179 perps of the main exchange that have impact prices, digit for digit."""
    snapshot = json.loads(_text("hyperliquid_all_dexs_asset_ctxs.json"))
    dexs = dict(snapshot["data"]["ctxs"])
    rows = [row for row in dexs[""] if row["impactPxs"] is not None]
    assert len(rows) == 179
    for row in rows:
        bid, ask = map(float, row["impactPxs"])
        made = impact_premium(bid, ask, float(row["oraclePx"]))
        assert Decimal(f"{made:.10f}") == Decimal(row["premium"]), row
