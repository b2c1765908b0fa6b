"""Writes to Kafka outside of transactions: idempotent, acknowledged by every replica in sync."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import structlog

from oracle.bus.kafka_calls import aiokafka
from oracle.bus.kafka_faults import WriteFaults
from oracle.bus.retention import MESSAGE_BYTES
from oracle.model.errors import Retryable

_BATCH_BYTES: Final = 512 * 1024
"""Room for many tick batches in one request: the library has one in flight for each broker."""
_CLOSE_S: Final = 1.0

Outgoing = tuple[bytes, bytes, int | None]
"""Key, bytes, and the partition when it is not the key's."""

_log = structlog.get_logger(__name__)


class KafkaWriter:
    """One producer at a time, a new one when the last was given up."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        bounded: Callable[[str], AbstractAsyncContextManager[None]],
    ) -> None:
        self._library: Final = aiokafka()
        self._settings: Final = {
            "acks": "all",
            "enable_idempotence": True,
            "max_batch_size": _BATCH_BYTES,
            "max_request_size": MESSAGE_BYTES,
            **settings,
        }
        self._bounded: Final = bounded
        self._faults: Final = WriteFaults(settings["bootstrap_servers"])
        self._producer: Any = None
        self._open = False
        self._connecting: Final = asyncio.Lock()

    async def open(self) -> None:
        """Connect."""
        self._open = True
        await self._connected()

    async def close(self) -> None:
        """Give up what was not sent."""
        self._open = False
        producer, self._producer = self._producer, None
        if producer is not None:
            await self._close(producer)

    async def send(self, name: str, messages: Sequence[Outgoing]) -> None:
        """Append messages to a topic; return once every replica in sync has them.

        After Retryable some may have been written: to send them again may write them twice.
        """
        producer = None
        try:
            producer = await self._connected()
            async with self._bounded(f"publish to {name}"):
                sent = [
                    await producer.send(name, value, key, partition)
                    for key, value, partition in messages
                ]
                await asyncio.gather(*sent)
        except Retryable as error:
            await self._abandon(producer)
            raise await self._faults.told(name, error) from error
        self._faults.worked(name)

    async def partitions(self, name: str) -> set[int]:
        """Return a topic's partitions."""
        producer = await self._connected()
        async with self._bounded(f"look up {name}"):
            found: set[int] = await producer.partitions_for(name)
        return found

    async def _connected(self) -> Any:
        async with self._connecting:
            if not self._open:
                raise RuntimeError("enter the bus with 'async with' before use")
            if self._producer is None:
                producer = self._library.AIOKafkaProducer(**self._settings)
                try:
                    async with self._bounded("connect"):
                        await producer.start()
                except BaseException:
                    await self._close(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _abandon(self, producer: Any) -> None:
        """Give up what the producer still holds: late prices are worse than none.

        Whoever else waits for it hears of it now, and not when its own time is out.
        """
        if producer is not None and self._producer is producer:
            self._producer = None
            await self._close(producer)
            given_up = self._library.errors.ProducerClosed("another write was given up")
            _fail_all(producer._message_accumulator, given_up)

    async def _close(self, producer: Any) -> None:
        """Stop the producer without its flush, which waits for ever for a dead broker."""
        # In a task of its own: a sender that never came to run raises its cancellation as if it
        # were ours.
        stop = asyncio.ensure_future(producer._sender.close())
        await asyncio.wait([stop], timeout=_CLOSE_S)
        if not stop.done():
            stop.cancel()
            _log.warning("kafka_sender_did_not_stop")
        elif not stop.cancelled() and stop.exception() is not None:
            _log.warning("kafka_sender_failed", error=str(stop.exception()))
        await producer.client.close()
        producer._closed = True  # its own stop() would flush


def _fail_all(waiting: Any, error: Exception) -> None:
    """Have all that a producer still holds fail.

    The library's own `fail_all` trips over a batch that has been tried before.
    """
    waiting._exception = error
    batches = [batch for queue in waiting._batches.values() for batch in queue]
    for batch in (*batches, *waiting._pending_batches):
        for future, _ in batch._msg_futures:
            if not future.done():
                future.set_exception(error)
