"""Health of many accounts at once, compiled. Amounts are floats in whole units of their token.

All that is compiled is in this one file: the compiler keeps machine code by it alone.

What a float may be off the contracts' integers by is bounded for each account: with `u = 2^-53`,
every input is within `u` of its integer relatively; every term is a product of at most five of
them; sums have at most `TERMS` terms; each of the contracts' roundings is below 10^-18 of what is
rounded: of the settlement token, or of a collateral's, which its price multiplies. So the error is
below `gross * (4 * TERMS + 32) * u + 10^-17 * (TERMS + token prices)`, `gross` being the sum of all
terms' sizes, those that cancel included. A level is given if any number within that error has it:
nobody below a threshold is missed, and who is only close is told apart in integers (`margin.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., Any])
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
I16 = NDArray[np.int16]
I8 = NDArray[np.int8]

HEALTHY, WARNED, LIQUIDABLE, BACKSTOP = 0, 1, 2, 3
ULP: Final = 2.0**-53
GRAIN: Final = 1e-17
NEVER: Final = np.nan
"""A trigger that no price reaches."""


def _compiled(function: F) -> F:
    """Compile; where nothing can be kept on disk, for this process only."""
    try:
        return cast("F", numba.njit(cache=True, error_model="numpy", nogil=True)(function))
    except RuntimeError:
        return cast("F", numba.njit(error_model="numpy", nogil=True)(function))


@_compiled
def judge(  # noqa: PLR0912, PLR0915, PLR0917 (one pass over memory)
    rows: I64,
    cash: F64,
    held_markets: I8,
    markets: I16,
    sizes: F64,
    costs: F64,
    indices: F64,
    held_collaterals: I8,
    collaterals: I16,
    shares: F64,
    prices: F64,
    priced: I8,
    long_index: F64,
    short_index: F64,
    caps: F64,
    rates: F64,
    drift: F64,
    collateral_prices: F64,
    token_prices: F64,
    haircut_caps: F64,
    haircut_counts: F64,
    warning: float,
    backstop: float,
    levels: I8,
    market_triggers: F64,
    collateral_triggers: F64,
) -> None:
    """Write, for each of `rows`, the worst level it may have, and the prices that may worsen it.

    `drift` is what funding may cost of a unit's value until all are judged again. A trigger of a
    long and of a collateral is reached from above, that of a short from below.
    """
    for at in range(rows.size):
        row = rows[at]
        if held_markets[row] == 0 and cash[row] >= 0.0:  # neither risk nor debt
            levels[row] = 0
            for slot in range(held_collaterals[row]):
                collateral_triggers[row, slot] = -1.0
            continue
        equity, gross, maintenance, lean, reserve = cash[row], abs(cash[row]), 0.0, 0.0, 0.0
        grain = 0.0
        n_markets, n_collaterals = held_markets[row], held_collaterals[row]
        for slot in range(n_collaterals):
            which = collaterals[row, slot]
            value = shares[row, slot] * collateral_prices[which]
            counts, floor = 0.0, 0.0
            for bracket in range(3):
                top = haircut_caps[which, bracket]
                part = min(value, top) - floor
                if part > 0.0:
                    counts += part * haircut_counts[which, bracket]
                floor = max(floor, top)
            equity += counts
            gross += value
            lean += value
            grain += GRAIN * token_prices[which]
        for slot in range(n_markets):
            market = markets[row, slot]
            size, price = sizes[row, slot], prices[market]
            long = size > 0.0
            notional = abs(size) * price
            now = long_index[market] if long else short_index[market]
            was = indices[row, slot]
            gain = size * price - costs[row, slot] - abs(size) * (now - was)
            gross += notional + abs(costs[row, slot]) + abs(size) * (abs(now) + abs(was))
            if priced[market] == 0:
                equity += max(gain, 0.0) if price > 0.0 else 0.0
                lean += notional
                continue
            equity += gain
            needs, floor, steepest = 0.0, 0.0, 0.0
            for bracket in range(3):
                top = caps[market, bracket] if bracket < 2 else np.inf
                part = min(notional, top) - floor
                if part > 0.0:
                    needs += part * rates[market, bracket]
                steepest = max(steepest, rates[market, bracket])
                floor = max(floor, top)
            maintenance += needs
            lean += notional if long else notional * (1.0 + warning * steepest)
            reserve += notional * drift[market]
        terms = 4 * n_markets + 2 * n_collaterals + 2
        gross += maintenance * warning
        error = gross * (4 * terms + 32) * ULP + GRAIN * terms + grain
        slack = equity - warning * maintenance
        if slack - error >= 0.0:
            level = 0
        elif equity - maintenance - error >= 0.0:
            level = 1
        elif equity - backstop * maintenance - error >= 0.0:
            level = 2
        else:
            level = 3
        if n_markets == 0:  # a debt that collateral may be seized for
            level = max(level, 1)
        levels[row] = level
        reach = (slack - error - reserve) / lean * (1.0 - 1e-9) if lean > 0.0 else np.inf
        reach = max(reach, 0.0)
        for slot in range(n_markets):
            price = prices[markets[row, slot]]
            way = -1.0 if sizes[row, slot] > 0.0 else 1.0
            market_triggers[row, slot] = price * (1.0 + way * reach)
        for slot in range(n_collaterals):
            price = collateral_prices[collaterals[row, slot]]
            collateral_triggers[row, slot] = price * (1.0 - reach)
