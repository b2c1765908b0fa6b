"""Makes the topics of the bus on a Kafka cluster, and says how those that are there differ."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from oracle.bus.kafka_admin import Found, KafkaAdmin, Wanted
from oracle.bus.retention import FOR_EVER, KEPT, MESSAGE_BYTES
from oracle.model.errors import ConfigError, Retryable
from oracle.model.topics import SHARDED, Topic

_AT_LEAST: Final = frozenset(
    {"retention.ms", "retention.bytes", "max.message.bytes", "min.compaction.lag.ms"}
)
"""Settings of which more does no harm; dead letters are the exception."""
_AT_MOST: Final = frozenset({"segment.bytes"})
_VISIBLE_S: Final = 10.0
_POLL_S: Final = 0.05
COMMAND: Final = "plumb deploy topics --config FILE"


class Layout(NamedTuple):
    """What a deployment wants of its topics beyond `oracle.bus.retention`."""

    partitions: Mapping[Topic, int]
    """Of topics that have more than one."""
    replication: int = 1


class TopicState(NamedTuple):
    """A topic as it should be and as it is."""

    topic: Topic
    wanted: Wanted
    found: Found | None
    """None: it is missing."""
    differences: Sequence[str]
    """A sentence each, with what mends it; none while it is missing."""


class KafkaTopics:
    """The topics of one deployment, whose names begin with `prefix`."""

    def __init__(self, admin: KafkaAdmin, bootstrap: str, prefix: str) -> None:
        self._admin: Final = admin
        self._bootstrap: Final = bootstrap
        self._prefix: Final = prefix

    async def look(self, layout: Layout) -> list[TopicState]:
        """Return every topic's state; changes nothing.

        Raises:
            Retryable: no broker answers.
            ConfigError: it refuses us.
        """
        wanted = {topic: self._wanted(topic, layout) for topic in Topic}
        there = await self._admin.topics([one.name for one in wanted.values()])
        return [
            TopicState(topic, one, found, [] if found is None else self._differ(topic, one, found))
            for topic, one in wanted.items()
            for found in [there.get(one.name)]
        ]

    async def create(self, layout: Layout) -> list[TopicState]:
        """Make what is missing; return every topic's state after it. None is ever changed."""
        states = await self.look(layout)
        missing = [state.wanted for state in states if state.found is None]
        await self._admin.create(missing)
        clock = asyncio.get_running_loop().time
        deadline = clock() + _VISIBLE_S
        while missing and clock() < deadline:  # another broker may not have heard of them yet
            states = await self.look(layout)
            missing = [state.wanted for state in states if state.found is None]
            await asyncio.sleep(_POLL_S if missing else 0)
        return states

    async def check(self, layout: Layout) -> None:
        """Refuse to go on unless every topic is there, as it should be.

        Raises:
            ConfigError: which are not, and what mends each.
            Retryable: no broker answers.
        """
        states = await self.look(layout)
        missing = [state.wanted.name for state in states if state.found is None]
        said = [f"missing: {', '.join(missing)} (to create: {COMMAND})"] if missing else []
        said += [difference for state in states for difference in state.differences]
        if said:
            raise ConfigError(
                f"the topics on Kafka at {self._bootstrap} are not as they must be (prefix "
                f"{self._prefix!r}): {'; '.join(said)}"
            )

    async def answer(self) -> None:
        """Return if the cluster answers, and each partition has a broker that leads it.

        Raises:
            Retryable: it does not, or a partition has none.
            ConfigError: it refuses us.
        """
        without = await self._admin.leaderless([self._prefix + topic for topic in Topic])
        if without:
            raise Retryable(
                f"no broker of Kafka at {self._bootstrap} leads {', '.join(without)}: too many "
                "brokers are away, or topics are gone"
            )

    def _wanted(self, topic: Topic, layout: Layout) -> Wanted:
        count = layout.partitions.get(topic, 1)
        made = settings(topic, layout.replication)
        return Wanted(self._prefix + topic, count, layout.replication, made)

    def _differ(self, topic: Topic, wanted: Wanted, found: Found) -> list[str]:
        said = []
        if found.partitions != wanted.partitions:
            first = "set engine.shards as it was, or " if topic in SHARDED else ""
            said.append(
                f"topic {wanted.name} has {found.partitions} partitions, not {wanted.partitions}: "
                f"{first}create all topics anew under another bus.prefix"
            )
        if found.replication != wanted.replication:
            said.append(
                f"topic {wanted.name} has {found.replication} replicas, not {wanted.replication}: "
                "set bus.replication, or move its partitions by kafka-reassign-partitions.sh"
            )
        for name, value in wanted.settings.items():
            given = found.settings.get(name, "nothing")
            if not _suffices(topic, name, given, value):
                said.append(
                    f"topic {wanted.name} has {name}={given}, not {value}: kafka-configs.sh "
                    f"--bootstrap-server {self._bootstrap} --alter --entity-type topics "
                    f"--entity-name {wanted.name} --add-config '{name}=[{value}]'"
                )
        return said


def settings(topic: Topic, replication: int) -> dict[str, str]:
    """Return the topic's settings as Kafka names them; the cluster's defaults count for none."""
    kept = KEPT[topic]
    forgets = kept.retention_ms != FOR_EVER
    policy = "compact,delete" if forgets else "compact"
    made = {
        "cleanup.policy": policy if kept.compacted else "delete",
        "retention.ms": str(kept.retention_ms),
        "retention.bytes": str(kept.retention_bytes),
        "min.compaction.lag.ms": str(kept.compaction_lag_ms),
        "max.message.bytes": str(MESSAGE_BYTES),
        # One replica may be lost without losing a message or stopping a writer.
        "min.insync.replicas": str(max(1, min(2, replication - 1))),
        "unclean.leader.election.enable": "false",
        # No writer's clock decides how long its messages are kept.
        "message.timestamp.type": "LogAppendTime",
    }
    if kept.segment_bytes is not None:
        made["segment.bytes"] = str(kept.segment_bytes)
    return made


def _suffices(topic: Topic, name: str, given: str, wanted: str) -> bool:
    if set(given.split(",")) == set(wanted.split(",")):
        return True
    try:
        has, least = int(given), int(wanted)
    except ValueError:
        return False
    if name in _AT_MOST:
        return has < least
    if name not in _AT_LEAST or topic is Topic.DEAD_LETTERS:
        return False
    return has == FOR_EVER or (least != FOR_EVER and has > least)
