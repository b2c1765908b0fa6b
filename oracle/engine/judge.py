"""Validity: the strictest that applies to each market, and what made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from oracle.engine.columns import Floats, Ints
from oracle.engine.index import Index
from oracle.engine.spec import MarketSpec
from oracle.model.messages import Control
from oracle.model.validity import BreakerState, Validity


def judge(
    markets: Sequence[MarketSpec],
    found: Index,
    state: Ints,
    deviation_bps: Floats,
    pauses: Mapping[str, Control],
) -> tuple[Ints, dict[int, str]]:
    """Return each market's validity, and why by row for those that are not VALID."""
    max_conf = np.array([market.max_confidence_bps for market in markets]) / 1e4
    held = np.array([market.name in pauses for market in markets])
    doubtful = held | (state != BreakerState.NORMAL) | np.isnan(found.value)
    doubtful |= found.conf > max_conf
    validity = np.full(len(markets), int(Validity.VALID))
    why: dict[int, str] = {}
    for row in np.flatnonzero(doubtful).tolist():
        order = pauses.get(markets[row].name)
        breaker = BreakerState(int(state[row]))
        validity[row], why[row] = _judge_one(
            markets[row], found, row, breaker, float(deviation_bps[row]), order
        )
    return validity, why


def _judge_one(
    market: MarketSpec,
    found: Index,
    row: int,
    breaker: BreakerState,
    deviation_bps: float,
    order: Control | None,
) -> tuple[Validity, str]:
    figures = f"breaker {breaker.name}: index {deviation_bps:.0f} bps off its average"
    if order is not None:
        return Validity.HALTED, f"paused by {order.who}: {order.reason}"
    if breaker is BreakerState.HALTED:
        return Validity.HALTED, figures
    if np.isnan(found.value[row]):
        return Validity.MISSING, (
            f"below quorum: {found.sources[row]} of {market.min_sources} sources, "
            f"{found.origins[row]} of {market.min_origins} origins"
        )
    if found.conf[row] * 1e4 > market.max_confidence_bps:
        return Validity.TOO_UNCERTAIN, f"confidence {found.conf[row] * 1e4:.1f} bps"
    return Validity.GUARDED, figures
