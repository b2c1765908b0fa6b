"""Margin calls: said once a state, with a gap between calling and ending, on bus and webhook.

What was said is in the store, so that a restart says nothing twice. The bus is told first; a
webhook that does not answer delays nobody.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from oracle.bus.interface import Bus
from oracle.model.errors import PlumblineError
from oracle.model.fixed import MAX_MANTISSA, Px
from oracle.model.messages import MarginCall
from oracle.model.topics import Topic
from relayer.base import Clock
from relayer.keeper.margin import Margin
from relayer.keeper.metrics import KeeperMetrics
from relayer.keeper.params import BPS
from relayer.keeper.plan import Level
from relayer.keeper.store import Notice, Store
from relayer.keeper.webhook import Webhook

MOST_WAITING: Final = 10_000
ENDED: Final = "ended"
_RETRY_S: Final = 1.0
_log = structlog.get_logger(__name__)


def px_e18(value: int) -> Px:
    """Return an amount * 10^18; digits beyond 64 bits are cut off towards zero."""
    size, exponent = abs(value), -18
    while size > MAX_MANTISSA or (size and size % 10 == 0 and exponent < 0):
        size, exponent = size // 10, exponent + 1
    return Px(-size if value < 0 else size, exponent if size else 0)


class Notifier:
    """Says of each account how it stands, when that changes."""

    def __init__(
        self,
        chain: str,
        chain_id: int,
        engine: str,
        bus: Bus,
        store: Store,
        metrics: KeeperMetrics,
        clock: Clock,
        *,
        hysteresis_bps: int,
        repeat_s: float,
        webhook: Webhook | None = None,
    ) -> None:
        self._chain: Final = (chain, chain_id, engine)
        self._bus: Final = bus
        self._store: Final = store
        self._metrics: Final = metrics
        self._clock: Final = clock
        self._hysteresis_bps: Final = hysteresis_bps
        self._repeat_ns: Final = round(repeat_s * 1e9)
        self._webhook: Final = webhook
        self._said: Final = store.notices()
        self._waiting: Final[asyncio.Queue[MarginCall]] = asyncio.Queue(MOST_WAITING)
        self._task: asyncio.Task[None] | None = None

    def called(self) -> set[int]:
        """Return the accounts whose call has not ended."""
        return {number for number, notice in self._said.items() if notice.level}

    def say(self, account: int, level: Level, margin: Margin, block: int) -> None:
        """Say how an account stands, unless that was said; a call that goes on, now and then.

        Better, though still called, is not news: it would be said with every move to and fro.
        """
        last = self._said.get(account, Notice(0, 0, 0))
        due_again = self._clock() - last.sent_ns >= self._repeat_ns
        if level > last.level or (level and due_again):
            self._put(account, level, level.name.lower(), last, margin, block)

    def recovered(self, account: int, margin: Margin, warning_bps: int, block: int) -> None:
        """End a call, once the account is well above the level that it was called at."""
        last = self._said[account]
        if margin.equity * BPS >= margin.maintenance * (warning_bps + self._hysteresis_bps):
            self._put(account, Level.HEALTHY, ENDED, last, margin, block)

    async def aclose(self) -> None:
        """Stop; what was not delivered was not heard."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._webhook is not None:
            await self._webhook.aclose()

    async def delivered(self) -> None:
        """Wait until nothing waits to be delivered."""
        await self._waiting.join()

    def _put(
        self, account: int, level: Level, name: str, last: Notice, margin: Margin, block: int
    ) -> None:
        now_ns = self._clock()
        chain, chain_id, engine = self._chain
        message = MarginCall(
            chain=chain,
            chain_id=chain_id,
            engine=engine,
            account=f"0x{account:064x}",
            level=name,
            sequence=last.sequence + 1,
            block=block,
            time_ns=now_ns,
            equity=px_e18(margin.equity),
            maintenance=px_e18(margin.maintenance),
        )
        try:
            self._waiting.put_nowait(message)
        except asyncio.QueueFull:  # it is said with the next mark, if it still holds
            _log.error("margin_calls_wait", waiting=MOST_WAITING)
            return
        notice = Notice(int(level), last.sequence + 1, now_ns)
        self._said[account] = notice
        self._store.put_notice(account, notice)
        self._metrics.notices.labels(chain, name).inc()
        if self._task is None:
            self._task = asyncio.create_task(self._deliver())

    async def _deliver(self) -> None:
        while True:
            message = await self._waiting.get()
            try:
                await self._publish(message)
                if self._webhook is not None:
                    self._webhook.put(message)
            finally:
                self._waiting.task_done()

    async def _publish(self, message: MarginCall) -> None:
        while True:
            try:
                await self._bus.publish(Topic.MARGIN_CALLS, [(message.key, message)])
            except PlumblineError as error:
                _log.warning("margin_call_unpublished", error=str(error))
                await asyncio.sleep(_RETRY_S)
            else:
                return
