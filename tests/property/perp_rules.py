"""The numbers of the perp contracts' risk framework, named as in `Fields` of the contracts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from oracle.model.validity import ALLOWED, Action, Validity

UNIT: Final = 10**18
E12: Final = 10**12
E6: Final = 10**6
BPS: Final = 10_000


class Bracket(NamedTuple):
    """Margin shares of the notional below a cap."""

    cap_usd: int
    initial_bps: int
    maintenance_bps: int


class Haircut(NamedTuple):
    """What is cut off the value below a cap."""

    cap_usd: int
    bps: int


@dataclass(frozen=True)
class MarketRules:
    """The parameters of a market."""

    brackets: tuple[Bracket, ...]
    depth: int = 1
    market_state: int = 2
    max_age_ms: int = 60_000
    delay_ms: int = 1_000
    taker_fee_e6: int = 500
    maker_fee_e6: int = 200
    liquidation_fee_e6: int = 2_000
    max_impact_e6: int = 2_000
    target_bps: int = 12_500
    pool_share_bps: int = 10_000
    adl_start_bps: int = 9_000
    adl_stop_bps: int = 8_500
    skew_scale_usd: int = 10_000_000
    open_interest_cap_usd: int = 1_000_000
    liquidation_cap_usd: int = 50_000
    max_funding_e6: int = 50_000
    funding_velocity_e6: int = 100_000
    premium_weight_e2: int = 300
    max_accrual_s: int = 7_200


@dataclass(frozen=True)
class CollateralRules:
    """The parameters of a collateral."""

    index_market: int
    twap_market: int
    haircuts: tuple[Haircut, ...]
    index_max_age_ms: int = 60_000
    twap_max_age_ms: int = 60_000
    deposit_cap: int = 1_000_000
    seize_discount_bps: int = 400
    collateral_state: int = 2


@dataclass(frozen=True)
class GlobalRules:
    """What holds for all markets."""

    allowed: Mapping[Validity, frozenset[Action]]
    depths_usd: tuple[int, ...] = (500_000, 1_000_000, 10_000_000, 10_000_000, 10_000_000)
    settlement_reward_e6: int = 500_000
    failure_fee_e6: int = 300_000
    order_expiry_s: int = 120
    min_margin_usd: int = 20
    keeper_share_bps: int = 4_000
    keeper_max_e6: int = 50_000_000
    keeper_flat_e6: int = 2_000_000
    warning_bps: int = 15_000
    insurance_fee_bps: int = 2_000
    drawdown_bps: int = 100
    drawdown_period_s: int = 86_400
    adl_window_s: int = 60
    backstop_delay_s: int = 600
    backstop_bps: int = 8_000
    max_debt_usd: int = 10_000
    pool_delay_s: int = 3_600

    def allows(self, validity: Validity, action: Action) -> bool:
        """Tell whether the table lets a mark of this validity be used so."""
        return action in self.allowed.get(validity, frozenset())


DEFAULT_TABLE: Final = {
    **ALLOWED,
    Validity.TOO_UNCERTAIN: frozenset({Action.REDUCE}),
}
"""The contract's bounds let an uncertain mark serve for reducing only."""
