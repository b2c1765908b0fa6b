"""Runs what blocks in threads, few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

Answer = TypeVar("Answer")


class Turns:
    """So many calls run at once; the others wait."""

    def __init__(self, at_once: int) -> None:
        self._free: Final = asyncio.Semaphore(at_once)

    async def run(self, call: Callable[[], Answer]) -> Answer:
        """Return what `call` does, once it is its turn."""
        await self._free.acquire()
        running = asyncio.ensure_future(asyncio.to_thread(call))
        # A thread goes on when nobody waits for it any more, and keeps its place until it is done.
        running.add_done_callback(self._done)
        return await asyncio.shield(running)

    def _done(self, running: asyncio.Future[Answer]) -> None:
        self._free.release()
        if not running.cancelled():
            running.exception()  # whoever waited has it; nobody else needs to hear
