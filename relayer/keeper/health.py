"""Whose margin is short at a mark: all accounts at once, or those whom the move can reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from relayer.keeper.columns import MOST_COLLATERALS, MOST_MARKETS, Columns
from relayer.keeper.kernels import F64, I8, I64, judge
from relayer.keeper.margin import CollateralNow, MarketNow
from relayer.keeper.params import BPS, E6, E18, GlobalRisk
from relayer.keeper.wake import Lists, Unsorted, Wake

DAY_S: Final = 86_400
HORIZON_S: Final = 60.0
"""For so long no account is passed over for what funding may have cost it in the meantime."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything but the accounts that margin depends on."""

    markets: Mapping[int, MarketNow]
    collaterals: Mapping[int, CollateralNow]
    risk: GlobalRisk

    def same_rules(self, other: World) -> bool:
        """Tell whether only prices, and funding at its bounded pace, differ."""
        return (
            self.risk == other.risk
            and self.markets.keys() == other.markets.keys()
            and self.collaterals.keys() == other.collaterals.keys()
            and all(
                now.risk == other.markets[number].risk
                and now.priced == other.markets[number].priced
                for number, now in self.markets.items()
            )
            and all(
                now.risk == other.collaterals[number].risk
                and now.rate == other.collaterals[number].rate
                for number, now in self.collaterals.items()
            )
        )


class _Tables:
    """A world as arrays, by number of market and of collateral."""

    def __init__(self, world: World) -> None:
        size = MOST_MARKETS  # whatever an account holds has a place, also what is not known yet
        self.prices: F64 = np.zeros(size)
        self.priced: I8 = np.zeros(size, np.int8)
        self.long: F64 = np.zeros(size)
        self.short: F64 = np.zeros(size)
        self.caps: F64 = np.zeros((size, 3))
        self.rates: F64 = np.zeros((size, 3))
        self.drift: F64 = np.zeros(size)
        for number, now in world.markets.items():
            self.prices[number] = now.price / E18
            self.priced[number] = now.priced
            self.long[number], self.short[number] = now.long_index / E18, now.short_index / E18
            for at, (cap, share) in enumerate(now.risk.maintenance):
                self.caps[number, at], self.rates[number, at] = cap, share / BPS
            # Twice: the price may have risen since, by as much as moves its own trigger.
            self.drift[number] = 2 * now.risk.max_funding_e6 / E6 * HORIZON_S / DAY_S
        size = MOST_COLLATERALS
        self.collateral_prices: F64 = np.zeros(size)
        self.token_prices: F64 = np.zeros(size)
        self.haircut_caps: F64 = np.zeros((size, 3))
        self.counts: F64 = np.zeros((size, 3))
        for number, held in world.collaterals.items():
            self.token_prices[number] = held.price / E18
            self.collateral_prices[number] = held.price / E18 * (held.rate / E18)
            for at, (cap, haircut) in enumerate(held.risk.haircuts):
                self.haircut_caps[number, at] = cap
                self.counts[number, at] = (BPS - haircut) / BPS


class Health:
    """Judges the accounts of some columns."""

    def __init__(self, columns: Columns) -> None:
        self.columns: Final = columns
        self.wake: Final = Wake(columns)
        self._sorted_by: World | None = None
        self._sorted_s = float("-inf")

    def mark(self, world: World, now_s: float) -> I64:
        """Return the rows that may be below the warning level by this world's prices.

        Judges only whom its move can have reached; everybody where the lists are of other rules,
        too old, or exhausted. Then it is time to `sort`.
        """
        tables = _Tables(world)
        if self.is_due(world, now_s):
            rows = self.columns.all_rows()
        else:
            rows = self.wake.reached(tables.prices, tables.collateral_prices)
        self._judge(rows, tables, world.risk)
        found: I64 = rows[self.columns.levels[rows] > 0]
        return found

    def is_due(self, world: World, now_s: float) -> bool:
        """Tell whether the lists of who waits for which price are of no more use."""
        return (
            self._sorted_by is None
            or not world.same_rules(self._sorted_by)
            or now_s - self._sorted_s >= HORIZON_S
            or self.wake.is_due
        )

    def unsorted(self, world: World) -> Unsorted:
        """Judge everybody, and copy what `Unsorted.sort` needs: that takes long, in a thread."""
        rows = self.columns.all_rows()
        self._judge(rows, _Tables(world), world.risk)
        return self.wake.copied()

    def adopt(self, lists: Lists, world: World, judged_s: float) -> None:
        """Take lists that were made of `unsorted` at that world and time."""
        self.wake.adopt(lists)
        self._sorted_by, self._sorted_s = world, judged_s

    def changed(self, row: int) -> None:
        """Have a row judged at each mark, since it is another than when all were."""
        self.wake.touch(row)

    def _judge(self, rows: I64, tables: _Tables, risk: GlobalRisk) -> None:
        c, t = self.columns, tables
        judge(
            rows, c.cash, c.held_markets, c.markets, c.sizes, c.costs, c.indices,
            c.held_collaterals, c.collaterals, c.shares,
            t.prices, t.priced, t.long, t.short, t.caps, t.rates, t.drift,
            t.collateral_prices, t.token_prices, t.haircut_caps, t.counts,
            risk.warning_bps / BPS, risk.backstop_bps / BPS,
            c.levels, c.market_triggers, c.collateral_triggers,
        )  # fmt: skip
