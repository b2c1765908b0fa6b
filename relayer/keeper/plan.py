"""What to try for whom. Pure: whether it comes about is for a simulation to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from oracle.report.word import GROUP_SIZE
from relayer.keeper import abi
from relayer.keeper.closing import closing_of
from relayer.keeper.health import World
from relayer.keeper.margin import Account, Margin, ceil_div
from relayer.keeper.params import BPS, E18
from relayer.keeper.store import Order

E12: Final = 10**12
STOP, TAKE_PROFIT = 2, 3


class Task(NamedTuple):
    """One call to try. What earns nothing is done out of what the operator gives for it."""

    what: str
    contract: str
    data: bytes
    reward: int
    """At most, in the settlement token * 10^18."""
    key: tuple[str, int]
    """No two of one key are under way together."""
    groups: tuple[int, ...] = ()
    """Groups of the report that it carries."""


class Level(IntEnum):
    """How an account stands, worse ones higher."""

    HEALTHY = 0
    WARNED = 1
    LIQUIDABLE = 2
    BACKSTOP = 3


def level_of(margin: Margin, warning_bps: int, backstop_bps: int) -> Level:
    """Return how an account stands."""
    if margin.equity * BPS >= margin.maintenance * warning_bps:
        return Level.HEALTHY
    if margin.equity >= margin.maintenance:
        return Level.WARNED
    if margin.equity * BPS >= margin.maintenance * backstop_bps:
        return Level.LIQUIDABLE
    return Level.BACKSTOP


def groups_of(account: Account, world: World) -> set[int]:
    """Return the groups whose marks an account's margin depends on."""
    markets = {position.market for position in account.positions}
    for collateral in account.shares:
        risk = world.collaterals[collateral].risk
        markets |= {risk.index_market, risk.twap_market}
    return {market // GROUP_SIZE for market in markets}


def liquidation(
    account: Account,
    margin: Margin,
    world: World,
    reserve_cash: int,
    report: Callable[[Sequence[int]], tuple[bytes, tuple[int, ...]]],
) -> Task | None:
    """Close of the greatest position that has a price.

    `report` cuts what to carry along out of the groups that the account depends on.
    """
    sized = [
        (ceil_div(abs(p.size) * world.markets[p.market].price, E18), p)
        for p in account.positions
        if world.markets[p.market].priced
    ]
    if not sized:
        return None
    _, position = max(sized)
    body, groups = report(sorted(groups_of(account, world)))
    now = world.markets[position.market]
    reward = closing_of(position, margin, now, world.risk).reward(reserve_cash)
    data = abi.LIQUIDATE.call(account.number, position.market, body)
    return Task("liquidate", "liquidator", data, reward, ("account", account.number), groups)


def debt(account: Account, world: World, own: int, own_cash: int) -> list[Task]:
    """Bring in what an account without positions owes: for its collateral, or by the waterfall."""
    key, made = ("account", account.number), []
    for collateral in sorted(account.shares):
        repay = min(-account.cash, max(own_cash, 0))
        if repay > 0:
            discount = world.collaterals[collateral].risk.seize_discount_bps
            data = abi.SEIZE.call(account.number, collateral, repay, own)
            made.append(Task("seize", "liquidator", data, repay * discount // BPS, key))
    if account.shares:
        data = abi.BACKSTOP.call(account.number, 0)
        made.append(Task("backstop", "liquidator", data, 0, key))
    return [*made, Task("absorb", "liquidator", abi.ABSORB.call(account.number), 0, key)]


def backstop(account: Account, world: World) -> list[Task]:
    """Close whole positions, when nobody came in time."""
    key = ("account", account.number)
    return [
        Task("backstop", "liquidator", abi.BACKSTOP.call(account.number, p.market), 0, key)
        for p in account.positions
        if world.markets[p.market].priced
    ]


def margin_call(account: int) -> Task:
    """Start the backstop's clock."""
    data = abi.MARGIN_CALL.call(account)
    return Task("margin_call", "liquidator", data, 0, ("call", account))


def accrual(market: int) -> Task:
    """Have a market's funding accrued."""
    return Task("accrue", "engine", abi.ACCRUE.call(market), 0, ("accrue", market))


def settlements(ids: Sequence[int], body: bytes, reward_e6: int, group: int) -> Task:
    """Settle orders that one report decides."""
    data = abi.SETTLE.call(ids[0], body) if len(ids) == 1 else abi.SETTLE_MANY.call(ids, body)
    return Task("settle", "orders", data, reward_e6 * E12, ("settle", ids[0]), (group,))


def expiry(order: Order) -> Task:
    """End an order that nobody settled."""
    reward, key = order.reward_e6 * E12, ("settle", order.id)
    return Task("expire", "orders", abi.EXPIRE.call(order.id), reward, key)


def trigger(order: Order, prices: Mapping[int, int]) -> Task | None:
    """Start a stop or take-profit that the stored mark has reached; settling it pays."""
    price = prices.get(order.market, 0)
    falling = (order.kind == STOP) == (order.size_delta < 0)
    reached = price <= order.trigger if falling else price >= order.trigger
    if order.due_ms or not price or not reached:
        return None
    reward, key = order.reward_e6 * E12, ("settle", order.id)
    return Task("trigger", "orders", abi.TRIGGER.call(order.id), reward, key)


def in_deleveraging(profit: int, pool_cash: int, bps: int, deficit: int) -> bool:
    """Tell whether winners of a market are to be closed."""
    return deficit > 0 or profit * BPS > max(pool_cash, 0) * bps
