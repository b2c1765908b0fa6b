"""One consumer of the library's, opened and closed: what readers and sharers have in common."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Any, Final, Self

import structlog

_STOP_S: Final = 3.0

_log = structlog.get_logger(__name__)


class OpenedConsumer(ABC):
    """Use as `async with`. What fails to open is closed too."""

    _consumer: Any = None

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._close()

    @abstractmethod
    async def _open(self) -> None:
        """Set `_consumer`, and start it."""

    async def _close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        await stopped(consumer)


async def stopped(consumer: Any) -> None:
    """Stop a consumer, by force when its goodbye takes too long."""
    # In a task of its own: with the broker away, the library's stop() raises the cancellation of
    # its own parts, as if we had been cancelled.
    stop = asyncio.ensure_future(consumer.stop())
    await asyncio.wait([stop], timeout=_STOP_S)
    if not stop.done() or stop.cancelled() or stop.exception() is not None:
        stop.cancel()
        _log.info("kafka_left_without_goodbye", group=consumer._group_id)
        await consumer._client.close()
