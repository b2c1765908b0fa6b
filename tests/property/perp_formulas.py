"""The formulas of docs/perp.md in exact arithmetic.

Amounts, prices and sizes are integers of 18 decimals, as there; every quotient is a Fraction until
the one rounding that the page names.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final, NamedTuple

from tests.property.perp_rules import BPS, E6, E12, UNIT, Bracket, Haircut, MarketRules

DAY_S: Final = 86_400
CONFIDENCE_UNIT: Final = 10**5


def toward_zero(value: Fraction) -> int:
    """Cut a quotient towards zero."""
    return math.trunc(value)


def times(x: int, y: int) -> Fraction:
    """Multiply two numbers of 18 decimals."""
    return Fraction(x * y, UNIT)


def clamp(value: int, limit: int) -> int:
    """Keep a value within ±limit."""
    return max(-limit, min(limit, value))


def requirement(brackets: tuple[Bracket, ...], notional: int, *, initial: bool) -> int:
    """Return the margin for a notional, rounded up: the last bracket has no end."""
    total, begins = Fraction(0), 0
    for at, bracket in enumerate(brackets):
        last = at == len(brackets) - 1
        ends = notional if last else min(notional, bracket.cap_usd * UNIT)
        share = bracket.initial_bps if initial else bracket.maintenance_bps
        total += Fraction((ends - begins) * share, BPS)
        begins = ends
    return math.ceil(total)


def counted(haircuts: tuple[Haircut, ...], value: int) -> int:
    """Return what collateral of this value counts, rounded down; nothing beyond the last cap."""
    total, begins = Fraction(0), 0
    for haircut in haircuts:
        ends = min(value, haircut.cap_usd * UNIT)
        total += Fraction((ends - begins) * (BPS - haircut.bps), BPS)
        begins = ends
    return math.floor(total)


def worsened(price: int, conf_bps_e1: int, delta: int) -> int:
    """Return a price worse by the confidence half-width for who trades `delta`."""
    width = math.ceil(Fraction(price * conf_bps_e1, CONFIDENCE_UNIT))
    return price + width if delta > 0 else max(price - width, 0)


def fill_price(rules: MarketRules, mark: int, skew: int, delta: int) -> int:
    """Return the mark with the mean of each unit's clamped impact, against the trader."""
    to_unit = math.ceil if delta > 0 else math.floor
    begins, ends = (to_unit(times(size, mark)) for size in (skew, skew + delta))
    scale = rules.skew_scale_usd * UNIT
    limit = Fraction(rules.max_impact_e6 * scale, E6)

    def primitive(value: int) -> Fraction:
        beyond = max(abs(value) - limit, Fraction(0))
        within = abs(value) - beyond
        return within * within / 2 + beyond * limit

    if begins == ends:
        mean = max(-limit, min(limit, Fraction(begins)))
    else:
        mean = (primitive(ends) - primitive(begins)) / (ends - begins)
    return to_unit(mark * (1 + mean / scale))


def trading_fee(rules: MarketRules, skew: int, delta: int, price: int) -> int:
    """Return the fee: of a maker for what takes the skew away, of a taker for the rest; up."""
    taken = min(abs(delta), max(0, -skew if delta > 0 else skew))
    weighted = taken * rules.maker_fee_e6 + (abs(delta) - taken) * rules.taker_fee_e6
    return math.ceil(times(weighted, price) / E6)


class Step(NamedTuple):
    """What an accrual changes: rates per day, and what a base unit of a long pays."""

    velocity_rate: int
    rate: int
    per_unit: int


def funding_step(
    rules: MarketRules, velocity_rate: int, skew: int, mark: int, premium_bps_e2: int, dt_s: int
) -> Step:
    """Advance funding by `dt_s`; each quotient is cut towards zero."""
    most = rules.max_funding_e6 * E12
    dt_s = min(dt_s, rules.max_accrual_s)
    share = clamp(toward_zero(times(skew, mark) / rules.skew_scale_usd), UNIT)
    built = toward_zero(Fraction(share * rules.funding_velocity_e6 * dt_s, E6 * DAY_S))
    after = clamp(velocity_rate + built, most)
    # Hundredths of a basis point, paid hundredths of a time a day.
    premium = premium_bps_e2 * rules.premium_weight_e2 * UNIT // 10**8
    rate = clamp(toward_zero(Fraction(velocity_rate + after, 2)) + premium, most)
    return Step(after, rate, toward_zero(times(rate, mark) * dt_s / DAY_S))


def close_notional(rules: MarketRules, equity: int, maintenance: int, notional: int) -> int:
    """Return the least notional to close that brings equity to its target, the top bracket first.

    Within a bracket: `equity - n * fee >= target * (maintenance - n * share)`, `n` rounded up; what
    is paid and freed by the bracket above it is rounded so that more is closed.
    """
    target = Fraction(rules.target_bps, BPS)
    fee = Fraction(rules.liquidation_fee_e6, E6)
    floors = [0] + [bracket.cap_usd * UNIT for bracket in rules.brackets[:-1]]
    closed, left = 0, notional
    for begins, bracket in zip(floors[::-1], rules.brackets[::-1], strict=True):
        part = left - begins
        if part <= 0:
            continue
        lack = target * maintenance - equity
        if lack <= 0:
            return closed
        share = Fraction(bracket.maintenance_bps, BPS)
        gain = target * share - fee
        needed = math.ceil(lack / gain) if gain > 0 else part
        if needed < part:
            return closed + needed
        closed, left = closed + part, begins
        equity -= math.ceil(part * fee)
        maintenance -= min(maintenance, math.floor(part * share))
    return closed
