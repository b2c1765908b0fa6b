"""One shard's log on Kafka: a transaction a step, and the shard's own transactional id.

Whoever initialises the shard's transactional id last is the only one whose transactions the
cluster takes: that fences an owner that was paused, cut off or slow to hear that it is none. Where
to go on is read from the log itself: each step's manifest says what it took, in the very
transaction that made it visible (docs/decisions/0011-exactly-once.md).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final, Self

import structlog

from oracle.bus.interface import Record
from oracle.bus.kafka_ahead import ReadAhead
from oracle.bus.kafka_calls import Undecodable, aiokafka
from oracle.bus.kafka_consumer import stopped
from oracle.bus.kafka_transactions import Transactions
from oracle.bus.retention import SKIPPED
from oracle.bus.shards import Made, Snapshot, Taken, joined
from oracle.model.errors import ConfigError, Retryable, SchemaError
from oracle.model.messages import (
    SCHEMA_VERSION,
    Message,
    SnapshotPart,
    StepManifest,
    decode,
    encode,
)
from oracle.model.ticks import TickBatch
from oracle.model.topics import Topic

_WAIT_S: Final = 0.5
_READ: Final = 500
"""Records in one go while the past is read."""

_log = structlog.get_logger(__name__)


class KafkaShardLog:
    """A shard's log; `connect` makes a consumer without a group, reading what is committed."""

    def __init__(
        self,
        shard: int,
        connect: Callable[[], Any],
        names: Callable[[Topic], str],
        transactions: Transactions,
        bounded: Callable[[str], AbstractAsyncContextManager[None]],
        undecodable: Undecodable,
        patience_s: float,
    ) -> None:
        self.shard: Final = shard
        self.remembers: Final = True
        self._connect: Final = connect
        self._bounded: Final = bounded
        self._transactions: Final = transactions
        self._undecodable: Final = undecodable
        self._patience_s: Final = patience_s
        at = aiokafka().TopicPartition
        self._ticks_at: Final = at(names(Topic.TICKS), shard)
        self._steps_at: Final = at(names(Topic.STEPS), shard)
        self._snapshots_at: Final = at(names(Topic.SNAPSHOTS), shard)
        self._ticks: Any = None
        self._position: int | None = None
        self._step_offset = 0
        self._ahead: Final[deque[Any]] = deque()  # ticks read beyond the last step replayed
        self._ahead_at = 0  # the offset at which they begin
        self._live: ReadAhead | None = None  # once steps are made and not read

    async def __aenter__(self) -> Self:
        self._ticks = await self._reader(self._ticks_at)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._transactions.close()
        if self._live is not None:
            await self._live.close()
        await stopped(self._ticks)

    async def snapshot(self) -> Snapshot | None:
        """Return the newest state that was committed; the steps after it come by `since`."""
        parts: list[SnapshotPart] = []
        async for raw in self._all(self._snapshots_at, 0):
            part = await self._read(Topic.SNAPSHOTS, raw)
            if isinstance(part, SnapshotPart):
                parts.append(part)
        found = joined(parts)
        if found is not None:
            self._position, self._step_offset = found.tick_offset, found.step_offset
        return found

    def reject(self) -> str:
        """Do nothing: the next snapshot takes its place."""
        return f"{self._snapshots_at.topic} until the next one"

    async def keep(self, snapshot: Snapshot) -> None:
        """Do nothing: the steps since the last snapshot are in the log."""

    async def since(self, sequence: int) -> AsyncIterator[Taken]:
        """Return the committed steps after `sequence`, up to the log's end as it is now."""
        async for raw in self._all(self._steps_at, self._step_offset):
            self._step_offset = raw.offset
            if (raw.value or b"")[:1] > bytes((SCHEMA_VERSION,)):
                raise ConfigError(
                    f"shard {self.shard} was stepped by a newer release (schema version "
                    f"{raw.value[0]}; this one knows {SCHEMA_VERSION}): start that release; going "
                    "on here would give numbers to steps that have been given"
                )
            manifest = await self._read(Topic.STEPS, raw)
            if not isinstance(manifest, StepManifest) or manifest.sequence <= sequence:
                continue
            start = manifest.tick_starts.get(self.shard, 0)
            end = manifest.tick_offsets.get(self.shard, start)
            batches, whole = await self._between(start, end)
            self._position = end
            yield Taken(manifest, batches, whole)

    async def own(self) -> None:
        """Shut every other writer out of this shard. Read `since` once more after it."""
        await self._transactions.take_over()
        if self._position is None:
            async with self._bounded("find the end of ticks"):
                ends = await self._ticks.end_offsets([self._ticks_at])
            self._position = ends[self._ticks_at]

    @property
    def position(self) -> int:
        """Offset of the next ticks to take."""
        if self._position is None:
            raise RuntimeError("the position is known once something was taken or sought")
        return self._position

    @property
    def step_offset(self) -> int:
        """An offset in `steps` that is not after the newest step's."""
        return self._step_offset

    async def take(self, *, limit: int, timeout_s: float) -> Sequence[Record]:
        """Return up to `limit` batches of ticks, as soon as there is one; none when time is out.

        A broker that is away looks like a quiet topic: the reader goes on when it is back.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout_s
        if self._live is None:
            self._ticks.seek(self._ticks_at, self.position)
            self._ahead.clear()
            self._live = ReadAhead(
                lambda: self._fetched(self._ticks, self._ticks_at, _READ, _WAIT_S)
            )
        records: list[Record] = []
        while not records:
            left_s = max(0.0, deadline - clock())
            for raw in await self._live.take(limit, left_s):
                records += await self._decoded(raw)
            if left_s == 0:
                break
        return records

    async def commit(self, made: Made, snapshot: Snapshot | None) -> None:
        """Append a step, its marks and, unless None, the state after it: all of them or none."""
        shard = str(self.shard).encode()
        messages = [(Topic.STEPS, shard, encode(made.manifest))]
        messages += [
            (Topic.MARKS, mark.market.encode(), wire)
            for mark, wire in zip(made.marks, made.encoded, strict=True)
        ]
        if snapshot is not None:
            parts = snapshot.parts(self.shard)
            messages += [(Topic.SNAPSHOTS, part.key.encode(), encode(part)) for part in parts]
        end = made.manifest.tick_offsets[self.shard]
        offset = await self._transactions.commit(self.shard, messages, end)
        self._step_offset = offset

    async def _decoded(self, raw: Any) -> list[Record]:
        if self._position is not None and raw.offset > self._position:
            SKIPPED.labels(Topic.TICKS).inc(raw.offset - self._position)
        self._position = raw.offset + 1
        message = await self._read(Topic.TICKS, raw)
        if message is None:
            return []
        key = (raw.key or b"").decode(errors="replace")
        return [Record(Topic.TICKS, raw.partition, raw.offset, key, message)]

    async def _read(self, topic: Topic, raw: Any) -> Message | None:
        """Decode a record; one that does not is set aside."""
        try:
            return decode(topic, raw.value or b"")
        except SchemaError as error:
            await self._undecodable(topic, raw, error)
            return None

    async def _between(self, start: int, end: int) -> tuple[list[TickBatch], bool]:
        """Return the ticks from `start` to before `end`, and whether the log still has them all."""
        if self._ahead_at != start:
            self._ticks.seek(self._ticks_at, start)
            self._ahead.clear()
        taken: list[Any] = []
        patience = self._patience()
        while True:
            while self._ahead and self._ahead[0].offset < end:
                taken.append(self._ahead.popleft())
            if self._ahead or await self._ticks.position(self._ticks_at) >= end:
                break
            fetched = await self._fetched(self._ticks, self._ticks_at, _READ, _WAIT_S)
            patience(bool(fetched))
            self._ahead.extend(fetched)
        self._ahead_at = end
        records = [record for raw in taken for record in await self._decoded(raw)]
        batches = [r.message for r in records if isinstance(r.message, TickBatch)]
        return batches, len(taken) == end - start

    async def _all(self, at: Any, start: int) -> AsyncIterator[Any]:
        """Return what is committed in a partition, from `start` to its end as it is now."""
        reader = await self._reader(at)
        try:
            async with self._bounded(f"read {at.topic}"):
                first = (await reader.beginning_offsets([at]))[at]
                end = (await reader.end_offsets([at]))[at]  # nothing of a transaction still open
                reader.seek(at, max(first, start))
            patience = self._patience()
            while await reader.position(at) < end:
                fetched = await self._fetched(reader, at, _READ, _WAIT_S)
                patience(bool(fetched))
                for raw in fetched:
                    yield raw
        finally:
            await stopped(reader)

    async def _reader(self, at: Any) -> Any:
        consumer = self._connect()
        try:
            async with self._bounded(f"read {at.topic}"):
                await consumer.start()
                consumer.assign([at])
        except BaseException:
            await stopped(consumer)
            raise
        return consumer

    async def _fetched(self, consumer: Any, at: Any, limit: int, wait_s: float) -> list[Any]:
        async with self._bounded(f"read {at.topic}"):
            found = await consumer.getmany(timeout_ms=round(wait_s * 1000), max_records=limit)
        return [raw for batch in found.values() for raw in batch]

    def _patience(self) -> Callable[[bool], None]:
        """Return what to tell after each fetch: it raises when nothing has come for too long."""
        clock = asyncio.get_running_loop().time
        last = clock()

        def tell(progress: bool) -> None:
            nonlocal last
            if progress:
                last = clock()
            elif clock() - last > self._patience_s:
                raise Retryable(
                    f"shard {self.shard}: its log has more, but the Kafka broker gave none of it "
                    f"for {self._patience_s:.0f} s"
                )

        return tell
