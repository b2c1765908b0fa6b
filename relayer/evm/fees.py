"""What to pay for gas: EIP-1559 from recent blocks, or a legacy gas price; capped, bumped to
replace. Pure arithmetic in wei."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Final

from oracle.model.errors import Retryable

HISTORY_BLOCKS: Final = 10
USUAL_PERCENTILE, URGENT_PERCENTILE = 50, 90
"""Of the tips in a block; the median of those over the recent blocks is paid."""
MIN_PRIORITY_WEI: Final = 1_000_000
"""Paid when recent blocks were empty and say nothing; far below a cent."""
LEGACY_PERCENT: Final = 125
"""Of the base fee in a legacy price: two full blocks of headroom, as all of it is paid."""
BUMP_PERCENT: Final = 125
"""Nodes refuse a replacement that does not raise both fees by 10 % (geth) or 12.5 % (others)."""
TOTAL_PERCENT: Final = 400
"""Of the first bid: bumps alone go no further; what the market asks may."""

GWEI: Final = 10**9


class FeeAboveCap(Retryable):
    """What is needed is above the operator's cap."""


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
    urgent_wei: Sequence[int] = ()

    def tip_wei(self, *, urgent: bool) -> int:
        """Return what is usually paid, or by those in a hurry; empty blocks are left out."""
        paid = [tip for tip in (self.urgent_wei if urgent else self.rewards_wei) if tip > 0]
        return median_low(paid) if paid else 0

    def legacy_wei(self, *, urgent: bool) -> int:
        """Return a legacy gas price for the next block."""
        return -(-self.next_base_wei * LEGACY_PERCENT // 100) + self.tip_wei(urgent=urgent)


def quote(history: FeeHistory, cap_wei: int, *, urgent: bool = False) -> Fees:
    """Offer twice the base fee (six full blocks of headroom) and a tip, within the cap.

    Raises:
        FeeAboveCap: the next block's base fee alone is above the cap.
    """
    _refuse_above(history.next_base_wei, cap_wei)
    tip = max(history.tip_wei(urgent=urgent), MIN_PRIORITY_WEI)
    most = min(2 * history.next_base_wei + tip, cap_wei)
    return Fees(most, min(tip, most))


def quote_legacy(gas_price_wei: int, cap_wei: int) -> Fees:
    """Offer a legacy gas price.

    Raises:
        FeeAboveCap: it is above the cap.
    """
    _refuse_above(gas_price_wei, cap_wei)
    return Fees(gas_price_wei, None)


def pays_enough(bid: Fees, history: FeeHistory) -> bool:
    """Tell whether blocks should take a bid: it beats the next base fee with an urgent tip.

    What is in no block all the same is not seen by those who build them: no fee mends that.
    """
    tip = history.tip_wei(urgent=True)
    enough = bid.max_wei >= history.next_base_wei + tip
    return enough and (bid.priority_wei is None or bid.priority_wei >= tip)


def outbid(first: Fees, sent: Fees, fresh: Fees, cap_wei: int) -> Fees:
    """Offer enough to replace what was sent, and no less than a fresh quote.

    Raises:
        FeeAboveCap: that would be above the cap, or above what bumping `first` may come to.
    """
    most = max(_bumped(sent.max_wei), fresh.max_wei)
    if most > cap_wei:
        raise FeeAboveCap(
            f"replacing a stuck transaction takes {most / GWEI:.3f} gwei, above max_fee_gwei "
            f"{cap_wei / GWEI:g}: it stays in the pool; raise max_fee_gwei if it must go through"
        )
    if most > max(fresh.max_wei, first.max_wei * TOTAL_PERCENT // 100):
        raise FeeAboveCap(
            f"replacing a stuck transaction takes {most / GWEI:.3f} gwei, more than "
            f"{TOTAL_PERCENT // 100} times its first bid, though blocks ask "
            f"{fresh.max_wei / GWEI:.3f}: it stays in the pool"
        )
    if fresh.priority_wei is None:
        return Fees(most, None)
    before = sent.max_wei if sent.priority_wei is None else sent.priority_wei
    return Fees(most, min(max(_bumped(before), fresh.priority_wei), most))


def _bumped(wei: int) -> int:
    return -(-wei * BUMP_PERCENT // 100)


def _refuse_above(wei: int, cap_wei: int) -> None:
    if wei > cap_wei:
        raise FeeAboveCap(
            f"gas costs {wei / GWEI:.3f} gwei, above max_fee_gwei {cap_wei / GWEI:g}: waiting for "
            "it to fall; raise max_fee_gwei if it must go through"
        )
