"""Health of a million accounts with two positions and one collateral each, at a mark.

`python -m tests.bench.keeper` prints it alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from relayer.keeper.columns import Columns
from relayer.keeper.health import Health, World
from relayer.keeper.margin import CollateralNow, MarketNow
from relayer.keeper.params import E18
from tests.unit.relayer.keeper.worlds import COLLATERAL, GLOBAL, MARKET

ACCOUNTS: Final = 1_000_000
MARKETS: Final = 20
ETHER: Final = 3_000.0
MOVES: Final = (0.0003, 0.003, 0.03, 0.07)
"""Standard deviations of one mark's move, by market."""


def crowd(accounts: int, prices: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Columns:
    """Return accounts with positions from tens to millions, long and short, and some ether."""
    random, columns = np.random.default_rng(1), Columns(accounts, (2, 1))
    columns.used = accounts
    columns.held_markets[:], columns.held_collaterals[:] = 2, 1
    columns.markets[:] = random.integers(0, MARKETS, (accounts, 2))
    notional = random.lognormal(8, 1.5, (accounts, 2))
    at = prices[columns.markets]
    columns.sizes[:] = random.choice((-1, 1), (accounts, 2)) * notional / at
    columns.costs[:] = columns.sizes * at * random.uniform(0.97, 1.03, (accounts, 2))
    columns.collaterals[:] = 1
    columns.shares[:, 0] = notional.sum(1) * random.uniform(0.1, 1, accounts) / ETHER
    return columns


def world(prices: np.ndarray[tuple[int], np.dtype[np.float64]]) -> World:
    """Return a world of these prices."""
    markets = {
        number: MarketNow(int(price * E18), 0, 0, MARKET) for number, price in enumerate(prices)
    }
    return World(markets, {1: CollateralNow(int(ETHER * E18), E18, COLLATERAL)}, GLOBAL)


def measure(accounts: int = ACCOUNTS) -> list[dict[str, float | str]]:
    """Time a whole look, and marks that wake few and many."""
    random = np.random.default_rng(2)
    prices = random.uniform(1, 60_000, MARKETS)
    health, now = Health(crowd(accounts, prices)), world(prices)
    health.mark(now, 0.0)  # compiles
    rows: list[dict[str, float | str]] = [
        _row("everybody", min(_ms(lambda: health.mark(now, 0.0)) for _ in range(5)), accounts)
    ]
    unsorted = health.unsorted(now)
    began = time.perf_counter()
    lists = unsorted.sort()
    rows.append(_row("sorting, beside", 1e3 * (time.perf_counter() - began), accounts))
    health.adopt(lists, now, 0.0)
    for at, move in enumerate(MOVES):
        now = world(prices * (1 + random.normal(0, move, MARKETS)))
        spent_ms = _ms(lambda now=now, at=at: health.mark(now, float(at)))  # type: ignore[misc]
        rows.append(_row(f"a move of {move:.2%}", spent_ms, health.wake.awake))
    return rows


def _ms(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - began)


def _row(what: str, spent_ms: float, judged: int) -> dict[str, float | str]:
    return {"mark": what, "ms": spent_ms, "judged": float(judged)}


if __name__ == "__main__":
    for row in measure():
        sys.stdout.write(f"{row['mark']:20} {row['ms']:9.2f} ms {row['judged']:12,.0f} judged\n")
