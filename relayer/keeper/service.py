"""A keeper of one deployment: follow, judge at each mark, and try what is due."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from oracle.model.errors import PlumblineError
from relayer.base import Clock
from relayer.keeper import plan
from relayer.keeper.act import Actor, End
from relayer.keeper.chain import PerpReader
from relayer.keeper.chores import Chores
from relayer.keeper.columns import Columns
from relayer.keeper.exposure import Exposures
from relayer.keeper.follow import Follower
from relayer.keeper.health import Health, World
from relayer.keeper.margin import Account, Margin, margin_of
from relayer.keeper.metrics import KeeperMetrics
from relayer.keeper.notify import Notifier
from relayer.keeper.reports import Shelf
from relayer.keeper.store import Store
from relayer.keeper.world import Rules, read_rules

MOST_A_MARK: Final = 256
"""Accounts that are looked at in integers at one mark, the worst first."""
AUDITED: Final = 32
BACKOFF_S: Final = (0.5, 15.0)
LATE_BLOCKS: Final = 8
"""Further behind nobody is judged: what is known is too old to call anybody's margin by."""

_log = structlog.get_logger(__name__)
_dice: Final = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often what is done."""

    poll_s: float
    audit_s: float
    chores_s: float = 5.0
    exposure_s: float = 10.0


class Keeper:
    """Serves one deployment of the perp contracts until cancelled."""

    def __init__(
        self,
        reader: PerpReader,
        store: Store,
        shelf: Shelf,
        actor: Actor,
        notifier: Notifier,
        exposures: Exposures,
        chores: Chores,
        metrics: KeeperMetrics,
        rhythm: Rhythm,
        *,
        first_block: int,
        window: int,
        clock: Clock = time.time_ns,
    ) -> None:
        self.name: Final = reader.rpc.chain
        self._reader: Final = reader
        self._store: Final = store
        self._shelf: Final = shelf
        self._actor: Final = actor
        self._notifier: Final = notifier
        self._exposures: Final = exposures
        self._chores: Final = chores
        self._metrics: Final = metrics
        self._rhythm: Final = rhythm
        self._clock: Final = clock
        self.columns: Final = Columns()
        self.health: Final = Health(self.columns)
        self._follower: Final = Follower(
            reader, store, self._changed, first_block=first_block, window=window
        )
        self._rules: Rules | None = None
        self._ready = False
        self._sorting: asyncio.Task[None] | None = None
        self._next: Final[dict[str, float]] = {}
        for account in store.accounts():
            self._changed(account)

    @property
    def is_ready(self) -> bool:
        """Whether all accounts are known about as of the head."""
        return self._ready

    async def run(self) -> None:
        """Serve; whatever fails is logged, backed off from and tried again."""
        wait_s, seen = BACKOFF_S[0], -1
        self._actor.sender.resume()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._shelf.run())
            tasks.create_task(self._exposures.run())
            while True:
                try:
                    newer = await self._shelf.newer_than(seen, self._until_poll_s())
                    seen = newer.offer.slot if newer else seen
                    await self.turn()
                except PlumblineError as error:
                    _log.warning("keeper_stumbled", chain=self.name, error=str(error))
                except Exception:  # noqa: BLE001 (a defect must not end what others rely on)
                    _log.exception("keeper_crashed", chain=self.name)
                else:
                    wait_s = BACKOFF_S[0]
                    continue
                self._metrics.stumbles.labels(self.name).inc()
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, BACKOFF_S[1])

    async def turn(self) -> None:
        """Follow if it is time, judge at the newest mark, and begin what is due.

        Raises:
            PlumblineError: the chain cannot be reached, or the state not be written.
        """
        if self._is_time("poll", self._rhythm.poll_s):
            await self._follow()
        rules = self._rules
        if rules is None or not self._ready:
            return
        newest = self._shelf.newest
        words = newest.offer.words if newest else {}
        now_ms = self._clock() // 10**6
        world = rules.world(words, now_ms)
        await self._judge(world, rules)
        if self._is_time("chores", self._rhythm.chores_s):
            await self._chores.turn(world, rules, self.columns)
        await self._chores.orders(rules)
        if self._is_time("exposure", self._rhythm.exposure_s):
            await self._exposures.publish(rules, rules.quotes(words))
        if self._is_time("audit", self._rhythm.audit_s):
            await self.audit()
        self._metrics.progress.labels(self.name).set(self._clock() / 1e9)

    async def audit(self) -> int:
        """Compare a sample of accounts with the chain; return how many differ."""
        numbers = list(self.columns.row_of)
        sample = _dice.sample(numbers, min(AUDITED, len(numbers)))
        known = [one for number in sample if (one := self._store.account(number)) is not None]
        wrong = await self._follower.audit(known)
        self._metrics.audited.labels(self.name).inc(len(known))
        self._metrics.differing.labels(self.name).inc(wrong)
        return wrong

    async def aclose(self) -> None:
        """Stop what is under way, and give the state up."""
        if self._sorting is not None:
            self._sorting.cancel()
            with suppress(asyncio.CancelledError):
                await self._sorting
        await self._actor.aclose()
        await self._notifier.aclose()
        await self._reader.rpc.aclose()
        self._store.close()

    async def _follow(self) -> None:
        while True:
            progress = await self._follower.step()
            metrics, name = self._metrics, self.name
            metrics.behind.labels(name).set(progress.behind)
            metrics.dirty.labels(name).set(progress.dirty)
            metrics.rollbacks.labels(name).inc(progress.rolled_back)
            self._ready = progress.behind <= LATE_BLOCKS and not progress.dirty
            metrics.ready.labels(name).set(self._ready)
            metrics.progress.labels(name).set(self._clock() / 1e9)
            if progress.is_current:
                break
        metrics.accounts.labels(name).set(len(self.columns.row_of))
        self._rules = await read_rules(self._reader, progress.head, self.columns.collaterals_held())

    async def _judge(self, world: World, rules: Rules) -> None:
        now_s, began = time.monotonic(), time.perf_counter()
        rows = self.health.mark(world, now_s)
        self._metrics.health_s.labels(self.name).observe(time.perf_counter() - began)
        self._metrics.awake.labels(self.name).set(self.health.wake.awake)
        if self.health.is_due(world, now_s) and self._sorting is None:
            self._sorting = asyncio.create_task(self._sort(world, now_s))
        worst = rows[(-self.columns.levels[rows]).argsort(kind="stable")][:MOST_A_MARK]
        found: dict[plan.Level, int] = dict.fromkeys(plan.Level, 0)
        short: set[int] = set()
        for number in self.columns.numbers(worst):
            account = self._store.account(number)
            if account is None or not _is_known(account, world):
                continue
            margin = margin_of(account, world.markets, world.collaterals)
            level = plan.level_of(margin, world.risk.warning_bps, world.risk.backstop_bps)
            found[level] += 1
            if level or (account.cash < 0 and not account.positions):
                short.add(number)
                self._help(account, margin, level, world, rules)
            if level:
                self._notifier.say(account.number, level, margin, rules.head.number)
        for level, count in found.items():
            self._metrics.short.labels(self.name, level.name.lower()).set(count)
        self._end_calls(short, world, rules)

    def _end_calls(self, short: set[int], world: World, rules: Rules) -> None:
        for number in self._notifier.called() - short:
            account = self._store.account(number) or Account(number)
            if _is_known(account, world):
                margin = margin_of(account, world.markets, world.collaterals)
                self._notifier.recovered(number, margin, world.risk.warning_bps, rules.head.number)

    def _help(
        self, account: Account, margin: Margin, level: plan.Level, world: World, rules: Rules
    ) -> None:
        """Begin what may be done about an account."""
        if level < plan.Level.LIQUIDABLE and account.positions:
            return
        tasks: list[plan.Task] = []
        if account.positions:
            liquidation = plan.liquidation(
                account, margin, world, rules.reserve_cash, lambda g: self._carried(g, rules)
            )
            tasks += [liquidation] if liquidation else []
            if level == plan.Level.BACKSTOP:
                tasks += plan.backstop(account, world)
        else:
            tasks += plan.debt(account, world, self._chores.own, self._chores.own_cash)
        if tasks:
            self._actor.begin(tasks, lambda end: self._after(account.number, end))

    def _after(self, account: int, end: End) -> None:
        """Where nothing came of it, have the backstop's clock begin."""
        if end in (End.REFUSED, End.UNPROFITABLE, End.OVER_BUDGET):
            self._chores.call(account)

    def _carried(self, groups: Sequence[int], rules: Rules) -> tuple[bytes, tuple[int, ...]]:
        """Cut what is newer than the chain's out of the newest report."""
        newest = self._shelf.newest
        if newest is None:
            return b"", ()
        newer = [
            group
            for group in groups
            if group in newest.times and newest.times[group][1] > rules.stored_ms(group)
        ]
        return (newest.cut(newer), tuple(newer)) if newer else (b"", ())

    async def _sort(self, world: World, now_s: float) -> None:
        try:
            unsorted = self.health.unsorted(world)
            self.health.adopt(await asyncio.to_thread(unsorted.sort), world, now_s)
        finally:
            self._sorting = None

    def _changed(self, account: Account) -> None:
        if account.is_empty:
            self.columns.drop(account.number)
        else:
            self.health.changed(self.columns.put(account))

    def _until_poll_s(self) -> float:
        return max(self._next.get("poll", 0.0) - time.monotonic(), 0.0)

    def _is_time(self, what: str, every_s: float) -> bool:
        now_s = time.monotonic()
        if now_s < self._next.get(what, 0.0):
            return False
        self._next[what] = now_s + every_s
        return True


def _is_known(account: Account, world: World) -> bool:
    """Whether all that an account holds is in the world: the rules may be a block older."""
    markets: Mapping[int, object] = world.markets
    return all(p.market in markets for p in account.positions) and all(
        collateral in world.collaterals for collateral in account.shares
    )
