"""The in-process bus: a log in memory, for one process without any server.

Messages are frozen, so readers get the very objects that were published. One event loop owns a
bus; it is not safe to share between threads.
"""

from __future__ import annotations

import asyncio
import uuid
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

import structlog

from oracle.bus.interface import Positions, Record, Start
from oracle.bus.retention import KEPT, SKIPPED
from oracle.bus.shards import Made, Snapshot, Taken
from oracle.bus.sharing import Declare, Divide, MemoryGroup, MemorySharing
from oracle.bus.snapshot_file import SnapshotFile
from oracle.model.errors import ConfigError
from oracle.model.messages import CLASS_OF, Message
from oracle.model.topics import Topic

RETAINED: Final = 10_000
"""Messages a partition keeps by default: some hundred MB of full tick batches at worst."""
RETAINED_LARGE: Final = {Topic.SNAPSHOTS: 64, Topic.ROUNDS: 1_024}
"""Of large messages fewer: parts of states, 32 MiB; rounds, of which the archive alone reads."""

_At = tuple[Topic, int]  # topic and partition
_log = structlog.get_logger(__name__)


class MemoryBus:
    """A log in this process.

    A partition keeps its newest `retained` messages, and up to as many again before it is
    trimmed; a compacted topic also keeps the last message of each key. A reader that is too slow
    loses the oldest, which is logged and counted in `plumbline_bus_skipped_total`.
    """

    def __init__(
        self, *, partitions: Mapping[Topic, int] | None = None, retained: int = RETAINED
    ) -> None:
        counts = {topic: (partitions or {}).get(topic, 1) for topic in Topic}
        self.logs: Final = {
            topic: [_Partition(topic, at, _retained(topic, retained)) for at in range(count)]
            for topic, count in counts.items()
        }
        self.readers: Final[dict[Topic, set[MemorySubscription]]] = {t: set() for t in Topic}
        self._name: Final = f"memory-{uuid.uuid4().hex}"
        self.groups: Final[dict[str, _Group]] = {}
        self.sharing: Final[dict[str, MemoryGroup]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        """Keep the log: a bus that is entered again goes on where it was."""

    async def publish(self, topic: Topic, messages: Iterable[tuple[str, Message]]) -> None:
        """Append (key, message) pairs."""
        partitions = self.logs[topic]
        for key, message in messages:
            if not isinstance(message, CLASS_OF[topic]):
                raise TypeError(
                    f"{topic} carries {CLASS_OF[topic].__name__}, not {type(message).__name__}"
                )
            partitions[_partition(topic, key, len(partitions))].append(key, message)
        for reader in self.readers[topic]:
            reader.wake.set()
        await asyncio.sleep(0)  # a publisher in a tight loop lets readers keep up

    def subscribe(
        self, *topics: Topic, group: str | None = None, start: Start | Positions = Start.TAIL
    ) -> MemorySubscription:
        """Read `topics`, alone or as a member of `group`."""
        shared = None if group is None else self.groups.setdefault(group, _Group())
        logs = [log for topic in topics for log in self.logs[topic]]
        return MemorySubscription(self, logs, shared, start)

    def log_name(self, _topic: Topic) -> str:
        """Return this run's name: every run counts offsets anew."""
        return self._name

    def shard_log(self, shard: int) -> MemoryShardLog:
        """Return the log of one shard."""
        return MemoryShardLog(self, self.logs[Topic.TICKS][shard], shard)

    def share(self, group: str, name: str, declare: Declare, divide: Divide) -> MemorySharing:
        """Take part, as `name`, in a group that divides work between its members."""
        members = self.sharing.setdefault(group, MemoryGroup())
        return MemorySharing(members, name, declare, divide)


class MemorySubscription:
    """A reader of a `MemoryBus`, waiting without polling."""

    def __init__(
        self,
        bus: MemoryBus,
        logs: Sequence[_Partition],
        group: _Group | None,
        start: Start | Positions,
    ) -> None:
        self.wake: Final = asyncio.Event()
        self.logs: Final = {(log.topic, log.number): log for log in logs}
        self.positions: dict[_At, int] = {}
        self._ends: dict[_At, int] = {}
        self._readers: Final = [bus.readers[log.topic] for log in logs]
        self._group: Final = group
        self._start: Final = start
        self._turn = 0
        self.begun: Positions = {}

    async def __aenter__(self) -> Self:
        starts = {at: log.start(self._start) for at, log in self.logs.items()}
        self.begun = dict(starts)
        self._ends = {at: log.end for at, log in self.logs.items()}
        for readers in self._readers:
            readers.add(self)
        if self._group is None:
            self.positions = starts
        else:
            self._group.join(self, starts)
        return self

    async def __aexit__(self, *raised: object) -> None:
        for readers in self._readers:
            readers.discard(self)
        if self._group is not None:
            self._group.leave(self)

    async def take(self, *, limit: int = 1000, timeout_s: float = 1.0) -> Sequence[Record]:
        """Return up to `limit` records, as soon as there is one; none when the time is out."""
        await asyncio.sleep(0)  # a reader of a long backlog lets others run
        records = self._read(limit)
        if records:
            return records
        try:
            async with asyncio.timeout(timeout_s):
                while not records:
                    self.wake.clear()
                    await self.wake.wait()
                    records = self._read(limit)
        except TimeoutError:
            return ()
        return records

    async def caught_up(self) -> bool:
        """Whether everything has been taken that was in the log on entering; not for a group."""
        return all(self.positions[at] >= end for at, end in self._ends.items())

    async def commit(self) -> None:
        """Remember, for the group, everything taken from partitions that are still ours."""
        if self._group is not None:
            self._group.committed.update(self.positions)

    def _read(self, limit: int) -> list[Record]:
        """Take from each partition in turn, another one first each time, so that none starves."""
        order = list(self.positions)
        self._turn += 1
        first = self._turn % len(order) if order else 0
        records: list[Record] = []
        for at in order[first:] + order[:first]:
            taken, self.positions[at] = self.logs[at].read(self.positions[at], limit - len(records))
            records += taken
        return records


class MemoryShardLog:
    """A shard's log: no one to fence, and the steps are forgotten with the process.

    A file, where one is given, keeps the newest state: a restart goes on from it.
    """

    def __init__(
        self, bus: MemoryBus, ticks: _Partition, shard: int, file: SnapshotFile | None = None
    ) -> None:
        self.shard: Final = shard
        self._bus: Final = bus
        self._file: Final = file
        self.remembers: Final = False
        self._at: Final = (ticks.topic, ticks.number)
        self._ticks: Final = MemorySubscription(bus, [ticks], None, Start.TAIL)

    async def __aenter__(self) -> Self:
        await self._ticks.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._ticks.__aexit__(kind, error, trace)

    async def snapshot(self) -> Snapshot | None:
        """Return what the file has, from a run before."""
        return None if self._file is None else await asyncio.to_thread(self._file.load)

    def reject(self) -> str:
        """Set the file aside; return where it is now."""
        return "nowhere" if self._file is None else str(self._file.set_aside())

    async def keep(self, snapshot: Snapshot) -> None:
        """Write the file."""
        if self._file is not None:
            await asyncio.to_thread(self._file.save, snapshot)

    async def since(self, _sequence: int) -> AsyncIterator[Taken]:
        """Return nothing."""
        nothing: tuple[Taken, ...] = ()
        for taken in nothing:
            yield taken

    async def own(self) -> None:
        """Do nothing: a process has one engine a shard."""

    @property
    def position(self) -> int:
        """Offset of the next ticks to take."""
        return self._ticks.positions[self._at]

    @property
    def step_offset(self) -> int:
        """Offset in `steps` of the newest step: none is kept."""
        return 0

    async def take(self, *, limit: int, timeout_s: float) -> Sequence[Record]:
        """Return up to `limit` batches of ticks, as soon as there is one; none when time is out."""
        return await self._ticks.take(limit=limit, timeout_s=timeout_s)

    async def commit(self, made: Made, snapshot: Snapshot | None) -> None:
        """Publish a step and its marks, and keep the state."""
        await self._bus.publish(Topic.STEPS, [(str(self.shard), made.manifest)])
        await self._bus.publish(Topic.MARKS, [(mark.market, mark) for mark in made.marks])
        if snapshot is not None:
            parts = snapshot.parts(self.shard)
            await self._bus.publish(Topic.SNAPSHOTS, [(part.key, part) for part in parts])
            await self.keep(snapshot)


class _Partition:
    """One ordered log with offsets; the front is forgotten in steps."""

    def __init__(self, topic: Topic, number: int, retained: int) -> None:
        self.topic: Final = topic
        self.number: Final = number
        self._retained: Final = retained
        self._base = 0  # offset of records[0]
        self._records: list[Record] = []
        self._compacted: dict[str, Record] = {}  # last of each key before base, by offset

    @property
    def end(self) -> int:
        return self._base + len(self._records)

    def start(self, start: Start | Positions) -> int:
        if isinstance(start, Start):
            return self.end if start is Start.TAIL else 0
        wanted = start.get((self.topic, self.number), 0)
        if wanted > self.end:
            raise ConfigError(f"{self.topic} ends at {self.end}: there is no offset {wanted} yet")
        return wanted if KEPT[self.topic].compacted else max(wanted, self._base)

    def append(self, key: str, message: Message) -> None:
        self._records.append(Record(self.topic, self.number, self.end, key, message))
        if len(self._records) >= 2 * self._retained:
            self._trim(len(self._records) - self._retained)

    def read(self, position: int, limit: int) -> tuple[list[Record], int]:
        """Return at most `limit` records from `position`, and the position after them."""
        records: list[Record] = []
        if position < self._base:
            if KEPT[self.topic].compacted:
                old = [r for r in self._compacted.values() if r.offset >= position]
                records = old[:limit]
                if len(old) > limit:
                    return records, old[limit].offset
            else:
                lost = self._base - position
                SKIPPED.labels(self.topic).inc(lost)
                _log.warning("bus_reader_too_slow", topic=self.topic, offset=position, lost=lost)
            position = self._base
        first = position - self._base
        records += self._records[first : first + limit - len(records)]
        return records, records[-1].offset + 1 if records else position

    def _trim(self, count: int) -> None:
        if KEPT[self.topic].compacted:
            for record in self._records[:count]:
                self._compacted.pop(record.key, None)  # re-inserted: the dict stays in offset order
                self._compacted[record.key] = record
        del self._records[:count]
        self._base += count


class _Group:
    """Readers that share partitions, and how far they have committed."""

    def __init__(self) -> None:
        self.committed: Final[dict[_At, int]] = {}
        self._members: Final[list[MemorySubscription]] = []

    def join(self, member: MemorySubscription, starts: Mapping[_At, int]) -> None:
        for at, offset in starts.items():
            self.committed.setdefault(at, offset)
        self._members.append(member)
        self._rebalance()

    def leave(self, member: MemorySubscription) -> None:
        self._members.remove(member)
        member.positions = {}
        self._rebalance()

    def _rebalance(self) -> None:
        """Deal the partitions out in turn; all go on from their commit, as with Kafka."""
        for member in self._members:
            member.positions = {}
            member.wake.set()
        for turn, at in enumerate(sorted({at for member in self._members for at in member.logs})):
            able = [member for member in self._members if at in member.logs]
            able[turn % len(able)].positions[at] = self.committed[at]


def _retained(topic: Topic, retained: int) -> int:
    """Return how many messages a partition keeps."""
    return min(retained, RETAINED_LARGE.get(topic, retained))


def _partition(topic: Topic, key: str, partitions: int) -> int:
    """Return where a key's messages go: those of a shard by its number, all else is hashed."""
    if topic is Topic.TICKS or (partitions > 1 and topic in (Topic.STEPS, Topic.SNAPSHOTS)):
        return int(key.partition("|")[0])
    return zlib.crc32(key.encode()) % partitions if partitions > 1 else 0
