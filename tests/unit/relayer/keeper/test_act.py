"""What is sent, and what is not worth it or not to be afforded."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from relayer.evm.errors import Reverted, Unreachable
from relayer.evm.reverts import Reverts
from relayer.keeper.act import Actor, End, Terms
from relayer.keeper.metrics import KeeperMetrics
from relayer.keeper.params import E18
from relayer.keeper.plan import Task

GAS, PRICE_WEI = 200_000, 10**9
COST_WEI = GAS * PRICE_WEI
COIN = 3_000 * E18
COST = COST_WEI * COIN // E18


class Wallet:
    """A sender that keeps what it was given, and says what became of it."""

    def __init__(self) -> None:
        self.address = "0x" + "11" * 20
        self.sent: list[str] = []
        self.spent_wei = 0
        self.succeeds = True
        self.gate = asyncio.Event()
        self.gate.set()
        self.book = SimpleNamespace(spent_day_wei=lambda _now: self.spent_wei)

    async def send(self, to: str, data: bytes, purpose: Any, *, urgent: bool) -> Any:
        """Take a call."""
        await self.gate.wait()
        self.sent.append(purpose.reason)
        mined = SimpleNamespace(succeeded=self.succeeds, paid_wei=COST_WEI, transaction="0x1")
        return SimpleNamespace(mined=mined)


class Node:
    """A node whose simulations go as they are told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def estimate(self, sender: str, to: str, data: bytes) -> int:
        """Simulate."""
        if self.error:
            raise self.error
        return GAS

    async def gas_price(self) -> int:
        """Say what gas costs."""
        return PRICE_WEI


def actor(
    wallet: Wallet,
    *,
    error: Exception | None = None,
    day_wei: int = E18,
    unpaid_wei: int = 0,
    profit: float = 1.2,
    coin: int | None = COIN,
) -> Actor:
    """An actor with these terms."""
    return Actor(
        "home", Node(error), wallet, {"orders": "0xaa"},  # type: ignore[arg-type]
        Terms(day_wei, unpaid_wei, profit), lambda: coin, Reverts([]),
        KeeperMetrics(CollectorRegistry()), lambda: 10**18,
    )  # fmt: skip


def task(reward: int, key: int = 1) -> Task:
    """A call that pays so much."""
    return Task("settle", "orders", b"", reward, ("settle", key))


@pytest.mark.parametrize(
    ("reward", "end"), [(COST * 12 // 10, End.DONE), (COST * 12 // 10 - 1, End.UNPROFITABLE)]
)
async def test_a_reward_must_be_worth_its_gas(reward: int, end: End) -> None:
    """At the factor to the last unit: sent; below it: not."""
    wallet = Wallet()
    assert await actor(wallet).attempt(task(reward)) is end
    assert bool(wallet.sent) is (end is End.DONE)


async def test_without_the_coins_price_nothing_is_weighed_blindly() -> None:
    """Rewards that cannot be compared are not sent for; without a factor they are."""
    wallet = Wallet()
    assert await actor(wallet, coin=None).attempt(task(COST * 9)) is End.FAILED
    assert wallet.sent == []
    assert await actor(wallet, coin=None, profit=0.0).attempt(task(1)) is End.DONE


async def test_a_days_budget_is_never_passed() -> None:
    """What was spent and what this may cost stay within it, however well it pays."""
    wallet = Wallet()
    wallet.spent_wei = E18 - COST_WEI + 1
    assert await actor(wallet).attempt(task(COST * 9)) is End.OVER_BUDGET
    wallet.spent_wei -= 1
    assert await actor(wallet).attempt(task(COST * 9)) is End.DONE


async def test_what_pays_nothing_has_a_budget_of_its_own() -> None:
    """Two calls' worth: the third is not sent; paid ones go on."""
    wallet = Wallet()
    keeper = actor(wallet, unpaid_wei=2 * COST_WEI)
    ends = [await keeper.attempt(task(0)) for _ in range(3)]
    assert ends == [End.DONE, End.DONE, End.OVER_BUDGET]
    assert await keeper.attempt(task(COST * 9)) is End.DONE


@pytest.mark.parametrize(
    ("error", "end"), [(Reverted(b""), End.REFUSED), (Unreachable("no answer"), End.FAILED)]
)
async def test_what_a_simulation_does_not_let_through_is_not_sent(
    error: Exception, end: End
) -> None:
    """Neither a revert nor silence leads to a transaction."""
    wallet = Wallet()
    assert await actor(wallet, error=error).attempt(task(COST * 9)) is end
    assert wallet.sent == []


async def test_a_lost_race_is_told_from_a_success() -> None:
    """Mined and reverted: somebody was first."""
    wallet = Wallet()
    wallet.succeeds = False
    assert await actor(wallet).attempt(task(COST * 9)) is End.LOST


async def test_nothing_is_tried_twice_at_once_and_few_beside_each_other() -> None:
    """One call of a key, four in all; the next when one has ended."""
    wallet = Wallet()
    wallet.gate.clear()
    keeper = actor(wallet)
    assert keeper.begin([task(COST * 9, 1)])
    assert not keeper.begin([task(COST * 9, 1)])
    assert all(keeper.begin([task(COST * 9, key)]) for key in (2, 3, 4))
    assert not keeper.begin([task(COST * 9, 5)])
    wallet.gate.set()
    await keeper.settled()
    assert len(wallet.sent) == 4
    assert keeper.begin([task(COST * 9, 1)])
    await keeper.settled()


async def test_what_is_under_way_counts_against_the_budget() -> None:
    """Two at once of which only one can be afforded: one is sent."""
    wallet = Wallet()
    wallet.gate.clear()
    keeper = actor(wallet, day_wei=COST_WEI * 3 // 2)
    ends: list[End] = []
    for key in (1, 2):
        keeper.begin([task(COST * 9, key)], ends.append)
        await asyncio.sleep(0)
    while not ends:  # noqa: ASYNC110 (it ends with the loop's next turns)
        await asyncio.sleep(0)
    assert ends == [End.OVER_BUDGET]
    wallet.gate.set()
    await keeper.settled()
    assert ends == [End.OVER_BUDGET, End.DONE]


async def test_the_first_of_several_calls_that_succeeds_is_the_last() -> None:
    """What is refused makes way for the next."""
    wallet = Wallet()
    keeper = actor(wallet)
    ends: list[End] = []
    keeper.begin([task(1), task(COST * 9), task(COST * 9)], ends.append)
    await keeper.settled()
    assert ends == [End.DONE]
    assert len(wallet.sent) == 1
