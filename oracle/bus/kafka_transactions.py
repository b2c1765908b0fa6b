"""Steps appended to Kafka in transactions, by the official client.

The library's calls block, and may do so for longer than the time they were given; each runs in the
one thread of this producer, in turn, and is given up when it takes too long.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import structlog
from prometheus_client import Histogram

from oracle.bus.grants import Grants
from oracle.bus.kafka_calls import confluent, unwelcome
from oracle.bus.shards import ShardLost
from oracle.model.errors import Retryable
from oracle.model.topics import Topic

OPEN_MS: Final = 10_000
"""A transaction that is open for so long is ended by the cluster: until then readers of the shard
wait behind one that its owner left."""
MESSAGE_BYTES: Final = 1_000_000
RETRY_MS: Final = 2
"""The coordinator ends a transaction after it has answered; the next one asks again so soon."""
LINGER_MS: Final = 0.5
"""A step's messages come all at once: the library need not wait for more."""
PATIENCE: Final = 2.0
"""Times the time that a call was given: beyond it the library has lost itself."""
_LOST: Final = frozenset({"_FENCED", "INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED"})
_NO_COORDINATOR: Final = frozenset(
    {"NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS"}
)
_LOOK_S: Final = 0.1
_TAKE_OVER: Final = "take a shard over"
_COMMIT: Final = "commit a step"
_COMMIT_SECONDS: Final = Histogram(
    "plumbline_kafka_commit_seconds",
    "Parts of a step's transaction: its messages queued, its offsets sent, its end answered",
    ["part"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 5.0),
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
        grants: Grants,
    ) -> None:
        self._grants: Final = grants
        self._library: Final = confluent()
        self._connection: Final = dict(connection) | _QUIET
        self._transactional_id: Final = transactional_id
        self._names: Final = names
        self._group: Final = group
        self._timeout_s: Final = timeout_s
        self._thread: Final = _Thread(transactional_id)
        self._producer: Any = None
        self._membership: Any = None
        self._offset = 0

    async def take_over(self) -> None:
        """Fence whoever wrote under this transactional id before, and end what they left open.

        Raises:
            Retryable: the cluster cannot be reached, or refuses us what it had let us do.
            ConfigError: it refuses us.
        """
        await self._in_turn(_TAKE_OVER, self._take_over)

    async def commit(self, shard: int, messages: Sequence[Wire], tick_offset: int) -> int:
        """Append messages to the shard's partitions; return the offset of the first of them.

        Raises:
            ShardLost: another has taken over.
            Retryable: it is not known whether they were appended.
        """
        return await self._in_turn(_COMMIT, lambda: self._commit(shard, messages, tick_offset))

    def close(self) -> None:
        """Let the producer go, without waiting; a transaction that is open is never committed."""
        self._thread.end(self._discard)

    def _take_over(self) -> None:
        self._producer = self._library.Producer(
            self._connection
            | {
                "transactional.id": self._transactional_id,
                "transaction.timeout.ms": OPEN_MS,
                "retry.backoff.ms": RETRY_MS,
                "linger.ms": LINGER_MS,
                "message.max.bytes": MESSAGE_BYTES,
            }
        )
        self._producer.init_transactions(self._timeout_s)
        watcher = self._library.Consumer(self._connection | {"group.id": self._group})
        try:
            self._find_coordinator(watcher)
            self._membership = watcher.consumer_group_metadata()
        finally:
            watcher.close()

    def _find_coordinator(self, watcher: Any) -> None:
        """Wait until the group has one: with our hasty retries it would be asked for twice only.

        A cluster that has never had a group makes the topic for it first, which takes a moment.
        """
        ticks = self._library.TopicPartition(self._names(Topic.TICKS), 0)
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                watcher.committed([ticks], self._timeout_s)
            except self._library.KafkaException as error:
                if error.args[0].name() not in _NO_COORDINATOR or time.monotonic() > deadline:
                    raise
                time.sleep(_LOOK_S)
            else:
                return

    def _commit(self, shard: int, messages: Sequence[Wire], tick_offset: int) -> int:
        producer = self._producer
        began_s = time.perf_counter()
        producer.begin_transaction()
        for at, (topic, key, wire) in enumerate(messages):
            heard = {"on_delivery": self._delivered} if at == 0 else {}
            producer.produce(self._names(topic), wire, key, partition=shard, **heard)
        began_s = _passed("produce", began_s)
        ticks = self._library.TopicPartition(self._names(Topic.TICKS), shard, tick_offset)
        producer.send_offsets_to_transaction([ticks], self._membership, self._timeout_s)
        began_s = _passed("offsets", began_s)
        producer.commit_transaction(self._timeout_s)
        _passed("end", began_s)
        producer.poll(0)
        return self._offset

    def _discard(self) -> None:
        if self._producer is not None:
            self._producer.purge()
        self._producer = self._membership = None  # its end may take a moment: here nobody waits

    def _delivered(self, error: Any, message: Any) -> None:
        if error is None:
            self._offset = message.offset()

    async def _in_turn(self, doing: str, call: Callable[[], _T]) -> _T:
        try:
            async with asyncio.timeout(self._timeout_s * PATIENCE):
                done = await asyncio.shield(self._thread.run(call))
        except TimeoutError as error:
            raise Retryable(
                f"{self._transactional_id}: the Kafka client did not return within "
                f"{self._timeout_s * PATIENCE:.0f} s"
            ) from error
        except self._library.KafkaException as error:
            raise self._translated(doing, error.args[0]) from error
        except BufferError as error:
            raise Retryable(f"Kafka's send buffer is full: {error}") from error
        self._grants.worked(doing)
        return done

    def _translated(self, doing: str, error: Any) -> Exception:
        if error.name() in _LOST:
            return ShardLost(f"another process owns the shard: {error.str()}")
        if unwelcome(error):
            return self._grants.refused(
                doing,
                f"Kafka refuses {self._transactional_id}: {error.str()}: give this process the "
                "credentials and the rights of an oracle (plumb deploy topics --acls)",
            )
        return Retryable(f"Kafka did not commit a step: {error.str()}")


def _passed(part: str, began_s: float) -> float:
    """Note that a part of a commit is done; return when."""
    now_s = time.perf_counter()
    _COMMIT_SECONDS.labels(part).observe(now_s - began_s)
    return now_s


class _Thread:
    """Runs calls one after the other; one that never returns keeps no process from ending.

    It begins with the first call: a log that cannot be opened makes none.
    """

    def __init__(self, name: str) -> None:
        self._calls: Final[queue.SimpleQueue[Callable[[], None] | None]] = queue.SimpleQueue()
        self._thread: Final = threading.Thread(target=self._serve, name=name, daemon=True)

    def run(self, call: Callable[[], _T]) -> asyncio.Future[_T]:
        """Run a call in its turn."""
        if self._thread.ident is None:
            self._thread.start()
        loop = asyncio.get_running_loop()
        made: asyncio.Future[_T] = loop.create_future()

        def tell(set_it: Callable[..., None], what: object) -> None:
            if not made.cancelled():
                set_it(what)

        def serve() -> None:
            try:
                answer = call()
            except BaseException as error:  # noqa: BLE001 - whoever waits for it raises it
                _call_in(loop, tell, made.set_exception, error)
            else:
                _call_in(loop, tell, made.set_result, answer)

        self._calls.put(serve)
        return made

    def end(self, last: Callable[[], None]) -> None:
        """Run one more call, and end."""
        self._calls.put(last)
        self._calls.put(None)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


def _call_in(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *given: object) -> None:
    """Call in a loop, which may have ended while we were away."""
    try:
        loop.call_soon_threadsafe(call, *given)
    except RuntimeError:
        _log.info("kafka_answer_came_too_late")
