"""What to pay for gas: EIP-1559 from recent blocks, or a legacy gas price; capped, bumped to
replace. Pure arithmetic in wei."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Final

from oracle.model.errors import Retryable

HISTORY_BLOCKS: Final = 10
REWARD_PERCENTILE: Final = 50
MIN_PRIORITY_WEI: Final = 1_000_000
"""Paid when recent blocks were empty and say nothing; far below a cent."""
BUMP_PERCENT: Final = 125
"""Nodes refuse a replacement that does not raise both fees by 10 % (geth) or 12.5 % (others)."""

GWEI: Final = 10**9


@dataclass(frozen=True, slots=True)
class Fees:
    """The most per gas, and of it the tip to the proposer; a tip of None is a legacy price."""

    max_wei: int
    priority_wei: int | None


@dataclass(frozen=True, slots=True)
class FeeHistory:
    """Of recent blocks, oldest first: the next block's base fee and the tips that were paid."""

    next_base_wei: int
    rewards_wei: Sequence[int]


def quote(history: FeeHistory, cap_wei: int) -> Fees:
    """Offer twice the base fee (six full blocks of headroom) and the usual tip, within the cap.

    Raises:
        Retryable: the next block's base fee alone is above the cap.
    """
    _refuse_above(history.next_base_wei, cap_wei)
    paid = [reward for reward in history.rewards_wei if reward > 0]
    tip = max(median_low(paid) if paid else 0, MIN_PRIORITY_WEI)
    most = min(2 * history.next_base_wei + tip, cap_wei)
    return Fees(most, min(tip, most))


def quote_legacy(gas_price_wei: int, cap_wei: int) -> Fees:
    """Offer the node's gas price.

    Raises:
        Retryable: it is above the cap.
    """
    _refuse_above(gas_price_wei, cap_wei)
    return Fees(gas_price_wei, None)


def outbid(sent: Fees, fresh: Fees, cap_wei: int) -> Fees:
    """Offer enough to replace what was sent, and no less than a fresh quote.

    Raises:
        Retryable: that would be above the cap.
    """
    most = max(_bumped(sent.max_wei), fresh.max_wei)
    if most > cap_wei:
        raise Retryable(
            f"replacing a stuck transaction takes {most / GWEI:.3f} gwei, above max_fee_gwei "
            f"{cap_wei / GWEI:g}: it stays in the pool; raise max_fee_gwei if it must go through"
        )
    if fresh.priority_wei is None:
        return Fees(most, None)
    before = sent.max_wei if sent.priority_wei is None else sent.priority_wei
    return Fees(most, min(max(_bumped(before), fresh.priority_wei), most))


def _bumped(wei: int) -> int:
    return -(-wei * BUMP_PERCENT // 100)


def _refuse_above(wei: int, cap_wei: int) -> None:
    if wei > cap_wei:
        raise Retryable(
            f"gas costs {wei / GWEI:.3f} gwei, above max_fee_gwei {cap_wei / GWEI:g}: waiting for "
            "it to fall; raise max_fee_gwei if it must go through"
        )
