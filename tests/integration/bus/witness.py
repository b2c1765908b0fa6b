"""Publishes numbered messages all along, and says afterwards which must be there."""

from __future__ import annotations

import asyncio
from typing import Final

from oracle.bus.interface import Bus, Start
from oracle.model.errors import Retryable
from oracle.model.topics import Topic
from tests.integration.bus.reading import receipt, slots

_PACE_S: Final = 0.01


class Witness:
    """Receipts with rising numbers; one that was not acknowledged is not sent again."""

    def __init__(self, bus: Bus) -> None:
        self._bus: Final = bus
        self.acknowledged: Final[list[int]] = []
        self.refused: Final[list[str]] = []
        """What publishing said when it failed."""
        self.number = 0
        """Of the newest, which may be under way."""

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            self.number += 1
            try:
                await self._bus.publish(Topic.RECEIPTS, [("w", receipt("w", self.number))])
                self.acknowledged.append(self.number)
            except Retryable as error:
                self.refused.append(str(error))
            await asyncio.sleep(_PACE_S)

    async def more(self) -> None:
        """Wait until one more is acknowledged."""
        count = len(self.acknowledged)
        async with asyncio.timeout(120):
            while len(self.acknowledged) == count:  # noqa: ASYNC110 - nothing tells of a broker that is back
                await asyncio.sleep(_PACE_S)

    async def missing(self, bus: Bus) -> set[int]:
        """Return which were acknowledged and are not in the log, as another bus reads it."""
        acknowledged = set(self.acknowledged)  # more may come while we read
        found: list[int] = []
        async with bus.subscribe(Topic.RECEIPTS, start=Start.EARLIEST) as reader:
            while not await reader.caught_up():
                found += slots(list(await reader.take(timeout_s=0.5)), "w")
        assert len(found) == len(set(found)), "nothing was sent twice"
        return acknowledged - set(found)
