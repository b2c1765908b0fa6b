"""Reads a partition ahead, so that what comes while a step is committed is here when it is done.

The library asks the broker for more only when all it has was taken from it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

MOST: Final = 4_000
MOST_BYTES: Final = 32 * 2**20
"""With so much waiting nothing more is read until some is taken."""


class ReadAhead:
    """Records of one partition in order, by `fetch`, which waits a while and may bring none."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Sequence[Any]]],
        most: int = MOST,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._fetch: Final = fetch
        self._most, self._most_bytes = most, most_bytes
        self._bytes = 0
        self._waiting: Final[deque[Any]] = deque()
        self._changed = asyncio.Event()
        self._reading: Final = asyncio.create_task(self._read())

    async def take(self, limit: int, timeout_s: float) -> list[Any]:
        """Return up to `limit` records, as soon as there is one; none when the time is out.

        Raises whatever ended the reading, after all that was read before.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not self._waiting:
                    if self._reading.done():
                        self._reading.result()
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return []
        taken = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
        self._bytes -= sum(map(_size, taken))
        self._changed.set()
        return taken

    async def close(self) -> None:
        """End the reading; what waits is not taken."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        try:
            while True:
                while len(self._waiting) >= self._most or self._bytes >= self._most_bytes:
                    self._changed.clear()
                    await self._changed.wait()
                fetched = await self._fetch()
                self._bytes += sum(map(_size, fetched))
                self._waiting.extend(fetched)
                self._changed.set()
        finally:
            self._changed.set()


def _size(raw: Any) -> int:
    return len(raw.value or b"")
