"""The loop that reads the bus and writes the archive: every message of the log once.

Where to go on is read from the archive's own manifests, so that what a part has and what was read
cannot differ: a process that is killed has written a part, or has not.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, ParamSpec, TypeVar

import structlog

from oracle.archive.catalogue import Catalogue
from oracle.archive.layout import KINDS, day_of, to_json
from oracle.archive.metrics import ArchiveMetrics
from oracle.archive.parts import OpenPart, Weight, weigh
from oracle.archive.rows import messages_in
from oracle.archive.store import Store
from oracle.archive.thinning import Thinning
from oracle.bus.interface import Bus, Positions, Record, Subscription
from oracle.model.errors import PlumblineError, Retryable
from oracle.model.messages import Message, SnapshotPart, encode
from oracle.model.topics import Topic

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0
_STOP_S: Final = 10.0
_STORE_S: Final = 60.0
_WAIT_S: Final = 0.5
_TAKE: Final = 2_000
_REPEATED: Final = (Topic.CONTROLS, Topic.AUDIT)
"""The embedded bus tells them again with every run, at other offsets."""

P = ParamSpec("P")
Answer = TypeVar("Answer")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Roll:
    """When a part is full. All open parts together hold no more than `size` bytes either."""

    rows: int = 500_000
    size: int = 64 * 2**20
    """Of messages as on the bus, in bytes."""
    age_s: float = 60.0


class Archiver:
    """Writes the topics of a bus to a store; one at a time."""

    def __init__(
        self,
        bus: Bus,
        store: Store,
        metrics: ArchiveMetrics,
        roll: Roll = Roll(),
        *,
        snapshot_every_ns: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus, self._store, self._metrics, self._roll = bus, store, metrics, roll
        self._thinning: Final = Thinning(snapshot_every_ns)
        self._clock: Final = clock
        self._logs: Final = {kind: bus.log_name(kind) for kind in KINDS}
        self._open: dict[tuple[Topic, int], OpenPart] = {}
        self._ends: dict[tuple[Topic, int], int] = {}
        self._days: dict[tuple[Topic, int], str] = {}
        self._told: dict[Topic, set[bytes]] = {}
        self._pending: Final[deque[Record]] = deque()
        self._held = 0  # bytes in open parts
        self._writing: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Archive until cancelled; what is held is written on the way out.

        Raises:
            Retryable: the bus was lost, another archiver is at work, or the store cannot be read.
            ConfigError: the log is not the one that was archived.
        """
        with self._store.alone():
            await self._go_on()
            async with self._bus.subscribe(*KINDS, start=dict(self._ends)) as reader:
                self._note_begun(reader.begun)
                try:
                    while True:
                        self._pending.extend(await reader.take(limit=_TAKE, timeout_s=_WAIT_S))
                        await self._work_off()
                        await self._write_old()
                        self._measure()
                except asyncio.CancelledError:
                    await self._leave(reader)
                    raise

    async def _go_on(self) -> None:
        """Find in the archive where to begin."""
        catalogue = Catalogue(self._store)
        found = await self._called(catalogue.ends, self._logs)
        self._open, self._held = {}, 0
        self._pending.clear()
        self._ends = {at: end for at, (end, _) in found.items()}
        self._days = {at: day for at, (_, day) in found.items()}
        for kind in _REPEATED:
            self._told[kind] = await self._called(self._digests, catalogue, kind)
        _log.info("archive_opened", url=self._store.url, partitions=len(self._ends))

    def _digests(self, catalogue: Catalogue, kind: Topic) -> set[bytes]:
        pieces = catalogue.others(kind, self._logs[kind])
        return {_digest(message) for _, message in messages_in(self._store, kind, pieces)}

    def _note_begun(self, begun: Positions) -> None:
        """Begin where the log does, and say what it had dropped."""
        for (kind, partition), offset in begun.items():
            lost = offset - self._ends.get((kind, partition), offset)
            if lost > 0:
                self._metrics.lost.labels(kind).inc(lost)
                _log.error("archive_missed", kind=kind, partition=partition, offsets=lost)
            self._ends[kind, partition] = offset

    async def _work_off(self) -> None:
        """Put what was taken into parts; each record leaves the queue as it enters its part."""
        while self._pending:
            record = self._pending[0]
            if self._is_told(record) or not self._is_wanted(record.message):
                self._pending.popleft()
                continue
            weight = weigh(record.topic, record.message)
            part = await self._part_for(record, weight)
            part.add(record.offset, record.message, weight)
            self._held += weight.size
            self._pending.popleft()
            if part.rows >= self._roll.rows:
                await self._write(part)
            elif self._held >= self._roll.size:
                await self._write(max(self._open.values(), key=lambda one: one.size))

    def _is_told(self, record: Record) -> bool:
        kind = record.topic
        return kind in _REPEATED and _digest(record.message) in self._told[kind]

    def _is_wanted(self, message: Message) -> bool:
        return not isinstance(message, SnapshotPart) or self._thinning.wants(message)

    async def _part_for(self, record: Record, weight: Weight) -> OpenPart:
        """Return the part that a record belongs in, having written one of another day."""
        kind, at = record.topic, (record.topic, record.partition)
        now_ns = time.time_ns()
        time_ns = weight.max_time_ns or now_ns
        self._metrics.lag.labels(kind).set((now_ns - time_ns) / 1e9)
        # Never back a day: late messages must not scatter over many small parts.
        day = max(day_of(min(max(0, time_ns), now_ns)), self._days.get(at, ""))
        part = self._open.get(at)
        if part is not None and part.day != day:
            await self._write(part)
            part = None
        if part is None:
            begin = self._ends.get(at, record.offset)
            part = OpenPart(self._logs[kind], kind, record.partition, day, begin, self._clock())
            self._open[at], self._days[at] = part, day
        return part

    async def _write_old(self) -> None:
        before_s = self._clock() - self._roll.age_s
        for part in [part for part in self._open.values() if part.opened_s <= before_s]:
            await self._write(part)

    async def _leave(self, reader: Subscription) -> None:
        """Write what is there, while there is time for it: the embedded bus ends with us."""
        try:
            async with asyncio.timeout(_STOP_S):
                if self._writing is not None:
                    await self._writing
                while taken := await reader.take(limit=_TAKE, timeout_s=0):
                    self._pending.extend(taken)
                    await self._work_off()
                await self._work_off()
                for part in list(self._open.values()):
                    await self._write(part)
        except (TimeoutError, PlumblineError) as error:
            left = sum(part.rows for part in self._open.values()) + len(self._pending)
            _log.warning("archive_left_unwritten", messages=left, error=repr(error))

    async def _write(self, part: OpenPart) -> None:
        """Write a part; nothing is read meanwhile. To be cancelled does not stop it half-way."""
        self._writing = asyncio.ensure_future(self._write_now(part))
        await asyncio.shield(self._writing)

    async def _write_now(self, part: OpenPart) -> None:
        """Write a part, however often the store must be asked."""
        sealed = await asyncio.to_thread(part.seal, time.time_ns())
        await self._put(sealed.part.file, sealed.data)
        await self._put(sealed.part.manifest, to_json(sealed.part))
        at = (part.kind, part.partition)
        self._ends[at] = part.end_offset
        del self._open[at]
        self._held -= part.size
        self._metrics.wrote(sealed.part)
        self._measure()

    async def _put(self, path: str, data: bytes) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await self._called(self._store.put, path, data)
            except Retryable as error:
                self._metrics.failures.inc()
                self._measure()
                _log.warning("archive_not_written", path=path, error=str(error), pause_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _called(self, call: Callable[P, Answer], *given: P.args, **named: P.kwargs) -> Answer:
        """Call the store in a thread, for so long at most."""
        try:
            async with asyncio.timeout(_STORE_S):
                return await asyncio.to_thread(call, *given, **named)
        except TimeoutError as error:
            raise Retryable(
                f"the archive {self._store.url} did not answer within {_STORE_S:g} s"
            ) from error

    def _measure(self) -> None:
        opened = [part.opened_s for part in self._open.values()]
        self._metrics.buffered.set(self._held)
        self._metrics.unwritten.set(self._clock() - min(opened) if opened else 0)


def _digest(message: Message) -> bytes:
    return sha256(encode(message)).digest()
