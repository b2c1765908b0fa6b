"""Where each risk parameter lies in the contracts' packed words: `Fields.sol`, for Python.

Suffixes carry units: `_e6` millionths, `_e2` hundredths, `_bps` ten-thousandths, `_usd` whole units
of the settlement token, `_ms` and `_s` times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Final, NamedTuple


class Scope(IntEnum):
    """What a parameter belongs to, as in `IRiskParameters`."""

    MARKET = 0
    COLLATERAL = 1
    GLOBAL = 2


class Where(NamedTuple):
    """Number of the word, shift and width in bits."""

    word: int
    shift: int
    width: int

    @property
    def code(self) -> int:
        """As the contracts name the field."""
        return self.word << 16 | self.shift << 8 | self.width

    def cut(self, words: Sequence[int]) -> int:
        """Return the field's value."""
        return words[self.word] >> self.shift & ((1 << self.width) - 1)


_MARKET: Final = {
    "cap_0_usd": Where(0, 0, 48),
    "initial_0_bps": Where(0, 48, 16),
    "maintenance_0_bps": Where(0, 64, 16),
    "cap_1_usd": Where(0, 80, 48),
    "initial_1_bps": Where(0, 128, 16),
    "maintenance_1_bps": Where(0, 144, 16),
    "cap_2_usd": Where(0, 160, 48),
    "initial_2_bps": Where(0, 208, 16),
    "maintenance_2_bps": Where(0, 224, 16),
    "depth": Where(0, 240, 8),
    "market_state": Where(0, 248, 8),
    "max_age_ms": Where(1, 0, 24),
    "delay_ms": Where(1, 24, 16),
    "taker_fee_e6": Where(1, 40, 16),
    "maker_fee_e6": Where(1, 56, 16),
    "liquidation_fee_e6": Where(1, 72, 16),
    "max_impact_e6": Where(1, 88, 16),
    "target_bps": Where(1, 104, 16),
    "pool_share_bps": Where(1, 120, 16),
    "adl_start_bps": Where(1, 136, 16),
    "adl_stop_bps": Where(1, 152, 16),
    "market_emergency_until_s": Where(1, 168, 40),
    "skew_scale_usd": Where(2, 0, 48),
    "open_interest_cap_usd": Where(2, 48, 48),
    "liquidation_cap_usd": Where(2, 96, 48),
    "max_funding_e6": Where(2, 144, 32),
    "funding_velocity_e6": Where(2, 176, 32),
    "premium_weight_e2": Where(2, 208, 16),
    "max_accrual_s": Where(2, 224, 24),
}
_COLLATERAL: Final = {
    "index_market": Where(0, 0, 16),
    "twap_market": Where(0, 16, 16),
    "index_max_age_ms": Where(0, 32, 24),
    "twap_max_age_ms": Where(0, 56, 24),
    "haircut_cap_0_usd": Where(0, 80, 40),
    "haircut_0_bps": Where(0, 120, 16),
    "haircut_cap_1_usd": Where(0, 136, 40),
    "haircut_1_bps": Where(0, 176, 16),
    "haircut_cap_2_usd": Where(0, 192, 40),
    "haircut_2_bps": Where(0, 232, 16),
    "deposit_cap": Where(1, 0, 64),
    "seize_discount_bps": Where(1, 64, 16),
    "collateral_state": Where(1, 80, 8),
    "collateral_emergency_until_s": Where(1, 88, 40),
}
_GLOBAL: Final = {
    "allowed_halted": Where(0, 0, 8),
    "allowed_missing": Where(0, 8, 8),
    "allowed_stale": Where(0, 16, 8),
    "allowed_too_volatile": Where(0, 24, 8),
    "allowed_too_uncertain": Where(0, 32, 8),
    "allowed_guarded": Where(0, 40, 8),
    "allowed_valid": Where(0, 48, 8),
    "settlement_reward_e6": Where(0, 56, 32),
    "failure_fee_e6": Where(0, 88, 32),
    "order_expiry_s": Where(0, 120, 16),
    "min_margin_usd": Where(0, 136, 32),
    "keeper_share_bps": Where(0, 168, 16),
    "keeper_max_e6": Where(0, 184, 40),
    "keeper_flat_e6": Where(0, 224, 32),
    "warning_bps": Where(1, 0, 16),
    "insurance_fee_bps": Where(1, 16, 16),
    "drawdown_bps": Where(1, 32, 16),
    "drawdown_period_s": Where(1, 48, 32),
    "adl_window_s": Where(1, 80, 16),
    "backstop_delay_s": Where(1, 96, 16),
    "backstop_bps": Where(1, 112, 16),
    "max_debt_usd": Where(1, 128, 48),
    "pool_delay_s": Where(1, 176, 24),
    "global_emergency_until_s": Where(1, 200, 40),
    "depth_0_usd": Where(2, 0, 48),
    "depth_1_usd": Where(2, 48, 48),
    "depth_2_usd": Where(2, 96, 48),
    "depth_3_usd": Where(2, 144, 48),
    "depth_4_usd": Where(2, 192, 48),
}
FIELDS: Final[Mapping[Scope, Mapping[str, Where]]] = {
    Scope.MARKET: _MARKET,
    Scope.COLLATERAL: _COLLATERAL,
    Scope.GLOBAL: _GLOBAL,
}
LAPSES: Final = "emergency_until_s"
"""How the names of those fields end that nobody sets: until when an emergency holds."""

NAMES: Final[Mapping[Scope, Mapping[int, str]]] = {
    scope: {where.code: name for name, where in fields.items()} for scope, fields in FIELDS.items()
}


def read(scope: Scope, words: Sequence[int]) -> dict[str, int]:
    """Return every field of a scope by name, out of its words."""
    return {name: where.cut(words) for name, where in FIELDS[scope].items()}
