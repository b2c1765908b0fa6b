"""Follows a deployment's marks while things happen to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from oracle.bus.interface import Start
from oracle.model.errors import Retryable
from oracle.model.messages import Mark
from oracle.model.topics import Topic
from tests.integration.shards.world import MARKETS, World

DEADLINE_S: Final = 300.0


class Newest:
    """Follows `marks`: when each market last had one, by our clock."""

    def __init__(self, world: World) -> None:
        self.seen_s: dict[str, float] = {}
        self._world = world

    async def run(self) -> None:
        """Follow until cancelled; a broker that is away is waited for."""
        while True:
            try:
                await self._follow()
            except Retryable:
                await asyncio.sleep(0.5)

    async def _follow(self) -> None:
        async with self._world.bus.subscribe(Topic.MARKS, start=Start.TAIL) as reader:
            while True:
                for record in await reader.take():
                    if isinstance(record.message, Mark):
                        self.seen_s[record.message.market] = time.monotonic()

    async def all_fresh(self, since_s: float) -> None:
        """Wait until every market has had a mark after a moment."""
        await until(lambda: self._fresh(since_s) == MARKETS)

    def _fresh(self, since_s: float) -> int:
        return sum(seen_s > since_s for seen_s in self.seen_s.values())


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
