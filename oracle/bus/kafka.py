"""The bus on Kafka: idempotent writes acknowledged by every replica, keys hashed to partitions.

Readers are in `oracle.bus.kafka_reader`, topics are made and checked in `oracle.bus.kafka_topics`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Self

import structlog

from oracle.bus.interface import Positions, Start
from oracle.bus.kafka_admin import KafkaAdmin
from oracle.bus.kafka_calls import aiokafka, bounded
from oracle.bus.kafka_reader import KafkaSubscription
from oracle.bus.kafka_shard import KafkaShardLog
from oracle.bus.kafka_sharing import KafkaSharing
from oracle.bus.kafka_topics import KafkaTopics, Layout
from oracle.bus.kafka_transactions import Transactions
from oracle.bus.retention import UNDECODABLE
from oracle.bus.sharing import Declare, Divide
from oracle.model.errors import ConfigError, PlumblineError, Retryable, SchemaError
from oracle.model.messages import CLASS_OF, DeadLetter, Message, encode
from oracle.model.topics import Topic

_ADDRESSES: Final = re.compile(r"[^\s,:]+:\d{1,5}(,[^\s,:]+:\d{1,5})*")
_BATCH_BYTES: Final = 512 * 1024
"""Room for many tick batches in one request: the library has one in flight for each broker."""
DEAD_LETTER_BYTES: Final = 64 * 1024
"""Of a message that does not decode, so much is kept."""

_log = structlog.get_logger(__name__)


class KafkaBus:
    """A log on the Kafka cluster at `bootstrap` (`host:port,host:port`).

    `prefix` goes before every topic's name, so that two deployments may share a cluster. No call
    lasts much longer than `request_timeout_ms`. `compression` is `gzip` or None: tick batches are
    small, and the time costs more than the bytes.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        prefix: str = "plumbline.",
        client_id: str = "plumbline",
        request_timeout_ms: int = 10_000,
        linger_ms: int = 2,
        compression: str | None = None,
        session_timeout_ms: int = 10_000,
    ) -> None:
        if not _ADDRESSES.fullmatch(bootstrap):
            raise ConfigError(
                f"Kafka address {bootstrap!r} is not host:port; give one or more as "
                "'host:port,host:port'"
            )
        if compression not in {None, "gzip"}:
            raise ConfigError(f"Kafka compression {compression!r} is not known; allowed: gzip")
        self._library: Final = aiokafka()
        self._bootstrap: Final = bootstrap
        self._prefix: Final = prefix
        self._timeout_ms: Final = request_timeout_ms
        self._session_timeout_ms: Final = session_timeout_ms
        self._client: Final = {
            "bootstrap_servers": bootstrap,
            "client_id": client_id,
            "request_timeout_ms": request_timeout_ms,
        }
        self._official: Final = {"bootstrap.servers": bootstrap, "client.id": client_id}
        self._writing: Final = {
            "acks": "all",
            "enable_idempotence": True,
            "linger_ms": linger_ms,
            "compression_type": compression,
            "max_batch_size": _BATCH_BYTES,
        }
        self.topics: Final = KafkaTopics(
            KafkaAdmin(self._official, request_timeout_ms / 1000), bootstrap, prefix
        )
        self._producer: Any = None
        self._open = False
        self._connecting: Final = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._open = True
        await self._connected()
        return self

    async def __aexit__(self, *raised: object) -> None:
        self._open = False
        producer, self._producer = self._producer, None
        if producer is not None:
            await self._close(producer)

    async def publish(self, topic: Topic, messages: Iterable[tuple[str, Message]]) -> None:
        """Append (key, message) pairs; return once every replica in sync has them.

        After Retryable some may have been written: to publish them again may write them twice.
        """
        name, pairs = self._prefix + topic, []
        for key, message in messages:
            if not isinstance(message, CLASS_OF[topic]):
                raise TypeError(
                    f"{topic} carries {CLASS_OF[topic].__name__}, not {type(message).__name__}"
                )
            partition = int(key) if topic is Topic.TICKS else None  # ticks say their shard
            pairs.append((key.encode(), encode(message), partition))
        producer = await self._connected()
        try:
            async with self._bounded(f"publish to {name}"):
                sent = [
                    await producer.send(name, value, key, partition)
                    for key, value, partition in pairs
                ]
                await asyncio.gather(*sent)
        except Retryable:
            await self._abandon(producer)
            raise

    def subscribe(
        self, *topics: Topic, group: str | None = None, start: Start | Positions = Start.TAIL
    ) -> KafkaSubscription:
        """Read `topics`, alone or as a member of `group`."""
        return KafkaSubscription(
            lambda: self._consumer(group),
            {self._prefix + topic: topic for topic in topics},
            self._partitions,
            self._bounded,
            self._set_aside,
            start,
        )

    def log_name(self, topic: Topic) -> str:
        """Return the topic's name on the cluster."""
        return self._prefix + topic

    def share(self, group: str, name: str, declare: Declare, divide: Divide) -> KafkaSharing:
        """Take part, as `name`, in a group that divides work between its members."""
        return KafkaSharing(
            lambda assignor: self._consumer(
                group, group_instance_id=name, partition_assignment_strategy=(assignor,)
            ),
            self._prefix + Topic.DUTIES,
            name,
            declare,
            divide,
            self._bounded,
            self._session_timeout_ms / 1000,
        )

    def shard_log(self, shard: int) -> KafkaShardLog:
        """Return the log of one shard."""
        return KafkaShardLog(
            shard,
            lambda: self._consumer(None),
            lambda topic: self._prefix + topic,
            Transactions(
                self._official,
                f"{self._prefix}engine.{shard}",
                lambda topic: self._prefix + topic,
                f"{self._prefix}engine",
                self._timeout_ms / 1000,
            ),
            self._bounded,
            self._set_aside,
            self._timeout_ms / 1000,
        )

    async def _set_aside(self, topic: Topic, raw: Any, error: SchemaError) -> None:
        """Keep a message that does not decode, and why; to fail at that must stop nothing."""
        UNDECODABLE.labels(topic).inc()
        wire = raw.value or b""
        letter = DeadLetter(
            topic, raw.partition, raw.offset, str(error), wire[:DEAD_LETTER_BYTES], len(wire)
        )
        _log.warning(
            "bus_message_undecodable",
            topic=topic,
            partition=raw.partition,
            offset=raw.offset,
            reason=str(error),
        )
        try:
            await self.publish(Topic.DEAD_LETTERS, [(letter.key, letter)])
        except PlumblineError as failed:
            _log.error("dead_letter_lost", topic=topic, offset=raw.offset, error=str(failed))

    async def ensure_topics(
        self, partitions: Mapping[Topic, int] | None = None, *, replication: int = 1
    ) -> list[str]:
        """Create the topics that are missing, with 1 partition unless `partitions` says more.

        Returns a sentence for each setting of an existing topic that is not as it should be;
        those are left alone, since to change them loses order or data.
        """
        states = await self.topics.create(Layout(partitions or {}, replication))
        return [difference for state in states for difference in state.differences]

    def _consumer(self, group: str | None, **settings: Any) -> Any:
        return self._library.AIOKafkaConsumer(
            **self._client
            | {
                "group_id": None if group is None else self._prefix + group,
                "enable_auto_commit": False,
                "isolation_level": "read_committed",
                # Start.TAIL is fixed by an offset; this is for a reader the log has overtaken.
                "auto_offset_reset": "earliest",
                "session_timeout_ms": self._session_timeout_ms,
                # Members hear of a rebalance by heartbeat, and a new one waits for all of them.
                "heartbeat_interval_ms": min(1000, self._session_timeout_ms // 3),
                "request_timeout_ms": max(self._timeout_ms, self._session_timeout_ms + 1000),
            }
            | settings
        )

    def _bounded(self, doing: str) -> AbstractAsyncContextManager[None]:
        return bounded(doing, self._bootstrap, self._timeout_ms)

    async def _partitions(self, name: str) -> set[int]:
        producer = await self._connected()
        async with self._bounded(f"look up {name}"):
            found: set[int] = await producer.partitions_for(name)
        return found

    async def _connected(self) -> Any:
        """Return the producer, a new one when the last was given up."""
        async with self._connecting:
            if not self._open:
                raise RuntimeError("enter the bus with 'async with' before use")
            if self._producer is None:
                producer = self._library.AIOKafkaProducer(**self._client, **self._writing)
                try:
                    async with self._bounded("connect"):
                        await producer.start()
                except BaseException:
                    await self._close(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _abandon(self, producer: Any) -> None:
        """Give up what the producer still holds: late prices are worse than none."""
        if self._producer is producer:
            self._producer = None
            await self._close(producer)

    async def _close(self, producer: Any) -> None:
        """Stop the producer without its flush, which waits for ever for a dead broker."""
        try:
            async with asyncio.timeout(1.0):
                await producer._sender.close()
        except TimeoutError:
            _log.warning("kafka_sender_did_not_stop", bootstrap=self._bootstrap)
        await producer.client.close()
        producer._closed = True  # its own stop() would flush
