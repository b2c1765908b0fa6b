"""The connection loop that every feed shares: a venue is a parser, the base owns the connection.

An adapter implements `read`: connect once, deliver quotes, raise `Retryable` when the connection
ends. `Feed.run` reconnects with bounded back-off, numbers the ticks, watches for progress, counts.
A feed passes on every price that a venue states, zero, negative and crossed ones too: the
engine is the one place where a price is judged. What cannot be stated as a tick is refused here.
"""

from __future__ import annotations

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog

from feeds.metrics import FeedMetrics
from feeds.quote import Quote
from oracle.model.errors import Rejected, Retryable
from oracle.model.ticks import Tick

Publish = Callable[[Sequence[Tick]], Awaitable[None]]
Clock = Callable[[], int]

_log = structlog.get_logger(__name__)


class _Idle(Retryable):
    """A connection made no progress for too long."""


class Pace(msgspec.Struct, frozen=True):
    """Bounds of one feed's connection loop."""

    idle_s: float = 30.0
    """A connection without a quote for this long is closed and opened again."""
    backoff_min_s: float = 0.5
    backoff_max_s: float = 30.0
    steady_s: float = 30.0
    """A connection that delivered and stood this long starts the back-off anew. One that is cut
    sooner does not, whatever it delivered: venues ban who connects again and again."""
    inbox: int = 10_000
    """Quotes kept while publishing is slow; beyond it the oldest are dropped and counted."""

    def delay_s(self, failures: int, uniform: float) -> float:
        """Seconds to wait after `failures` in a row: exponential, half of it jitter in [0, 1)."""
        ceiling = min(self.backoff_max_s, self.backoff_min_s * 2.0 ** min(failures - 1, 30))
        return ceiling * (1 + uniform) / 2


class Feed(ABC):
    """One connection that serves some sources.

    `uniform` gives the jitter in [0, 1) and `sleep` waits between connections; both are seams.
    """

    def __init__(
        self,
        name: str,
        sources: Sequence[str],
        *,
        now_ns: Clock,
        metrics: FeedMetrics,
        pace: Pace | None = None,
        uniform: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = name
        self.sources = tuple(sources)
        self.now_ns = now_ns
        self._metrics = metrics
        self._pace = pace or Pace()
        self._uniform = uniform
        self._sleep = sleep
        self._sequence: dict[str, int] = {}
        self._inbox: deque[Quote] = deque()
        self._arrived = asyncio.Event()
        self._progress_s = 0.0

    @abstractmethod
    async def read(self) -> None:
        """Connect once and `deliver` quotes until the connection ends or this is cancelled.

        Raises:
            Retryable: the connection could not be made, or ended.
            Rejected: the source answered with what no connection can begin with.
            Fatal: only a person can mend it.
        """

    async def run(self, publish: Publish) -> None:
        """Serve until cancelled.

        Raises:
            Fatal: `read` met what only a person can mend.
        """
        failures = 0
        while True:
            self._metrics.connects.labels(self.name).inc()
            began_ns = self.now_ns()
            kind, progressed, message = await self._serve(publish)
            stood = self.now_ns() - began_ns >= self._pace.steady_s * 1e9
            failures = 1 if progressed and stood else failures + 1
            delay_s = self._pace.delay_s(failures, self._uniform())
            self._metrics.errors.labels(self.name, kind).inc()
            self._metrics.up.labels(self.name).set(0)
            _log.warning(
                "feed reconnects", feed=self.name, kind=kind, error=message, in_s=round(delay_s, 3)
            )
            await self._sleep(delay_s)

    def deliver(self, quote: Quote, *, progress: bool = True) -> None:
        """Take one parsed quote from the adapter; never blocks.

        `progress` is False for what says nothing of the connection's main business: a funding rate
        or a trade does not excuse a book that has fallen silent.
        """
        if progress:
            self._progress_s = time.monotonic()
        if len(self._inbox) >= self._pace.inbox:
            self.refuse(self._inbox.popleft().source, "overrun")
        self._inbox.append(quote)
        self._arrived.set()

    def refuse(self, subject: str, reason: str) -> None:
        """Count what gave no price; `subject` is the source, or the feed when it is not known."""
        self._metrics.refused.labels(subject, reason).inc()

    async def _serve(self, publish: Publish) -> tuple[str, bool, str]:
        """Serve one connection to its end. Returns why it ended and whether a tick came."""
        self._inbox.clear()
        self._arrived.clear()
        self._progress_s = time.monotonic()
        reader = asyncio.create_task(self.read(), name=f"feed {self.name}")
        progressed = False
        try:
            while await self._wait(reader):
                progressed = True
                await self._publish(publish)
        except _Idle as error:
            return "idle", progressed, str(error)
        except (Retryable, Rejected) as error:
            return "connection", progressed, str(error)
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
        return "closed", progressed, "the connection ended"

    async def _wait(self, reader: asyncio.Task[None]) -> bool:
        """Wait for a quote. False when the reader has ended and nothing is left to publish.

        A reader that was cancelled from within has ended too: a client library that closes a
        connection may cancel whoever waits on it.
        """
        arrival = asyncio.create_task(self._arrived.wait())
        idle_s = self._progress_s + self._pace.idle_s - time.monotonic()
        try:
            done, _ = await asyncio.wait(
                {reader, arrival}, timeout=max(0.0, idle_s), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            arrival.cancel()
        if self._inbox:
            return True
        if not done:
            raise _Idle(f"no quote for {self._pace.idle_s} s")
        if reader.done() and not reader.cancelled():
            await reader  # raises what ended it
        return False

    async def _publish(self, publish: Publish) -> None:
        self._arrived.clear()
        ticks = [self._number(self._inbox.popleft()) for _ in range(len(self._inbox))]
        try:
            await publish(ticks)
        except Retryable as error:
            # A price that could not be published in time is worth nothing later.
            self._metrics.errors.labels(self.name, "publish").inc()
            _log.warning("ticks lost", feed=self.name, ticks=len(ticks), error=str(error))
            return
        self._metrics.up.labels(self.name).set(1)
        for tick in ticks:
            self._metrics.ticks.labels(tick.source).inc()
            self._metrics.last_tick.labels(tick.source).set(tick.received_ns / 1e9)

    def _number(self, quote: Quote) -> Tick:
        """Give the next sequence; it begins at the receive time, so that restarts go on above."""
        sequence = self._sequence.get(quote.source, quote.received_ns - 1) + 1
        self._sequence[quote.source] = sequence
        event_ns = quote.received_ns if quote.event_ns is None else quote.event_ns
        return Tick(
            quote.source,
            sequence,
            event_ns,
            quote.received_ns,
            quote.bid,
            quote.ask,
            quote.last,
            quote.bid_size,
            quote.ask_size,
            quote.last_size,
            quote.funding_e12,
        )
