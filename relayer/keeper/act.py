"""Tries calls: simulated, priced against their reward, within the budget, then sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog

from oracle.model.errors import PlumblineError, Retryable
from relayer.base import Clock
from relayer.evm.errors import Reverted
from relayer.evm.ledger import Purpose
from relayer.evm.node import Node
from relayer.evm.reverts import Reverts
from relayer.evm.sender import Sender
from relayer.keeper.metrics import KeeperMetrics
from relayer.keeper.params import E18
from relayer.keeper.plan import Task

MOST_UNDER_WAY: Final = 4
DAY_NS: Final = 86_400 * 10**9
_log = structlog.get_logger(__name__)


class End(StrEnum):
    """What came of a call."""

    DONE = "done"
    LOST = "lost"
    """It reverted in its block: somebody else was first, or the state had moved."""
    REFUSED = "refused"
    """Its simulation reverts; nothing was sent."""
    UNPROFITABLE = "unprofitable"
    OVER_BUDGET = "over_budget"
    FAILED = "failed"
    """Not sent, or not seen in a block in time."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a keeper may spend, in wei of 24 hours, and for what."""

    day_wei: int
    unpaid_day_wei: int
    profit: float
    """Times its gas that a reward must be; 0: it need not pay."""


class Actor:
    """Sends from one wallet, few calls at a time, none twice at once."""

    def __init__(
        self,
        chain: str,
        node: Node,
        sender: Sender,
        contracts: dict[str, str],
        terms: Terms,
        coin_price: Callable[[], int | None],
        reverts: Reverts,
        metrics: KeeperMetrics,
        clock: Clock,
    ) -> None:
        """`coin_price` returns what a coin is worth in the settlement token * 10^18."""
        self._chain: Final = chain
        self._node: Final = node
        self.sender: Final = sender
        self._contracts: Final = contracts
        self._terms: Final = terms
        self._coin_price: Final = coin_price
        self._reverts: Final = reverts
        self._metrics: Final = metrics
        self._clock: Final = clock
        self._under_way: Final[dict[tuple[str, int], asyncio.Task[End]]] = {}
        self._reserved_wei: Final[dict[tuple[str, int], int]] = {}
        self._unpaid: list[tuple[int, int]] = []
        """(time in ns, wei) of what earned nothing."""

    @property
    def has_room(self) -> bool:
        """Whether another call may be begun."""
        return len(self._under_way) < MOST_UNDER_WAY

    def is_busy(self, key: tuple[str, int]) -> bool:
        """Tell whether a call of that key is under way."""
        return key in self._under_way

    def begin(self, tasks: list[Task], then: Callable[[End], None] | None = None) -> bool:
        """Try some calls of one key, in order, until one succeeds; beside everything else."""
        key = tasks[0].key
        if self.is_busy(key) or not self.has_room:
            return False
        running = asyncio.create_task(self._run(tasks))
        self._under_way[key] = running

        def over(done: asyncio.Task[End]) -> None:
            self._under_way.pop(key, None)
            if then is not None and not done.cancelled() and done.exception() is None:
                then(done.result())

        running.add_done_callback(over)
        return True

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.wait(list(self._under_way.values()))

    async def aclose(self) -> None:
        """Stop; what was sent is in the wallet's journal."""
        running = list(self._under_way.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self.sender.aclose()

    async def _run(self, tasks: list[Task]) -> End:
        end = End.REFUSED
        for task in tasks:
            end = await self.attempt(task)
            if end in (End.DONE, End.LOST, End.FAILED):
                break
        return end

    async def attempt(self, task: Task) -> End:
        """Simulate a call, weigh it, send it, and wait for its block."""
        try:
            end = await self._attempt(task)
        except Reverted as error:
            end = End.REFUSED
            _log.debug("keeper_refused", what=task.what, why=self._reverts.name(error.data))
        except PlumblineError as error:
            end = End.FAILED
            _log.warning("keeper_failed", chain=self._chain, what=task.what, error=str(error))
        except Exception:  # noqa: BLE001 (one call's defect must not end the keeper)
            end = End.FAILED
            _log.exception("keeper_crashed", chain=self._chain, what=task.what)
        self._metrics.tried.labels(self._chain, task.what, end).inc()
        return end

    async def _attempt(self, task: Task) -> End:
        to = self._contracts[task.contract]
        gas, price_wei = await asyncio.gather(
            self._node.estimate(self.sender.address, to, task.data), self._node.gas_price()
        )
        cost_wei = gas * price_wei
        verdict = self._weigh(task, cost_wei)
        if verdict is not None:
            return verdict
        self._reserved_wei[task.key] = cost_wei
        try:
            purpose = Purpose(0, task.groups, task.what, 0)
            sent = await self.sender.send(to, task.data, purpose, urgent=True)
        finally:
            self._reserved_wei.pop(task.key, None)
        mined = sent.mined
        if not task.reward:
            self._unpaid.append((self._clock(), mined.paid_wei))
        if not mined.succeeded:
            self._metrics.lost_wei.labels(self._chain).inc(mined.paid_wei)
            _log.info("keeper_lost", chain=self._chain, what=task.what, tx=mined.transaction)
            return End.LOST
        self._metrics.earned.labels(self._chain).inc(task.reward / E18)
        _log.info("keeper_did", chain=self._chain, what=task.what, tx=mined.transaction)
        return End.DONE

    def _weigh(self, task: Task, cost_wei: int) -> End | None:
        """Return why a call is not worth it, or not to be afforded; None if it is."""
        now_ns, terms = self._clock(), self._terms
        spent = self.sender.book.spent_day_wei(now_ns) + sum(self._reserved_wei.values())
        self._metrics.spent_day_wei.labels(self._chain).set(spent)
        self._metrics.budget_left.labels(self._chain).set(max(terms.day_wei - spent, 0))
        if spent + cost_wei > terms.day_wei:
            return End.OVER_BUDGET
        if not task.reward:
            self._unpaid = [one for one in self._unpaid if now_ns - one[0] < DAY_NS]
            given = sum(wei for _, wei in self._unpaid)
            return None if given + cost_wei <= terms.unpaid_day_wei else End.OVER_BUDGET
        if not terms.profit:
            return None
        coin = self._coin_price()
        if coin is None:
            raise Retryable(f"chain {self._chain}: no price of its coin to weigh rewards with")
        cost = cost_wei * coin // E18
        return None if task.reward >= cost * terms.profit else End.UNPROFITABLE
