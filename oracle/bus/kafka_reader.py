"""Reads topics from Kafka, alone or as a member of a consumer group."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import structlog

from oracle.bus.interface import Positions, Record, Start
from oracle.bus.kafka_calls import Undecodable, aiokafka
from oracle.bus.kafka_consumer import OpenedConsumer
from oracle.bus.retention import KEPT, SKIPPED
from oracle.model.errors import ConfigError, SchemaError
from oracle.model.messages import decode
from oracle.model.topics import WRITTEN_BY_STEPS, Topic

_WAIT_S: Final = 0.5
"""The longest single wait, well within the time bound of a call."""

_log = structlog.get_logger(__name__)


class KafkaSubscription(OpenedConsumer):
    """A reader of topics by their names on the cluster.

    Without a group it reads every partition that is there on entering. A group's starting
    offsets are committed on entering, before its members share them out.
    """

    def __init__(
        self,
        connect: Callable[[], Any],
        topics: Mapping[str, Topic],
        partitions: Callable[[str], Awaitable[set[int]]],
        bounded: Callable[[str], AbstractAsyncContextManager[None]],
        undecodable: Undecodable,
        start: Start | Positions,
    ) -> None:
        self._connect: Final = connect
        self._topics: Final = topics
        self._taking: Final = f"take {', '.join(topics)}"
        self._partitions: Final = partitions
        self._bounded: Final = bounded
        self._undecodable: Final = undecodable
        self._start: Final = start
        self.begun: Positions = {}
        self._next: Final[dict[Any, int]] = {}  # expected offset of each partition we hold
        self._ends: dict[Any, int] = {}  # of each partition on entering, without a group

    async def _open(self) -> None:
        found = {name: await self._partitions(name) for name in self._topics}
        at = aiokafka().TopicPartition
        everywhere = [at(name, number) for name in found for number in found[name]]
        self._consumer = self._connect()
        async with self._bounded("subscribe"):
            await self._consumer.start()
            self._consumer.assign(everywhere)
            if self._consumer._group_id is None:
                self._ends = await self._consumer.end_offsets(everywhere)
                self._next.update(await self._starts(everywhere))
                self.begun = {
                    (self._topics[at.topic], at.partition): offset
                    for at, offset in self._next.items()
                }
                for partition, offset in self._next.items():
                    self._consumer.seek(partition, offset)
            else:
                await self._join(everywhere)

    async def take(self, *, limit: int = 1000, timeout_s: float = 1.0) -> Sequence[Record]:
        """Return up to `limit` records, as soon as there is one; none when the time is out.

        A broker that is away looks like a quiet topic: the reader goes on when it is back.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout_s
        records: list[Record] = []
        while not records:
            left_s = max(0.0, deadline - clock())
            batches = await self._fetched(limit, min(left_s, _WAIT_S))
            for at, batch in batches.items():
                for raw in batch:
                    self._count_gap(at, raw.offset)
                    record = await self._record(raw)
                    if record is not None:
                        records.append(record)
            if left_s == 0:
                break
        return records

    async def caught_up(self) -> bool:
        """Whether everything has been taken that was in the log on entering; not for a group.

        By the consumer's positions: what compaction has removed at the end is passed over too.
        """
        async with self._bounded("position"):
            positions = {at: await self._consumer.position(at) for at in self._ends}
        return all(positions[at] >= end for at, end in self._ends.items())

    async def commit(self) -> None:
        """Remember, for the group, everything taken so far from partitions that are still ours."""
        if self._consumer._group_id is None:
            return
        errors = aiokafka().errors
        async with self._bounded("commit"):
            try:
                await self._consumer.commit()
            except (errors.CommitFailedError, errors.IllegalStateError) as error:
                # The partitions have moved to another member, who takes the records again.
                _log.info("kafka_commit_after_rebalance", reason=str(error))

    async def _fetched(self, limit: int, wait_s: float) -> dict[Any, list[Any]]:
        batches: dict[Any, list[Any]] = {}
        async with self._bounded(self._taking):
            try:
                # The library's own time-out does not count while a group shares out partitions;
                # it is cancelled only where it holds no records.
                async with asyncio.timeout(wait_s):
                    batches = await self._consumer.getmany(
                        timeout_ms=round(wait_s * 1000), max_records=limit
                    )
            except TimeoutError:
                pass
        return batches

    async def _starts(self, partitions: Sequence[Any]) -> dict[Any, int]:
        tail = self._start is Start.TAIL
        ask = self._consumer.end_offsets if tail else self._consumer.beginning_offsets
        offsets: dict[Any, int] = await ask(partitions)
        if isinstance(self._start, Start):
            return offsets
        wanted = {at: self._start.get((self._topics[at.topic], at.partition), 0) for at in offsets}
        for at, end in self._ends.items():
            if wanted[at] > end:
                raise ConfigError(
                    f"{at.topic}, partition {at.partition}, ends at {end}: there is no offset "
                    f"{wanted[at]} yet; was the topic made anew? Give it another prefix then"
                )
        return {at: max(first, wanted[at]) for at, first in offsets.items()}

    async def _join(self, partitions: Sequence[Any]) -> None:
        errors = aiokafka().errors
        fresh = [at for at in partitions if await self._consumer.committed(at) is None]
        if fresh:
            try:
                await self._consumer.commit(await self._starts(fresh))
            except errors.KafkaError as error:
                # A group that is already at work has fixed its start itself.
                _log.info("kafka_group_already_started", reason=repr(error))
        self._consumer.unsubscribe()
        self._consumer.subscribe(list(self._topics), listener=_forget_on_rebalance(self._next))

    def _count_gap(self, at: Any, offset: int) -> None:
        """Count what retention removed before we came by.

        Compaction leaves gaps on purpose, and so do the ends of transactions.
        """
        lost = offset - self._next.get(at, offset)
        self._next[at] = offset + 1
        topic = self._topics[at.topic]
        if lost > 0 and not KEPT[topic].compacted and topic not in WRITTEN_BY_STEPS:
            SKIPPED.labels(topic).inc(lost)
            _log.warning("bus_reader_too_slow", topic=topic, offset=offset - lost, lost=lost)

    async def _record(self, raw: Any) -> Record | None:
        topic = self._topics[raw.topic]
        try:
            message = decode(topic, raw.value or b"")
        except SchemaError as error:
            await self._undecodable(topic, raw, error)
            return None
        key = (raw.key or b"").decode(errors="replace")
        return Record(topic, raw.partition, raw.offset, key, message)


def _forget_on_rebalance(expected: dict[Any, int]) -> Any:
    """Return a listener that clears `expected`: others may read on before we get one back."""

    class Listener(aiokafka().ConsumerRebalanceListener):  # type: ignore[misc]  # optional library
        def on_partitions_revoked(self, _revoked: object) -> None:
            expected.clear()

        def on_partitions_assigned(self, _assigned: object) -> None:
            pass

    return Listener()
