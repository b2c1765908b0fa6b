"""Funding: from premium samples to a rate. The contract is the rate's author; this one checks.

Sources: Hyperliquid, funding: `F = P + clamp(interest - P, -0.05 %, 0.05 %)` for eight hours, an
eighth of it paid each hour, at most 4 % an hour; samples every 5 s, evenly weighted. Binance,
introduction to funding rates: the same formula, the n-th sample of an interval weighs n.
"""

from __future__ import annotations

import math
from typing import Any, Final

from oracle.engine.compiled import compiled, entry
from oracle.engine.spec import Premium

_MARK: Final = int(Premium.MARK)
_IMPACT: Final = int(Premium.IMPACT)


@compiled
def impact_premium(bid: float, ask: float, index: float) -> float:
    """Return how far impact prices lie outside the index, relative: 0 while they are around it."""
    return (max(bid - index, 0.0) - max(index - ask, 0.0)) / index


@compiled
def funding_rate(
    premium: float, interest: float, clamp: float, period_share: float, cap: float
) -> float:
    """Return the rate of one interval, `period_share` of the period that premiums are for."""
    held = min(max(interest - premium, -clamp), clamp)
    return min(max((premium + held) * period_share, -cap), cap)


@entry
def funding_rates(
    premiums: Any, rates: Any, interest: float, clamp: float, period_share: float, cap: float
) -> None:
    """Fill `rates` with `funding_rate` of each of `premiums`."""
    for n in range(len(premiums)):
        rates[n] = funding_rate(premiums[n], interest, clamp, period_share, cap)


@compiled
def premium_of(rules: Any, legs: Any, index: float, mark: float) -> float:
    """Return the premium of this step against the index, NaN where it is not known."""
    if rules.premium == _IMPACT:
        if math.isnan(legs.bid) or math.isnan(legs.ask):
            return math.nan
        return impact_premium(legs.bid, legs.ask, index)
    compared = mark if rules.premium == _MARK else legs.mid
    return compared / index - 1.0


@compiled
def settle_and_sample(rules: Any, state: Any, premium: float, now_ns: int) -> float:
    """Close an interval that has ended, take the slot's first sample; return the running rate."""
    interval, slot = now_ns // rules.funding_interval_ns, now_ns // rules.sample_ns
    if interval != state.interval:
        # Only the interval before this one is settled: of one further back nothing is due any more.
        followed = state.interval == interval - 1
        state.settled = _rate(rules, state) if followed else math.nan
        state.interval = interval
        state.samples = state.weighted = state.weight = 0.0
    if slot != state.slot and not math.isnan(premium):
        state.slot = slot
        state.samples += 1.0
        weight = state.samples if rules.linear else 1.0
        state.weighted += premium * weight
        state.weight += weight
    return _rate(rules, state)


@compiled
def _rate(rules: Any, state: Any) -> float:
    if state.weight == 0.0:
        return math.nan
    premium = state.weighted / state.weight
    return funding_rate(
        premium, rules.interest, rules.funding_clamp, rules.period_share, rules.funding_cap
    )
