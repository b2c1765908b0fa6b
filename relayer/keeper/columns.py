"""Accounts as columns, a row each: what the compiled kernel reads."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from oracle.model.errors import Rejected
from relayer.keeper.kernels import F64, I8, I16, I64, NEVER
from relayer.keeper.margin import Account
from relayer.keeper.params import E18

FIRST_ROWS: Final = 1024
FIRST_SLOTS: Final = 2
MOST_MARKETS: Final = 4_096
"""Numbers that the oracle gives out."""
MOST_COLLATERALS: Final = 256
MOST_SLOTS: Final = 64
"""Of markets, or of collaterals, in one account: the contracts allow fewer."""


class Columns:
    """All accounts that hold anything. Rows of those that no longer do are given out again."""

    def __init__(self, rows: int = FIRST_ROWS, slots: tuple[int, int] = (FIRST_SLOTS, 1)) -> None:
        self.row_of: Final[dict[int, int]] = {}
        self.number_of: Final[dict[int, int]] = {}
        self._free: Final[list[int]] = []
        self.used = 0
        """Rows that have ever been given out: all later ones are empty."""
        n, (most_markets, most_collaterals) = rows, slots
        self.cash: F64 = np.zeros(n)
        self.levels: I8 = np.zeros(n, np.int8)
        self.held_markets: I8 = np.zeros(n, np.int8)
        self.held_collaterals: I8 = np.zeros(n, np.int8)
        self.markets: I16 = np.zeros((n, most_markets), np.int16)
        self.sizes: F64 = np.zeros((n, most_markets))
        self.costs: F64 = np.zeros((n, most_markets))
        self.indices: F64 = np.zeros((n, most_markets))
        self.market_triggers: F64 = np.full((n, most_markets), NEVER)
        self.collaterals: I16 = np.zeros((n, most_collaterals), np.int16)
        self.shares: F64 = np.zeros((n, most_collaterals))
        self.collateral_triggers: F64 = np.full((n, most_collaterals), NEVER)

    def put(self, account: Account) -> int:
        """Write an account's state and return its row."""
        _check(account)
        row = self.row_of.get(account.number)
        if row is None:
            row = self._new_row()
            self.row_of[account.number], self.number_of[row] = row, account.number
        self._fit(len(account.positions), len(account.shares))
        self.cash[row] = account.cash / E18
        self.held_markets[row] = len(account.positions)
        self.held_collaterals[row] = len(account.shares)
        for slot, position in enumerate(account.positions):
            self.markets[row, slot] = position.market
            self.sizes[row, slot] = position.size / E18
            self.costs[row, slot] = position.cost / E18
            self.indices[row, slot] = position.funding_index / E18
        for slot, (collateral, shares) in enumerate(account.shares.items()):
            self.collaterals[row, slot] = collateral
            self.shares[row, slot] = shares / E18
        return row

    def drop(self, number: int) -> None:
        """Forget an account."""
        row = self.row_of.pop(number, None)
        if row is None:
            return
        del self.number_of[row]
        self.cash[row] = 0.0
        self.held_markets[row] = self.held_collaterals[row] = self.levels[row] = 0
        self._free.append(row)

    def all_rows(self) -> I64:
        """Return every row that was ever given out."""
        return np.arange(self.used, dtype=np.int64)

    def numbers(self, rows: I64) -> list[int]:
        """Return the accounts of those rows that have one."""
        return [self.number_of[row] for row in rows.tolist() if row in self.number_of]

    def collaterals_held(self) -> set[int]:
        """Return the collaterals that any account holds."""
        c, used = self.collaterals[: self.used], self.used
        here = np.arange(c.shape[1])[None, :] < self.held_collaterals[:used, None]
        return set(np.unique(c[here]).tolist())

    def holders(self, market: int) -> I64:
        """Return the rows that hold a market."""
        slots = np.arange(self.markets.shape[1])[None, :]
        here = slots < self.held_markets[: self.used, None]
        return np.flatnonzero((here & (self.markets[: self.used] == market)).any(axis=1))

    def _new_row(self) -> int:
        if self._free:
            return self._free.pop()
        if self.used == len(self.cash):
            self._grow(rows=2 * self.used)
        self.used += 1
        return self.used - 1

    def _fit(self, markets: int, collaterals: int) -> None:
        wide = self.markets.shape[1], self.collaterals.shape[1]
        if markets > wide[0] or collaterals > wide[1]:
            self._grow(
                markets=max(wide[0], 1 << (markets - 1).bit_length()),
                collaterals=max(wide[1], 1 << max(collaterals - 1, 0).bit_length()),
            )

    def _grow(self, rows: int = 0, markets: int = 0, collaterals: int = 0) -> None:
        rows = rows or len(self.cash)
        for name in ("cash", "levels", "held_markets", "held_collaterals"):
            setattr(self, name, _resized(getattr(self, name), (rows,)))
        for names, width in (
            (("markets", "sizes", "costs", "indices", "market_triggers"), markets),
            (("collaterals", "shares", "collateral_triggers"), collaterals),
        ):
            for name in names:
                old = getattr(self, name)
                setattr(self, name, _resized(old, (rows, width or old.shape[1])))


def _check(account: Account) -> None:
    """Refuse what compiled code has no place for: it does not look where it writes.

    Raises:
        Rejected: no such account can be.
    """
    if max(len(account.positions), len(account.shares)) > MOST_SLOTS:
        raise Rejected(f"account {account.number:#x} holds more than {MOST_SLOTS} of a kind")
    if any(not 0 <= p.market < MOST_MARKETS for p in account.positions) or any(
        not 0 <= number < MOST_COLLATERALS for number in account.shares
    ):
        raise Rejected(f"account {account.number:#x} holds what no oracle has a number for")


def _resized(old: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.generic]:
    new = np.zeros(shape, old.dtype)
    new[tuple(slice(size) for size in old.shape)] = old
    return new
