"""How much a liquidation closes, and what it pays, in the contract's integers. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from relayer.keeper.margin import Margin, MarketNow, Position, ceil_div, required
from relayer.keeper.params import BPS, E6, E18, GlobalRisk, MarketRisk

E12 = 10**12


class Closing(NamedTuple):
    """One liquidation, in a block in which nobody else's came before."""

    size: int
    due: int
    """The penalty."""
    paid: int
    """What of it the account can pay."""
    share: int
    """The keeper's."""
    flat: int
    """What the reserve makes it up to, where the account cannot pay."""

    def reward(self, reserve_cash: int) -> int:
        """Return what the keeper gets."""
        if self.paid >= self.due or self.flat <= self.share:
            return self.share
        after = max(reserve_cash, 0) + self.paid - self.share
        return self.share + min(self.flat - self.share, after)


def closing_of(position: Position, margin: Margin, now: MarketNow, rules: GlobalRisk) -> Closing:
    """Return what liquidating a position comes to at a mark."""
    risk, held = now.risk, abs(position.size)
    notional = ceil_div(held * now.price, E18)
    wanted = min(to_target(margin, notional, risk), risk.liquidation_cap_usd * E18)
    size = held
    if wanted + rules.min_margin_usd * E18 < notional:
        size = min(ceil_div(wanted * E18, now.price), held)
    closed = ceil_div(size * now.price, E18)
    due = ceil_div(closed * risk.liquidation_fee_e6, E6)
    left = ceil_div((held - size) * now.price, E18)
    freed = required(notional, risk.maintenance) - required(left, risk.maintenance)
    paid = min(due, _most(margin, freed))
    share = min(paid * rules.keeper_share_bps // BPS, rules.keeper_max_e6 * E12)
    opened = min(abs(position.cost) * size // held, closed)
    flat = min(opened * risk.taker_fee_e6 // E6, rules.keeper_flat_e6 * E12)
    return Closing(size, due, paid, share, flat)


def to_target(margin: Margin, notional: int, risk: MarketRisk) -> int:
    """Return the least notional to close so that the account stands at its target."""
    equity, maintenance, closed = margin.equity, margin.maintenance, 0
    for part, share_bps in _brackets_down(notional, risk.maintenance):
        some = _within(equity, maintenance, part, share_bps, risk)
        closed += some
        if some < part:
            break
        equity -= ceil_div(part * risk.liquidation_fee_e6, E6)
        maintenance -= min(maintenance, part * share_bps // BPS)
    return closed


def _within(equity: int, maintenance: int, part: int, share_bps: int, risk: MarketRisk) -> int:
    lack = maintenance * risk.target_bps - equity * BPS
    if lack <= 0:
        return 0
    freed, paid = risk.target_bps * share_bps, risk.liquidation_fee_e6 * 100
    return part if freed <= paid else min(ceil_div(lack * BPS, freed - paid), part)


def _most(margin: Margin, freed: int) -> int:
    """Return what an account can pay of a penalty."""
    if margin.equity <= 0:
        return 0
    if freed >= margin.maintenance:
        return margin.equity
    return margin.equity * freed // (2 * margin.maintenance)


def _brackets_down(
    notional: int, brackets: tuple[tuple[int, int], ...]
) -> Iterator[tuple[int, int]]:
    """Yield what lies within each bracket, the highest first, and its share."""
    floors = [0, *(cap * E18 for cap, _ in brackets[:-1])]
    left = notional
    for floor, (_, share_bps) in zip(reversed(floors), reversed(brackets), strict=True):
        if left > floor:
            yield left - floor, share_bps
            left = floor
