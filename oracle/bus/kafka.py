"""The bus on Kafka: idempotent writes acknowledged by every replica, keys hashed to partitions.

Writes are in `oracle.bus.kafka_writer`, readers in `oracle.bus.kafka_reader`; topics are made and
checked in `oracle.bus.kafka_topics`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Self

from oracle.bus.grants import Grants
from oracle.bus.interface import Positions, Start
from oracle.bus.kafka_admin import KafkaAdmin
from oracle.bus.kafka_calls import aiokafka, bounded
from oracle.bus.kafka_dead_letters import DeadLetters
from oracle.bus.kafka_reader import KafkaSubscription
from oracle.bus.kafka_rights import KafkaRights
from oracle.bus.kafka_security import PLAIN, Security, connection
from oracle.bus.kafka_shard import KafkaShardLog
from oracle.bus.kafka_sharing import KafkaSharing
from oracle.bus.kafka_topics import KafkaTopics, Layout
from oracle.bus.kafka_transactions import Transactions
from oracle.bus.kafka_writer import KafkaWriter
from oracle.bus.sharing import Declare, Divide
from oracle.model.errors import ConfigError
from oracle.model.messages import CLASS_OF, Message, encode
from oracle.model.topics import Topic

_ADDRESSES: Final = re.compile(r"[^\s,:]+:\d{1,5}(,[^\s,:]+:\d{1,5})*")


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
        security: Security = PLAIN,
        grants: Grants | None = None,
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
        self._security: Final = security
        self._grants: Final = grants or Grants()
        known = connection(security)
        self._client: Final = known.native | {
            "bootstrap_servers": bootstrap,
            "client_id": client_id,
            "request_timeout_ms": request_timeout_ms,
        }
        self._official: Final = known.official | {
            "bootstrap.servers": bootstrap,
            "client.id": client_id,
        }
        writing = self._client | {"linger_ms": linger_ms, "compression_type": compression}
        self._writer: Final = KafkaWriter(writing, self._bounded)
        self._dead_letters: Final = DeadLetters(
            KafkaWriter(writing, self._bounded), prefix + Topic.DEAD_LETTERS
        )
        admin = KafkaAdmin(self._official, request_timeout_ms / 1000, security)
        self.topics: Final = KafkaTopics(admin, bootstrap, prefix)
        self.rights: Final = KafkaRights(admin, prefix)

    async def __aenter__(self) -> Self:
        await self._writer.open()
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._writer.close()
        await self._dead_letters.close()

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
        await self._writer.send(name, pairs)

    def subscribe(
        self, *topics: Topic, group: str | None = None, start: Start | Positions = Start.TAIL
    ) -> KafkaSubscription:
        """Read `topics`, alone or as a member of `group`."""
        return KafkaSubscription(
            lambda: self._consumer(group),
            {self._prefix + topic: topic for topic in topics},
            self._writer.partitions,
            self._bounded,
            self._dead_letters.set_aside,
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
                self._grants,
            ),
            self._bounded,
            self._dead_letters.set_aside,
            self._timeout_ms / 1000,
        )

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
        return bounded(doing, self._bootstrap, self._timeout_ms, self._security, self._grants)
