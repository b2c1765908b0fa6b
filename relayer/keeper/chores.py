"""What is due beside liquidations: orders, funding, margin calls on the chain, deleveraging."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

import numpy as np

from oracle.report.word import GROUP_SIZE
from relayer.base import Clock
from relayer.evm.errors import Reverted
from relayer.evm.node import Node
from relayer.keeper import abi, plan
from relayer.keeper.act import Actor, End
from relayer.keeper.chain import PerpReader
from relayer.keeper.columns import Columns
from relayer.keeper.health import World
from relayer.keeper.kernels import F64
from relayer.keeper.metrics import KeeperMetrics
from relayer.keeper.reports import Shelf
from relayer.keeper.store import Order, Store
from relayer.keeper.world import Rules

MOST_AT_ONCE: Final = 16
"""Orders in one settlement."""
RETRY_S: Final = (1.0, 60.0)
CALL_AGAIN_S: Final = 300.0
NOMINATED: Final = 4
"""Candidates for deleveraging that are tried, the best first."""


class Chores:
    """Begins what is due; whether it pays is the actor's to say."""

    def __init__(
        self,
        reader: PerpReader,
        store: Store,
        shelf: Shelf,
        actor: Actor,
        metrics: KeeperMetrics,
        *,
        accrue_s: float,
        clock: Clock = time.time_ns,
    ) -> None:
        self.own: Final = abi.own_account(actor.sender.address)
        self.own_cash = 0
        """What our rewards have come to: collateral is bought with it."""
        self._name: Final = reader.rpc.chain
        self._reader: Final = reader
        self._node: Final = Node(reader.rpc)
        self._store: Final = store
        self._shelf: Final = shelf
        self._actor: Final = actor
        self._metrics: Final = metrics
        self._accrue_s: Final = accrue_s
        self._clock: Final = clock
        self._rests: Final[dict[int, tuple[float, float]]] = {}
        """Order to (until when, for how long) it is left alone."""
        self._calls: Final[set[int]] = set()
        self._called: Final[dict[int, float]] = {}

    def call(self, account: int) -> None:
        """Have an account's margin called on the chain, if it is not already."""
        self._calls.add(account)

    async def turn(self, world: World, rules: Rules, columns: Columns) -> None:
        """Begin what is due on the chain's clock."""
        ((self.own_cash,),) = await self._reader.read(
            rules.head, [(self._reader.contracts.vault, abi.CASH_OF, (self.own,))]
        )
        await self._call_margins(rules)
        for market, state in rules.states.items():
            if rules.head.time_s - state.accrued_s >= self._accrue_s:
                self._actor.begin([plan.accrual(market)])
        await self._deleverage(world, rules, columns)

    async def orders(self, rules: Rules) -> None:
        """Begin what is due of the pending orders."""
        pending, now_s = self._store.orders(), self._clock() / 1e9
        self._metrics.orders.labels(self._name).set(len(pending))
        due = [order.due_ms for order in pending if 0 < order.due_ms <= now_s * 1e3]
        waited_s = now_s - min(due) / 1e3 if due else 0.0
        self._metrics.oldest_due.labels(self._name).set(waited_s)
        prices = {market: quote.price for market, quote in rules.quotes({}).items()}
        batches: dict[tuple[int, int], list[Order]] = {}
        bodies: dict[tuple[int, int], bytes] = {}
        for order in pending:
            if self._is_resting(order.id) or self._actor.is_busy(("settle", order.id)):
                continue
            if rules.head.time_s > order.expires_s:
                self._begin([plan.expiry(order)], [order.id])
            elif not order.due_ms:
                task = plan.trigger(order, prices)
                if task is not None:
                    self._begin([task], [order.id])
            else:
                group = order.market // GROUP_SIZE
                report = await self._shelf.first_at(group, order.due_ms)
                if report is not None:
                    key = (report.offer.slot, group)
                    bodies[key] = report.cut([group])
                    batches.setdefault(key, []).append(order)
        for key, orders in batches.items():
            await self._settle(orders[:MOST_AT_ONCE], bodies[key], key[1])

    async def _settle(self, orders: list[Order], body: bytes, group: int) -> None:
        """Settle those that settle; of several each is tried alone before, since together none
        says whether it would."""
        if not self._actor.has_room:
            return
        good = orders
        if len(orders) > 1:
            good = [order for order in orders if await self._settles(order, body)]
            for order in orders:
                if order not in good:
                    self._rest(order.id)
        if good:
            ids = [order.id for order in good]
            reward = sum(order.reward_e6 for order in good)
            self._begin([plan.settlements(ids, body, reward, group)], ids)

    async def _settles(self, order: Order, body: bytes) -> bool:
        try:
            await self._node.call(
                self._reader.contracts.orders,
                abi.SETTLE.call(order.id, body),
                sender=self._actor.sender.address,
                block="pending",
            )
        except Reverted:
            return False
        return True

    def _begin(self, tasks: list[plan.Task], ids: Iterable[int]) -> None:
        def after(end: End) -> None:
            for id_ in ids:
                if end is End.DONE:
                    self._rests.pop(id_, None)
                else:
                    self._rest(id_)

        self._actor.begin(tasks, after)

    def _rest(self, id_: int) -> None:
        """Leave an order alone, longer each time."""
        _, rested_s = self._rests.get(id_, (0.0, RETRY_S[0] / 2))
        rest_s = min(2 * rested_s, RETRY_S[1])
        self._rests[id_] = (time.monotonic() + rest_s, rest_s)
        if len(self._rests) > 4 * MOST_AT_ONCE:
            known = {order.id for order in self._store.orders()}
            for gone in [other for other in self._rests if other not in known]:
                del self._rests[gone]

    def _is_resting(self, id_: int) -> bool:
        return time.monotonic() < self._rests.get(id_, (0.0, 0.0))[0]

    async def _call_margins(self, rules: Rules) -> None:
        now_s = time.monotonic()
        for account in [one for one, at_s in self._called.items() if now_s - at_s >= CALL_AGAIN_S]:
            del self._called[account]
        due = [account for account in self._calls if account not in self._called]
        self._calls.clear()
        if not due:
            return
        at = self._reader.contracts.liquidator
        records = await self._reader.read(
            rules.head, [(at, abi.RECORD_OF, (account,)) for account in due]
        )
        for account, (_, below_s, owes_s) in zip(due, records, strict=True):
            if below_s or owes_s or self._actor.begin([plan.margin_call(account)]):
                self._called[account] = now_s

    async def _deleverage(self, world: World, rules: Rules, columns: Columns) -> None:
        at = self._reader.contracts
        markets = [number for number, now in world.markets.items() if now.priced]
        if not markets:
            return
        calls = [
            call
            for market in markets
            for call in (
                (at.engine, abi.TRADERS_PNL, (market, world.markets[market].price)),
                (at.liquidator, abi.DEFICIT_OF, (market,)),
            )
        ]
        answers = await self._reader.read(rules.head, calls)
        for market, (profit,), (longs, shorts) in zip(
            markets, answers[::2], answers[1::2], strict=True
        ):
            start_bps = world.markets[market].risk.adl_start_bps
            if plan.in_deleveraging(profit, rules.pool_cash, start_bps, longs + shorts):
                self._actor.begin(_deleveraging(market, world, columns, owing=longs + shorts > 0))


def _deleveraging(market: int, world: World, columns: Columns, *, owing: bool) -> list[plan.Task]:
    """Close the best of a window that is over, name a better one, or share what nobody answers."""
    key = ("deleverage", market)
    tasks = [plan.Task("deleverage", "liquidator", abi.DELEVERAGE.call(market), 0, key)]
    for number in winners(market, world, columns):
        data = abi.NOMINATE.call(market, number)
        tasks.append(plan.Task("nominate", "liquidator", data, 0, key))
    if owing:
        data = abi.SHARE_DEFICIT.call(market)
        tasks.append(plan.Task("share_deficit", "liquidator", data, 0, key))
    return tasks


def winners(market: int, world: World, columns: Columns) -> list[int]:
    """Return who roughly profits most in a market, by leverage: the contract ranks."""
    rows = columns.holders(market)
    if not rows.size:
        return []
    price = world.markets[market].price / 10**18
    slot = (columns.markets[rows] == market).argmax(axis=1)
    sizes: F64 = columns.sizes[rows, slot]
    profit = sizes * price - columns.costs[rows, slot]
    stake = np.maximum(columns.cash[rows] + profit, 1e-9)
    score = np.where(profit > 0, profit * np.abs(sizes) * price / stake, 0.0)
    best = rows[np.argsort(-score)[:NOMINATED]][np.sort(-score)[:NOMINATED] < 0]
    return columns.numbers(best)
