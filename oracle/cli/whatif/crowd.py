"""Who trades: the same accounts under all parameters, drawn from a seed."""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

from oracle.risk.parameters import Parameters, Values
from relayer.keeper.margin import required

_E18: Final = 10**18
SMALLEST_USD: Final = 2_000
LARGEST_SHARE: Final = 0.08
"""Of a side's open interest, for one account."""
LEAST_USE, MOST_USE = 0.15, 0.85
"""Share of what an account has that its first position binds as initial margin."""


class Trader(NamedTuple):
    """An account and its one position."""

    market: str
    long: bool
    notional_usd: int
    deposit_usd: int

    @property
    def leverage(self) -> float:
        """Notional over deposit."""
        return self.notional_usd / self.deposit_usd


def draw(
    parameters: Parameters, markets: list[str], count: int, longs: float, seed: int
) -> list[Trader]:
    """Draw `count` accounts of each market: sizes log-normal, margins from thin to ample.

    Deposits are what `parameters` ask at the drawn use. `longs` is the share of accounts that buy.
    """
    random = Random(seed)  # noqa: S311 - a simulation, not cryptography
    drawn = []
    for market in markets:
        values = parameters.markets[market]
        limit = _number(values, "open_interest_cap_usd")
        for at in range(count):
            size = random.lognormvariate(0.0, 1.2) * limit / (3 * count)
            notional = round(max(SMALLEST_USD, min(size, LARGEST_SHARE * limit)))
            use = random.uniform(LEAST_USE, MOST_USE)
            asked = required(notional * _E18, _initial(values)) / _E18 / use
            deposit = max(round(asked), 2 * _number(parameters.common, "min_margin_usd"))
            drawn.append(Trader(market, at < round(longs * count), notional, deposit))
    return drawn


def _initial(values: Values) -> list[tuple[int, int]]:
    return [
        (_number(values, f"cap_{at}_usd"), _number(values, f"initial_{at}_bps")) for at in range(3)
    ]


def _number(values: Values, name: str) -> int:
    return int(values[name])
