"""Live events to many readers. A slow reader loses its oldest events, and is told how many."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Final

from prometheus_client import Counter, Gauge

from oracle.model.errors import Retryable

QUEUED: Final = 1024
"""Events that wait for one reader."""
MAX_STREAMS: Final = 64

_STREAMS = Gauge("plumbline_api_streams", "Readers of GET /v1/stream now")
_DROPPED = Counter(
    "plumbline_api_stream_dropped_total", "Events that slow readers of GET /v1/stream lost"
)


class Event:
    """Something to tell; rendered once, when its first reader takes it."""

    def __init__(self, kind: str, market: str | None, render: Callable[[], str]) -> None:
        self.kind: Final = kind
        self.market: Final = market
        """The one market it is about; None when it concerns every reader."""
        self._render: Final = render

    @cached_property
    def data(self) -> str:
        """The event as JSON."""
        return self._render()


class Stream:
    """One reader's bounded queue."""

    def __init__(self, market: str | None, queued: int, first: Iterable[Event]) -> None:
        self.market: Final = market
        self._queue: Final[deque[Event]] = deque(first)
        self._queued: Final = queued
        self._wake: Final = asyncio.Event()
        self._dropped = 0
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._ended and not self._queue

    def put(self, event: Event) -> None:
        """Queue an event that this reader wants; never wait."""
        if event.market is not None and self.market not in (None, event.market):
            return
        if len(self._queue) >= self._queued:
            self._queue.popleft()
            self._dropped += 1
            _DROPPED.inc()
        self._queue.append(event)
        self._wake.set()

    def end(self) -> None:
        """Let the reader take what is queued, then stop."""
        self._ended = True
        self._wake.set()

    async def take(self, timeout_s: float) -> Event | None:
        """Return the next event; None when the time is out or the stream has ended."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self._queue:
                    if self._ended:
                        return None
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            return None
        return self._queue.popleft()

    def take_dropped(self) -> int:
        """Return how many events were lost since this was last asked."""
        dropped, self._dropped = self._dropped, 0
        return dropped


class Fanout:
    """The open streams."""

    def __init__(self, *, queued: int = QUEUED, max_streams: int = MAX_STREAMS) -> None:
        self._queued: Final = queued
        self._max_streams: Final = max_streams
        self._streams: Final[set[Stream]] = set()
        self._ended = False

    @property
    def readers(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    def open(self, market: str | None, first: Iterable[Event] = ()) -> Stream:
        """Open a stream of `market`, or of all, that begins with `first`.

        Raises:
            Retryable: too many are open, or the server is stopping.
        """
        if self._ended:
            raise Retryable("the server is stopping; connect to another, or again later")
        if len(self._streams) >= self._max_streams:
            raise Retryable(
                f"{self._max_streams} streams are open, as many as this server serves; try again "
                "later, or share one stream between your readers"
            )
        stream = Stream(market, self._queued, first)
        self._streams.add(stream)
        _STREAMS.inc()
        return stream

    def close(self, stream: Stream) -> None:
        """Forget a stream whose reader has left."""
        if stream in self._streams:
            self._streams.discard(stream)
            _STREAMS.dec()

    def tell(self, event: Event) -> None:
        """Queue an event for everybody who wants it."""
        for stream in self._streams:
            stream.put(event)

    def end(self) -> None:
        """End every stream; no more are opened."""
        self._ended = True
        for stream in self._streams:
            stream.end()
