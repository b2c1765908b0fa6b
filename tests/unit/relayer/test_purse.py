"""For how long a wallet pays."""

from __future__ import annotations

import pytest

from relayer.purse import LEAST_UPDATES, UPDATE_GAS, Purse, purse

WEEK_S = 7 * 86_400.0
FEW = LEAST_UPDATES * UPDATE_GAS


@pytest.mark.parametrize(
    ("balance_wei", "wei_per_day", "gas_price_wei", "stands"),
    [
        (0, 0, 0, Purse.TOO_POOR),
        (1, 0, 0, Purse.WELL),
        (FEW * 9 - 1, 0, 9, Purse.TOO_POOR),
        (FEW * 9, 0, 9, Purse.WELL),
        (7 * FEW, FEW, 1, Purse.WELL),
        (7 * FEW - 1, FEW, 1, Purse.RUNS_OUT),
        (FEW - 1, FEW, 1, Purse.TOO_POOR),
    ],
)
def test_how_it_stands(
    balance_wei: int, wei_per_day: float, gas_price_wei: int, stands: Purse
) -> None:
    """On each limit and just below; the worse counts."""
    assert purse(balance_wei, wei_per_day, gas_price_wei, WEEK_S) is stands
