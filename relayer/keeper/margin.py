"""Margin in the contracts' own integers and roundings, for the few accounts that it matters for.

Amounts are the settlement token * 10^18, sizes base units * 10^18, prices quote per base * 10^18.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from relayer.keeper.params import BPS, E18, CollateralRisk, MarketRisk


class Position(NamedTuple):
    """One market of an account."""

    market: int
    size: int
    cost: int
    funding_index: int


@dataclass(frozen=True, slots=True)
class Account:
    """What the chain says of one account."""

    number: int
    cash: int = 0
    positions: tuple[Position, ...] = ()
    shares: Mapping[int, int] = field(default_factory=dict)
    """By collateral."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to watch."""
        return not (self.cash or self.positions or self.shares)


class MarketNow(NamedTuple):
    """A market as of a mark."""

    price: int
    long_index: int
    short_index: int
    risk: MarketRisk
    priced: bool = True
    """Whether the mark may be used to liquidate."""


class CollateralNow(NamedTuple):
    """A collateral as of a mark: the lower of index and TWAP."""

    price: int
    rate: int
    risk: CollateralRisk


class Margin(NamedTuple):
    """What an account is worth and must be worth."""

    equity: int
    initial: int
    maintenance: int


def ceil_div(value: int, by: int) -> int:
    """Divide, rounding up, for either sign."""
    return -(-value // by)


def required(notional: int, brackets: Sequence[tuple[int, int]]) -> int:
    """Return Σ over brackets of the notional within each times its share, rounded up.

    What is beyond the last cap takes the last share.
    """
    total, floor = 0, 0
    last = len(brackets) - 1
    for at, (cap_usd, share_bps) in enumerate(brackets):
        top = cap_usd * E18
        within = max((notional if at == last else min(notional, top)) - floor, 0)
        total += within * share_bps
        floor = max(floor, top)
    return ceil_div(total, BPS)


def counted(value: int, haircuts: Sequence[tuple[int, int]]) -> int:
    """Return what collateral of a value counts, rounded down; beyond the last cap nothing."""
    total, floor = 0, 0
    for cap_usd, haircut_bps in haircuts:
        top = cap_usd * E18
        total += max(min(value, top) - floor, 0) * (BPS - haircut_bps)
        floor = max(floor, top)
    return total // BPS


def pnl_of(position: Position, price: int) -> int:
    """Return a position's profit at a price, rounded down."""
    return position.size * price // E18 - position.cost


def owed_of(position: Position, now: MarketNow) -> int:
    """Return the funding that a position owes, rounded up."""
    index = now.long_index if position.size > 0 else now.short_index
    return ceil_div(abs(position.size) * (index - position.funding_index), E18)


def margin_of(
    account: Account,
    markets: Mapping[int, MarketNow],
    collaterals: Mapping[int, CollateralNow],
) -> Margin:
    """Return an account's margin as a liquidator sees it."""
    equity, initial, maintenance = account.cash, 0, 0
    for number, shares in account.shares.items():
        held = collaterals[number]
        value = shares * held.rate // E18 * held.price // E18
        equity += counted(value, held.risk.haircuts)
    for position in account.positions:
        now = markets[position.market]
        gain = pnl_of(position, now.price) - owed_of(position, now)
        if not now.priced:  # its last known profit counts for the account, and nothing against it
            equity += max(gain, 0) if now.price else 0
            continue
        equity += gain
        notional = ceil_div(abs(position.size) * now.price, E18)
        initial += required(notional, now.risk.initial)
        maintenance += required(notional, now.risk.maintenance)
    return Margin(equity, initial, maintenance)
