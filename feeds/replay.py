"""Recorded ticks: as a feed at a chosen speed, or as windows for an engine without a clock.

Ticks keep their recorded times. An engine that takes them from the feed must read its time from
`ReplayFeed.now_ns`, else it finds every tick stale.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import structlog

from feeds.base import Publish
from feeds.metrics import FeedMetrics
from feeds.ticks.columns import TickColumns, concatenate
from feeds.ticks.reader import TickReader
from oracle.model.errors import Fatal, Retryable
from oracle.model.ticks import Tick, TickBatch, pack

HOUR_NS: Final = 3600 * 10**9
_AT_ONCE: Final = 1000
"""Ticks published together at most."""
_SHORTEST_SLEEP_S: Final = 0.001
_PAUSE_S: Final = 0.5
"""After a bus that took nothing."""
_READ_TIMEOUT_S: Final = 60.0
"""For one chunk of a file: a disk that takes longer is as good as lost."""

_log = structlog.get_logger(__name__)


class ReplayFeed:
    """Publishes the ticks of files in order of receive time, then ends.

    `speed` is times the recorded speed; 0 publishes as fast as they are taken.
    """

    name = "replay"

    def __init__(
        self,
        files: Sequence[Path],
        *,
        speed: float,
        metrics: FeedMetrics,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.reader: Final = TickReader(files)
        self._speed: Final = speed
        self._metrics: Final = metrics
        self._monotonic_ns: Final = monotonic_ns
        self._sleep: Final = sleep
        self._origin: tuple[int, int] | None = None  # recorded time and our time of the first tick
        self._published_ns = 0
        self._ended_ns: int | None = None

    def now_ns(self) -> int:
        """Return the recorded time that the replay has come to; 0 before the first tick.

        It never goes back and never stands behind a published tick. When the files have ended it
        goes on as time does, so that what they left grows stale.
        """
        due_ns = self._due_ns() if self._speed else 0
        if self._ended_ns is not None:
            due_ns = self._published_ns + self._monotonic_ns() - self._ended_ns
        return max(self._published_ns, due_ns)

    async def run(self, publish: Publish) -> None:
        """Publish everything; what is not taken is published again until it is.

        Raises:
            ConfigError: a file is not a tick file.
            Fatal: a file could not be read within the bound.
        """
        chunks = iter(self.reader)
        while (chunk := await self._next(chunks)) is not None:
            if self._origin is None:
                self._origin = int(chunk.received_ns[0]), self._monotonic_ns()
            first = 0
            while first < chunk.rows:
                last = await self._wait_for(chunk, first)
                await self._publish(publish, chunk.take(slice(first, last)))
                first = last
        self._ended_ns = self._monotonic_ns()
        for (source, reason), count in self.reader.refused.items():
            self._metrics.refused.labels(source, reason).inc(count)

    async def _next(self, chunks: Iterator[TickColumns]) -> TickColumns | None:
        """Read the next chunk off the event loop: it takes tens of milliseconds."""
        try:
            async with asyncio.timeout(_READ_TIMEOUT_S):
                return await asyncio.to_thread(next, chunks, None)
        except TimeoutError as error:
            raise Fatal(
                f"a tick file gave nothing for {_READ_TIMEOUT_S:.0f} s: check its disk"
            ) from error

    async def _wait_for(self, chunk: TickColumns, first: int) -> int:
        """Wait until row `first` is due; return the end of the rows to publish with it."""
        end = min(first + _AT_ONCE, chunk.rows)
        if not self._speed:
            return end
        while (ahead_ns := int(chunk.received_ns[first]) - self._due_ns()) > 0:
            await self._sleep(max(ahead_ns / self._speed / 1e9, _SHORTEST_SLEEP_S))
        due = int(np.searchsorted(chunk.received_ns[first:end], self._due_ns(), "right"))
        return first + max(due, 1)

    async def _publish(self, publish: Publish, columns: TickColumns) -> None:
        ticks = list(columns.batch(self.reader.sources).ticks())
        self._published_ns = max(self._published_ns, ticks[-1].received_ns)
        await self._taken(publish, ticks)
        for tick in ticks:
            self._metrics.ticks.labels(tick.source).inc()
            self._metrics.last_tick.labels(tick.source).set(tick.received_ns / 1e9)

    async def _taken(self, publish: Publish, ticks: Sequence[Tick]) -> None:
        failed = 0
        while True:
            try:
                await publish(ticks)
            except Retryable as error:
                failed += 1
                if failed == 1:
                    _log.error("replay_waits_for_the_bus", error=str(error))
                await self._sleep(_PAUSE_S)
            else:
                if failed:
                    _log.info("replay_goes_on", failed=failed)
                return

    def _due_ns(self) -> int:
        if self._origin is None:
            return 0
        recorded_ns, ours_ns = self._origin
        return recorded_ns + int((self._monotonic_ns() - ours_ns) * self._speed)


def batches(
    reader: TickReader, step_ns: int, *, idle_ns: int = HOUR_NS
) -> Iterator[tuple[int, TickBatch]]:
    """Yield (now_ns, ticks received in the `step_ns` up to now_ns), steps without ticks too.

    `now_ns` are whole multiples of `step_ns`, so that the same ticks make the same steps whatever
    else is replayed with them. After `idle_ns` without a tick the steps up to the next are
    left out: sources are long stale by then.
    """
    nothing = pack(())
    last_ns: int | None = None
    for end_ns, columns in _windows(reader, step_ns):
        if last_ns is not None:
            idle_end_ns = min(end_ns, last_ns + idle_ns + 1)
            yield from (
                (now_ns, nothing) for now_ns in range(last_ns + step_ns, idle_end_ns, step_ns)
            )
        yield end_ns, columns.batch(reader.sources)
        last_ns = end_ns


def _windows(reader: TickReader, step_ns: int) -> Iterator[tuple[int, TickColumns]]:
    """Cut the stream where the step changes; a step's ticks may come in several chunks."""
    open_end_ns, held = 0, list[TickColumns]()
    for chunk in reader:
        ends_ns = -(-chunk.received_ns // step_ns) * step_ns
        cuts = np.flatnonzero(np.diff(ends_ns)) + 1
        for first, last in zip([0, *cuts], [*cuts, chunk.rows], strict=True):
            end_ns = int(ends_ns[first])
            if held and end_ns != open_end_ns:
                yield open_end_ns, concatenate(held)
                held = []
            open_end_ns = end_ns
            held.append(chunk.take(slice(first, last)))
    if held:
        yield open_end_ns, concatenate(held)
