"""The governed risk parameters that a keeper needs, cut out of the contracts' packed words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from oracle.risk import layout
from oracle.risk.layout import Scope

BPS: Final = 10_000
E6: Final = 1_000_000
E18: Final = 10**18

ALLOWED_BITS: Final = 8
LIQUIDATE: Final = 2
FUND: Final = 3
"""Bits of `Action` in a validity's byte."""


class _Cut:
    """Read as the fields' names say."""

    @classmethod
    def read(cls, scope: Scope, words: Sequence[int], **more: int) -> Self:
        names = {field.name for field in fields(cls)}  # type: ignore[arg-type]  # of dataclasses
        found: dict[str, Any] = {
            name: value for name, value in layout.read(scope, words).items() if name in names
        }
        return cls(**found, **more)


@dataclass(frozen=True, slots=True)
class MarketRisk(_Cut):
    """A market's parameters. Brackets are as of a tax; caps are notional in whole units."""

    cap_0_usd: int
    initial_0_bps: int
    maintenance_0_bps: int
    cap_1_usd: int
    initial_1_bps: int
    maintenance_1_bps: int
    cap_2_usd: int
    initial_2_bps: int
    maintenance_2_bps: int
    max_age_ms: int
    taker_fee_e6: int
    liquidation_fee_e6: int
    target_bps: int
    adl_start_bps: int
    adl_stop_bps: int
    liquidation_cap_usd: int
    max_funding_e6: int
    max_accrual_s: int

    @classmethod
    def of(cls, words: Sequence[int]) -> Self:
        """Cut them out of the market's three words."""
        return cls.read(Scope.MARKET, words)

    @property
    def maintenance(self) -> tuple[tuple[int, int], ...]:
        """Brackets: cap in whole units, share in bps."""
        return (
            (self.cap_0_usd, self.maintenance_0_bps),
            (self.cap_1_usd, self.maintenance_1_bps),
            (self.cap_2_usd, self.maintenance_2_bps),
        )

    @property
    def initial(self) -> tuple[tuple[int, int], ...]:
        """The same of the initial margin."""
        return (
            (self.cap_0_usd, self.initial_0_bps),
            (self.cap_1_usd, self.initial_1_bps),
            (self.cap_2_usd, self.initial_2_bps),
        )


@dataclass(frozen=True, slots=True)
class CollateralRisk(_Cut):
    """A collateral's parameters. Beyond the last cap nothing counts."""

    index_market: int
    twap_market: int
    index_max_age_ms: int
    twap_max_age_ms: int
    haircut_cap_0_usd: int
    haircut_0_bps: int
    haircut_cap_1_usd: int
    haircut_1_bps: int
    haircut_cap_2_usd: int
    haircut_2_bps: int
    seize_discount_bps: int

    @classmethod
    def of(cls, words: Sequence[int]) -> Self:
        """Cut them out of the collateral's two words."""
        return cls.read(Scope.COLLATERAL, words)

    @property
    def haircuts(self) -> tuple[tuple[int, int], ...]:
        """Brackets: cap in whole units, haircut in bps."""
        return (
            (self.haircut_cap_0_usd, self.haircut_0_bps),
            (self.haircut_cap_1_usd, self.haircut_1_bps),
            (self.haircut_cap_2_usd, self.haircut_2_bps),
        )


@dataclass(frozen=True, slots=True)
class GlobalRisk(_Cut):
    """What holds for all markets."""

    settlement_reward_e6: int
    failure_fee_e6: int
    min_margin_usd: int
    keeper_share_bps: int
    keeper_max_e6: int
    keeper_flat_e6: int
    warning_bps: int
    adl_window_s: int
    backstop_delay_s: int
    backstop_bps: int
    actions: int

    @classmethod
    def of(cls, words: Sequence[int]) -> Self:
        """Cut them out of the global words."""
        return cls.read(Scope.GLOBAL, words, actions=words[0] & ((1 << 7 * ALLOWED_BITS) - 1))

    def allows(self, validity: int, action: int) -> bool:
        """Tell whether the governed table lets a mark be used so."""
        return bool(self.actions >> (ALLOWED_BITS * validity + action) & 1)
