"""When each market is pushed to a chain: the chain's own limits, and its tiers over them."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from oracle.config.deployment import EvmChainConfig, PushConfig, TierConfig
from oracle.model.errors import ConfigError
from relayer.budget import Budget
from relayer.policy import PushPolicy

_WEI = 10**18
_WHOLE_BPS = 10_000


def push_policies(chain: EvmChainConfig, numbers: Mapping[str, int]) -> dict[int, PushPolicy]:
    """Return the policy of each market number; of several tiers that fit, the first counts.

    Raises:
        ConfigError: a tier's pattern fits no market.
    """
    for tier in chain.push.tiers:
        for pattern in tier.markets:
            if not any(fnmatchcase(name, pattern) for name in numbers):
                raise ConfigError(
                    f"chain {chain.name}: push.tiers names {pattern!r}, which fits no market; "
                    f"markets: {', '.join(sorted(numbers))}"
                )
    return {number: _policy(chain.push, name) for name, number in numbers.items()}


def daily_budget(chain: EvmChainConfig) -> Budget | None:
    """Return what a chain may cost in 24 hours, if that is limited."""
    if chain.budget is None:
        return None
    return Budget(
        wei=round(chain.budget.coins_per_day * _WEI),
        reserve=chain.budget.reserve / _WHOLE_BPS,
        stretch=chain.budget.stretch,
    )


def _policy(push: PushConfig, market: str) -> PushPolicy:
    tier = next((tier for tier in push.tiers if _fits(tier, market)), None)

    def own(key: str) -> float:
        given = getattr(tier, key, None)
        return float(getattr(push, key) if given is None else given)

    return PushPolicy(
        deviation_bps=own("deviation"),
        heartbeat_ms=int(own("heartbeat")) // 1_000_000,
        confidence=own("confidence"),
        early=own("early"),
    )


def _fits(tier: TierConfig, market: str) -> bool:
    return any(fnmatchcase(market, pattern) for pattern in tier.markets)
