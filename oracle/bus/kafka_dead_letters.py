"""Sets messages aside that do not decode: on `dead-letters`, with their place and the reason.

Nothing waits for it, and it has a producer of its own: neither garbage in a flood nor a topic of
dead letters that is full or forbidden holds up a reader or a writer.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import structlog
from prometheus_client import Counter

from oracle.bus.kafka_writer import KafkaWriter
from oracle.bus.retention import UNDECODABLE
from oracle.model.errors import PlumblineError, SchemaError
from oracle.model.messages import DeadLetter, encode
from oracle.model.topics import Topic

KEPT_BYTES: Final = 64 * 1024
"""Of a message that does not decode, so much is kept."""
BURST: Final = 50
"""Letters that a process may set aside at once; they are also all that it holds in memory."""
PER_SECOND: Final = 5.0
"""Letters of a process after that: with their size and the topic's retention, a bound on disk."""
_REASON_CHARACTERS: Final = 500
_LAST_S: Final = 1.0

LETTERS: Final = Counter(
    "plumbline_bus_dead_letters_total",
    "Messages that did not decode: kept on dead-letters, over the rate, or lost in writing",
    ["outcome"],
)

_log = structlog.get_logger(__name__)


class DeadLetters:
    """What one process sets aside, by a writer that nobody else uses."""

    def __init__(self, writer: KafkaWriter, name: str) -> None:
        self._writer: Final = writer
        self._name: Final = name
        self._waiting: Final[asyncio.Queue[DeadLetter]] = asyncio.Queue(BURST)
        self._allowance: float = BURST
        self._counted_s = 0.0
        self._unsaid = 0
        self._writing: asyncio.Task[None] | None = None

    async def set_aside(self, topic: Topic, raw: Any, error: SchemaError) -> None:
        """Count a message that does not decode and, within the rate, keep it."""
        UNDECODABLE.labels(topic).inc()
        if topic is Topic.DEAD_LETTERS:
            return  # a letter about a letter would have its own, without end
        if not self._may() or self._waiting.full():
            self._unsaid += 1
            LETTERS.labels("over_rate").inc()
            return
        wire, reason = raw.value or b"", str(error)[:_REASON_CHARACTERS]
        _log.warning(
            "bus_message_undecodable",
            topic=topic,
            partition=raw.partition,
            offset=raw.offset,
            reason=reason,
            others_unsaid=self._unsaid,
        )
        self._unsaid = 0
        letter = DeadLetter(
            topic,
            raw.partition,
            raw.offset,
            reason,
            wire[:KEPT_BYTES],
            len(wire),
            time.time_ns(),
        )
        self._waiting.put_nowait(letter)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="dead letters")

    async def close(self) -> None:
        """Write what waits, if that is quick."""
        if self._writing is not None:
            try:
                async with asyncio.timeout(_LAST_S):
                    await self._waiting.join()
            except TimeoutError:
                LETTERS.labels("lost").inc(self._waiting.qsize())
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
            self._writing = None
        await self._writer.close()

    def _may(self) -> bool:
        """Whether the rate allows one more."""
        now_s = asyncio.get_running_loop().time()
        grown = self._allowance + (now_s - self._counted_s) * PER_SECOND
        self._allowance, self._counted_s = min(BURST, grown), now_s
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    async def _write(self) -> None:
        while True:
            letter = await self._waiting.get()
            try:
                await self._writer.open()
                await self._writer.send(self._name, [(letter.key.encode(), encode(letter), None)])
                LETTERS.labels("kept").inc()
            except PlumblineError as error:
                LETTERS.labels("lost").inc()
                _log.error(
                    "dead_letter_lost", topic=letter.topic, offset=letter.offset, error=str(error)
                )
            finally:
                self._waiting.task_done()
