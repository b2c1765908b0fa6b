"""The bus: topics of keyed messages, in order per key, with offsets.

Both implementations (`oracle.bus.memory`, `oracle.bus.kafka`) pass the same contract tests in
`tests/integration/bus`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import NamedTuple, Protocol

from oracle.bus.shards import ShardLog
from oracle.bus.sharing import Declare, Divide, Sharing
from oracle.model.messages import Message
from oracle.model.topics import Topic


class Start(StrEnum):
    """Where a reader without a committed offset begins."""

    EARLIEST = "earliest"
    TAIL = "tail"


Positions = Mapping[tuple[Topic, int], int]
"""Topic and partition to an offset. Of a partition that is left out: the earliest."""


class Record(NamedTuple):
    """One message with its place in the log."""

    topic: Topic
    partition: int
    offset: int
    key: str
    message: Message


class Subscription(AbstractAsyncContextManager["Subscription", None], Protocol):
    """A reader of some topics; use as `async with`. Entering it fixes where it starts."""

    @property
    def begun(self) -> Positions:
        """Where each partition began in fact: the log may have forgotten what came before."""
        ...

    async def take(self, *, limit: int = 1000, timeout_s: float = 1.0) -> Sequence[Record]:
        """Return up to `limit` records, as soon as there is one; none when the time is out.

        Records of one key come in the order they were published. A message that does not decode
        is counted, logged with its offset, and passed over.
        """
        ...

    async def caught_up(self) -> bool:
        """Whether everything has been taken that was in the log on entering; not for a group."""
        ...

    async def commit(self) -> None:
        """Remember, for the group, everything taken so far. Without a group, do nothing."""
        ...


class Bus(AbstractAsyncContextManager["Bus", None], Protocol):
    """A log of topics; use as `async with`."""

    async def publish(self, topic: Topic, messages: Iterable[tuple[str, Message]]) -> None:
        """Append (key, message) pairs; return once all are durable.

        Raises:
            Retryable: the log could not be reached within the time bound.
        """
        ...

    def subscribe(
        self, *topics: Topic, group: str | None = None, start: Start | Positions = Start.TAIL
    ) -> Subscription:
        """Read `topics`.

        Without a group, the reader sees every partition from `start`, and entering it raises
        ConfigError for a position that the log has not reached. Members of one group share
        the partitions between them, and continue from the group's last commit.
        """
        ...

    def log_name(self, topic: Topic, /) -> str:
        """Return what the offsets of a topic count in: under one name an offset is one message."""
        ...

    def shard_log(self, shard: int) -> ShardLog:
        """Return the log of one shard: ticks in, steps and marks out."""
        ...

    def share(self, group: str, name: str, declare: Declare, divide: Divide) -> Sharing:
        """Take part, as `name`, in a group that divides work between its members."""
        ...
