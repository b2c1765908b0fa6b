"""Ticks on their way to the bus: feeds never wait for it, and what waits is bounded.

One outbox a shard, so that none waits for another's broker. While the bus is slow or away the
newest tick of each source stays and older ones go (`feeds.tick_queue`); no tick is sent that every
engine would find too old, and those of a source are sent in their order. A batch whose write
failed is sent again: it may come twice, which the engine tells by the sequence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from feeds.metrics import FeedMetrics
from feeds.tick_queue import TICK_BYTES, TickQueue
from oracle.model.errors import Rejected, Retryable
from oracle.model.ticks import Tick

WAITING_BYTES: Final = 64 * 1024 * 1024
"""Of ticks that wait, in one process."""
BATCH: Final = 2_000
"""Ticks in one message: far less than the bus takes in one."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0

Send = Callable[[Sequence[Tick]], Awaitable[None]]
_log = structlog.get_logger(__name__)


class Outbox:
    """The ticks of one shard; `late_ns` is the age at which no engine takes a tick any more."""

    def __init__(
        self,
        shard: int,
        most: int,
        late_ns: int,
        now_ns: Callable[[], int],
        metrics: FeedMetrics,
    ) -> None:
        self._shard: Final = str(shard)
        self._late_ns: Final = late_ns
        self._now_ns: Final = now_ns
        self._metrics: Final = metrics
        self._queue: Final = TickQueue(most, self._dropped)
        self._came: Final = asyncio.Event()
        self._lost = 0

    @property
    def waiting(self) -> int:
        """Number of ticks that wait."""
        return len(self._queue)

    def put(self, ticks: Sequence[Tick]) -> None:
        """Take ticks in the order of each source; never waits."""
        for tick in ticks:
            self._queue.put(tick)
        self._came.set()

    async def run(self, send: Send) -> None:
        """Send what comes until cancelled; what the bus does not take is tried again.

        Raises:
            Fatal: the bus refuses us.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            await self._came.wait()
            try:
                await self._send(send)
            except Retryable as error:
                if pause_s == FIRST_PAUSE_S:
                    _log.error("bus_takes_no_ticks", shard=self._shard, error=str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                if pause_s > FIRST_PAUSE_S:
                    _log.info("bus_takes_ticks_again", shard=self._shard, dropped=self._lost)
                    self._lost = 0
                pause_s = FIRST_PAUSE_S
            self._metrics.waiting.labels(self._shard).set(len(self._queue))

    async def _send(self, send: Send) -> None:
        if len(self._queue) <= BATCH:
            self._came.clear()
        batch = self._queue.take(BATCH, self._now_ns() - self._late_ns)
        if not batch:
            return
        try:
            await send(batch)
        except Rejected as error:
            _log.error("ticks_refused", shard=self._shard, ticks=len(batch), error=str(error))
            for tick in batch:
                self._dropped(tick.source, "refused")
        except BaseException:
            self._queue.put_back(batch)
            self._came.set()
            raise

    def _dropped(self, source: str, why: str) -> None:
        self._lost += 1
        self._metrics.dropped.labels(source.partition(":")[0], why).inc()


def outboxes(
    shards: int, late_ns: int, now_ns: Callable[[], int], metrics: FeedMetrics
) -> list[Outbox]:
    """Return one for each shard; `WAITING_BYTES` are what all of them hold at most."""
    most = WAITING_BYTES // TICK_BYTES // shards
    return [Outbox(number, most, late_ns, now_ns, metrics) for number in range(shards)]
