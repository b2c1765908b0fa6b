"""From a chain's section to a policy for each market."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from oracle.config.deployment import EvmChainConfig
from oracle.model.errors import ConfigError
from relayer.budget import Budget
from relayer.policy import PushPolicy
from relayer.tiers import daily_budget, push_policies

NUMBERS = {"BTC-USD": 0, "ETH-USD": 1, "PEPE-USD": 2, "ETH-USD.twap": 9}


def chain(**changes: Any) -> EvmChainConfig:
    """A chain's section, with changes."""
    settings: dict[str, Any] = {
        "name": "home",
        "chain_id": 1,
        "rpc": ["http://one.test"],
        "oracle": "0x" + "12" * 20,
        "key": {"keystore": "key.json", "password_env": "PASSWORD"},
    }
    return EvmChainConfig.model_validate(settings | changes)


def test_without_tiers_all_markets_share_the_chain_s_limits() -> None:
    """Durations become ms, ratios stay bps."""
    policies = push_policies(chain(push={"deviation": "25bps", "heartbeat": "1h"}), NUMBERS)

    assert policies == dict.fromkeys(NUMBERS.values(), PushPolicy(25.0, 3_600_000, 3.0, 0.5))


def test_the_first_tier_that_fits_counts() -> None:
    """A tier says what differs; the rest is the chain's."""
    push = {
        "heartbeat": "60s",
        "tiers": [
            {"markets": ["BTC-USD", "ETH-USD"], "deviation": "5bps", "early": 1},
            {"markets": ["*.twap"], "heartbeat": "10m"},
            {"markets": ["ETH-*"], "deviation": "99bps"},
        ],
    }
    policies = push_policies(chain(push=push), NUMBERS)

    assert policies == {
        0: PushPolicy(5.0, 60_000, 3.0, 1.0),
        1: PushPolicy(5.0, 60_000, 3.0, 1.0),
        2: PushPolicy(10.0, 60_000, 3.0, 0.5),
        9: PushPolicy(10.0, 600_000, 3.0, 0.5),
    }


def test_a_tier_for_no_market_is_a_mistake() -> None:
    """A typo must not leave a market at the wrong limits unseen."""
    with pytest.raises(ConfigError, match=r"home: push.tiers names 'BCT-\*', .* markets: BTC-USD"):
        push_policies(chain(push={"tiers": [{"markets": ["BCT-*"]}]}), NUMBERS)


def test_a_budget_in_coins() -> None:
    """Wei and shares, or none at all."""
    given = chain(budget={"coins_per_day": 0.25, "reserve": "30%", "stretch": 2})

    assert daily_budget(given) == Budget(25 * 10**16, 0.3, 2.0)
    assert daily_budget(chain()) is None
    with pytest.raises(ValidationError, match="more than the whole budget"):
        chain(budget={"coins_per_day": 1, "reserve": "101%"})


@pytest.mark.parametrize(("endpoints", "quorum"), [(1, 1), (2, 1), (3, 2), (4, 3), (5, 3)])
def test_a_majority_of_three_or_more_is_the_default(endpoints: int, quorum: int) -> None:
    """With one or two there is no majority that survives the loss of one."""
    assert chain(rpc=[f"http://{n}.test" for n in range(endpoints)]).quorum == quorum


def test_a_quorum_that_can_never_be_met_is_refused() -> None:
    """More than there are endpoints."""
    with pytest.raises(ValidationError, match="read_quorum 2 of 1 endpoints"):
        chain(read_quorum=2)
