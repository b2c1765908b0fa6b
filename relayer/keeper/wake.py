"""Who a price can reach: for each market and side, accounts by the price that may harm them.

An account that was judged healthy has room `r`: as long as no price that it depends on has moved
against it by more than the share `r`, it is healthy. Its longs and collaterals wait below, its
shorts above. The lists are sorted when all have been judged, beside everything else; a mark costs
one search a list. Who was woken, or has changed since, is judged at every mark until then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from relayer.keeper.columns import Columns
from relayer.keeper.kernels import F64, I8, I16, I64

BUSY_SHARE: Final = 0.05
"""Of all accounts: with more of them awake the lists are sorted anew."""
BUSY_LEAST: Final = 1_000

Bools = NDArray[np.bool_]


@dataclass(slots=True)
class Waiting:
    """One list, the nearest trigger first. `sign` is 1 where a fall reaches it, -1 a rise."""

    of_collateral: bool
    number: int
    sign: int
    keys: F64
    """Triggers as they rise with distance: times `-sign`."""
    rows: I64
    taken: int = 0

    def reached(self, price: float) -> I64:
        """Take those that this price reaches."""
        until = int(np.searchsorted(self.keys, -self.sign * price, side="right"))
        found = self.rows[self.taken : until]
        self.taken = max(self.taken, until)
        return found


@dataclass(frozen=True, slots=True)
class Lists:
    """All lists, and who is awake from the start."""

    waiting: list[Waiting]
    awake: I64


@dataclass(frozen=True, slots=True)
class _Side:
    """One kind of thing that accounts hold, as columns."""

    of_collateral: bool
    held: I8
    numbers: I16
    triggers: F64
    falls: Bools
    """Whether a fall is what harms."""


@dataclass(frozen=True, slots=True)
class Unsorted:
    """What was judged, apart from the columns, which go on changing."""

    levels: I8
    sides: tuple[_Side, ...]

    def sort(self) -> Lists:
        """Make the lists. Of a million accounts that takes most of a second."""
        calm = self.levels == 0
        waiting = [one for side in self.sides for one in _lists(side, calm)]
        return Lists(waiting, np.flatnonzero(~calm))


class Wake:
    """Who waits for which price, and who is awake."""

    def __init__(self, columns: Columns) -> None:
        self._columns: Final = columns
        self._lists: list[Waiting] = []
        self._is_awake: Bools = np.zeros(0, np.bool_)
        self._rows: list[I64] = []
        self._touched: set[int] = set()
        """Changed since the lists in force were copied."""
        self._touched_since: set[int] = set()
        """Changed since the last copy, which is being sorted."""
        self.awake = 0
        """Accounts that are judged at every mark."""

    @property
    def is_due(self) -> bool:
        """Whether so many are awake that the lists are worth sorting."""
        return self.awake > max(BUSY_SHARE * self._columns.used, BUSY_LEAST)

    def copied(self) -> Unsorted:
        """Copy what was just judged; what is touched from here on is not in it."""
        c, used = self._columns, self._columns.used
        self._touched_since = set()
        return Unsorted(
            c.levels[:used].copy(),
            (
                _Side(
                    False,
                    c.held_markets[:used].copy(),
                    c.markets[:used].copy(),
                    c.market_triggers[:used].copy(),
                    c.sizes[:used] > 0,
                ),
                _Side(
                    True,
                    c.held_collaterals[:used].copy(),
                    c.collaterals[:used].copy(),
                    c.collateral_triggers[:used].copy(),
                    np.ones(c.collaterals[:used].shape, np.bool_),
                ),
            ),
        )

    def adopt(self, lists: Lists) -> None:
        """Go by other lists, made of the last copy."""
        self._lists = lists.waiting
        self._is_awake = np.zeros(self._columns.used, np.bool_)
        self._rows, self.awake = [], 0
        self._add(lists.awake)
        self._touched = set(self._touched_since)

    def touch(self, row: int) -> None:
        """Have a row judged at every mark."""
        self._touched.add(row)
        self._touched_since.add(row)

    def reached(self, prices: F64, collateral_prices: F64) -> I64:
        """Return all that have to be judged at these prices."""
        if self._touched:
            self._cover()
            self._add(np.fromiter(self._touched, np.int64))
            self._touched = set()
        for waiting in self._lists:
            table = collateral_prices if waiting.of_collateral else prices
            self._add(waiting.reached(float(table[waiting.number])))
        if len(self._rows) > 1:
            self._rows = [np.concatenate(self._rows)]
        return self._rows[0] if self._rows else np.zeros(0, np.int64)

    def _cover(self) -> None:
        """Have a place for each row that was given out since."""
        if self._columns.used > len(self._is_awake):
            grown = np.zeros(self._columns.used, np.bool_)
            grown[: len(self._is_awake)] = self._is_awake
            self._is_awake = grown

    def _add(self, rows: I64) -> None:
        new = np.unique(rows[~self._is_awake[rows]]).astype(np.int64)
        if new.size:
            self._is_awake[new] = True
            self._rows.append(new)
            self.awake += new.size


def _lists(side: _Side, calm: Bools) -> list[Waiting]:
    slots = side.numbers.shape[1]
    here = (np.arange(slots)[None, :] < side.held[:, None]) & calm[:, None]
    at = np.flatnonzero(here)
    if not at.size:
        return []
    sign = np.where(side.falls.reshape(-1)[at], 1, -1)
    keys = -sign * side.triggers.reshape(-1)[at]
    group = 2 * side.numbers.reshape(-1)[at].astype(np.int64) + (sign > 0)
    order = np.lexsort((keys, group))
    group, keys, rows = group[order], keys[order], at[order] // slots
    starts = np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1]))).tolist()
    made = []
    for first, last in zip(starts, [*starts[1:], group.size], strict=True):
        number, falls = divmod(int(group[first]), 2)
        sign_of = 1 if falls else -1
        made.append(
            Waiting(side.of_collateral, number, sign_of, keys[first:last], rows[first:last])
        )
    return made
