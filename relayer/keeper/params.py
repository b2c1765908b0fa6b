"""The governed risk parameters that a keeper needs, cut out of the contracts' packed words.

Where each lies is `Fields.sol`; `tests/unit/relayer/keeper/test_params.py` reads that file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Self

BPS: Final = 10_000
E6: Final = 1_000_000
E18: Final = 10**18

Where = tuple[int, int, int]
"""Number of the word, shift and width in bits."""

MARKET_FIELDS: Final[dict[str, Where]] = {
    "cap_0_usd": (0, 0, 48),
    "initial_0_bps": (0, 48, 16),
    "maintenance_0_bps": (0, 64, 16),
    "cap_1_usd": (0, 80, 48),
    "initial_1_bps": (0, 128, 16),
    "maintenance_1_bps": (0, 144, 16),
    "cap_2_usd": (0, 160, 48),
    "initial_2_bps": (0, 208, 16),
    "maintenance_2_bps": (0, 224, 16),
    "max_age_ms": (1, 0, 24),
    "taker_fee_e6": (1, 40, 16),
    "liquidation_fee_e6": (1, 72, 16),
    "target_bps": (1, 104, 16),
    "adl_start_bps": (1, 136, 16),
    "adl_stop_bps": (1, 152, 16),
    "liquidation_cap_usd": (2, 96, 48),
    "max_funding_e6": (2, 144, 32),
    "max_accrual_s": (2, 224, 24),
}
COLLATERAL_FIELDS: Final[dict[str, Where]] = {
    "index_market": (0, 0, 16),
    "twap_market": (0, 16, 16),
    "index_max_age_ms": (0, 32, 24),
    "twap_max_age_ms": (0, 56, 24),
    "haircut_cap_0_usd": (0, 80, 40),
    "haircut_0_bps": (0, 120, 16),
    "haircut_cap_1_usd": (0, 136, 40),
    "haircut_1_bps": (0, 176, 16),
    "haircut_cap_2_usd": (0, 192, 40),
    "haircut_2_bps": (0, 232, 16),
    "seize_discount_bps": (1, 64, 16),
}
GLOBAL_FIELDS: Final[dict[str, Where]] = {
    "settlement_reward_e6": (0, 56, 32),
    "failure_fee_e6": (0, 88, 32),
    "min_margin_usd": (0, 136, 32),
    "keeper_share_bps": (0, 168, 16),
    "keeper_max_e6": (0, 184, 40),
    "keeper_flat_e6": (0, 224, 32),
    "warning_bps": (1, 0, 16),
    "adl_window_s": (1, 80, 16),
    "backstop_delay_s": (1, 96, 16),
    "backstop_bps": (1, 112, 16),
}
ALLOWED_BITS: Final = 8
LIQUIDATE: Final = 2
FUND: Final = 3
"""Bits of `Action` in a validity's byte."""


def cut(words: Sequence[int], where: Where) -> int:
    """Return a field's value."""
    word, shift, width = where
    return words[word] >> shift & ((1 << width) - 1)


class _Cut:
    """Read as the fields' names say."""

    @classmethod
    def read(cls, words: Sequence[int], table: dict[str, Where], **more: int) -> Self:
        names = {field.name for field in fields(cls)}  # type: ignore[arg-type]  # of dataclasses
        values: dict[str, Any] = {
            name: cut(words, at) for name, at in table.items() if name in names
        }
        return cls(**values, **more)


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
        return cls.read(words, MARKET_FIELDS)

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
        return cls.read(words, COLLATERAL_FIELDS)

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
        return cls.read(words, GLOBAL_FIELDS, actions=words[0] & ((1 << 7 * ALLOWED_BITS) - 1))

    def allows(self, validity: int, action: int) -> bool:
        """Tell whether the governed table lets a mark be used so."""
        return bool(self.actions >> (ALLOWED_BITS * validity + action) & 1)
