"""Steps appended to Kafka in transactions, by the official client.

The library's calls block; each runs in the one thread of this producer, in turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import structlog

from oracle.bus.shards import ShardLost
from oracle.model.errors import ConfigError, Retryable
from oracle.model.topics import Topic

OPEN_MS: Final = 10_000
"""A transaction that is open for so long is ended by the cluster: until then readers of the shard
wait behind one that its owner left."""
MESSAGE_BYTES: Final = 1_000_000
RETRY_MS: Final = 2
"""The coordinator ends a transaction after it has answered; the next one asks again so soon."""
_LOST: Final = frozenset({"_FENCED", "INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED"})
_UNWELCOME: Final = frozenset(
    {
        "_AUTHENTICATION",
        "SASL_AUTHENTICATION_FAILED",
        "TOPIC_AUTHORIZATION_FAILED",
        "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
        "CLUSTER_AUTHORIZATION_FAILED",
        "GROUP_AUTHORIZATION_FAILED",
    }
)
_QUIET: Final = {"log_level": 0, "log.connection.close": False}
"""Its own log goes to standard error; what matters reaches us as errors."""

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)

Wire = tuple[Topic, bytes, bytes]
"""A message: its topic, its key and its bytes."""


class Transactions:
    """The producer of one shard, by its transactional id; `connection` is the library's settings.

    `group` is the consumer group in which the offsets of ticks are kept for who watches the lag:
    nothing is read from there.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        transactional_id: str,
        names: Callable[[Topic], str],
        group: str,
        timeout_s: float,
    ) -> None:
        self._library: Final = _confluent()
        self._connection: Final = dict(connection) | _QUIET
        self._transactional_id: Final = transactional_id
        self._names: Final = names
        self._group: Final = group
        self._timeout_s: Final = timeout_s
        self._thread: Final = ThreadPoolExecutor(1, thread_name_prefix="kafka-transactions")
        self._producer: Any = None
        self._membership: Any = None
        self._offset = 0

    async def take_over(self) -> None:
        """Fence whoever wrote under this transactional id before, and end what they left open.

        Raises:
            Retryable: the cluster cannot be reached.
        """
        await self._in_turn(self._take_over)

    async def commit(self, shard: int, messages: Sequence[Wire], tick_offset: int) -> int:
        """Append messages to the shard's partitions; return the offset of the first of them.

        Raises:
            ShardLost: another has taken over.
            Retryable: it is not known whether they were appended.
        """
        return await self._in_turn(lambda: self._commit(shard, messages, tick_offset))

    async def close(self) -> None:
        """Let the producer go; a transaction that is open is never committed."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._discard)
        self._thread.shutdown(wait=False)

    def _take_over(self) -> None:
        self._producer = self._library.Producer(
            self._connection
            | {
                "transactional.id": self._transactional_id,
                "transaction.timeout.ms": OPEN_MS,
                "retry.backoff.ms": RETRY_MS,
                "message.max.bytes": MESSAGE_BYTES,
            }
        )
        watcher = self._library.Consumer(self._connection | {"group.id": self._group})
        self._membership = watcher.consumer_group_metadata()
        watcher.close()
        self._producer.init_transactions(self._timeout_s)

    def _commit(self, shard: int, messages: Sequence[Wire], tick_offset: int) -> int:
        producer = self._producer
        producer.begin_transaction()
        for at, (topic, key, wire) in enumerate(messages):
            heard = {"on_delivery": self._delivered} if at == 0 else {}
            producer.produce(self._names(topic), wire, key, partition=shard, **heard)
        ticks = self._library.TopicPartition(self._names(Topic.TICKS), shard, tick_offset)
        producer.send_offsets_to_transaction([ticks], self._membership, self._timeout_s)
        producer.commit_transaction(self._timeout_s)
        producer.poll(0)
        return self._offset

    def _discard(self) -> None:
        if self._producer is not None:
            self._producer.purge()
        self._producer = self._membership = None  # its end may take a moment: here nobody waits

    def _delivered(self, error: Any, message: Any) -> None:
        if error is None:
            self._offset = message.offset()

    async def _in_turn(self, call: Callable[[], _T]) -> _T:
        running = asyncio.get_running_loop().run_in_executor(self._thread, call)
        try:
            return await asyncio.shield(running)
        except self._library.KafkaException as error:
            raise self._translated(error.args[0]) from error
        except BufferError as error:
            raise Retryable(f"Kafka's send buffer is full: {error}") from error

    def _translated(self, error: Any) -> Exception:
        if error.name() in _LOST:
            return ShardLost(f"another process owns the shard: {error.str()}")
        if error.name() in _UNWELCOME:
            return ConfigError(
                f"Kafka refuses {self._transactional_id}: {error.str()}: give this process the "
                "credentials and the rights of an oracle (plumb deploy topics --acls)"
            )
        return Retryable(f"Kafka did not commit a step: {error.str()}")


def _confluent() -> Any:
    try:
        import confluent_kafka as library  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        raise ConfigError(
            "an oracle on bus.kind: kafka needs confluent-kafka: pip install "
            "'plumbline-oracle[kafka]', or set bus.kind: memory"
        ) from error
    return library
