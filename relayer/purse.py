"""For how long a wallet pays. Pure."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

LEAST_UPDATES: Final = 10
UPDATE_GAS: Final = 100_000
"""Of an update of a group or two, as `docs/gas.md` has it, with something to spare."""
DAY_S: Final = 86_400.0


class Purse(IntEnum):
    """How a wallet stands."""

    WELL = 0
    RUNS_OUT = 1
    """It does not last as long as it should."""
    TOO_POOR = 2
    """It cannot pay for a few updates more."""


def purse(balance_wei: int, wei_per_day: float, gas_price_wei: int, runway_s: float) -> Purse:
    """Return how a wallet stands that should last `runway_s` at what it spends a day.

    One that spends nothing, as its relayer stands by, must be able to begin.
    """
    if balance_wei < max(LEAST_UPDATES * UPDATE_GAS * gas_price_wei, 1):
        return Purse.TOO_POOR
    return Purse.RUNS_OUT if balance_wei < wei_per_day * runway_s / DAY_S else Purse.WELL
