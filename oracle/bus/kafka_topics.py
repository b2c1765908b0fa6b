"""Makes the topics of the bus on a Kafka cluster, and says which existing ones differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from oracle.bus.retention import FOR_EVER, KEPT
from oracle.model.errors import ConfigError
from oracle.model.topics import Topic

_TOPIC_ALREADY_EXISTS = 36

_log = structlog.get_logger(__name__)


async def ensure_topics(
    admin: Any, prefix: str, partitions: Mapping[Topic, int], replication: int
) -> list[str]:
    """Create missing topics; return what differs in those that were there."""
    there = set(await admin.list_topics())
    missing = [topic for topic in Topic if prefix + topic not in there]
    if missing:
        await _create(admin, prefix, missing, partitions, replication)
    old = [topic for topic in Topic if topic not in missing]
    differences = await _differences(admin, prefix, old, partitions) if old else []
    for difference in differences:
        _log.warning("kafka_topic_differs", difference=difference)
    return differences


def settings(topic: Topic, replication: int) -> dict[str, str]:
    """Return the topic's settings as Kafka names them."""
    kept = KEPT[topic]
    forgets = kept.retention_ms != FOR_EVER
    policy = "compact,delete" if forgets else "compact"
    return {
        "cleanup.policy": policy if kept.compacted else "delete",
        "retention.ms": str(kept.retention_ms),
        # One replica may be lost without losing a message or stopping a writer.
        "min.insync.replicas": str(max(1, min(2, replication - 1))),
    }


async def _create(
    admin: Any, prefix: str, topics: list[Topic], partitions: Mapping[Topic, int], replication: int
) -> None:
    from aiokafka.admin import NewTopic  # noqa: PLC0415 - an optional dependency

    response = await admin.create_topics(
        [
            NewTopic(
                prefix + topic,
                partitions.get(topic, 1),
                replication,
                topic_configs=settings(topic, replication),
            )
            for topic in topics
        ]
    )
    for name, code, *reason in response.topic_errors:
        if code not in {0, _TOPIC_ALREADY_EXISTS}:
            raise ConfigError(f"Kafka did not create topic {name} (error {code}): {reason}")


async def _differences(
    admin: Any, prefix: str, topics: list[Topic], partitions: Mapping[Topic, int]
) -> list[str]:
    from aiokafka.admin.config_resource import ConfigResource  # noqa: PLC0415 - as above

    names = {prefix + topic: topic for topic in topics}
    found = []
    for described in await admin.describe_topics(list(names)):
        topic = names[described["topic"]]
        count, wanted = len(described["partitions"]), partitions.get(topic, 1)
        if count != wanted:
            found.append(f"topic {prefix}{topic} has {count} partitions, not {wanted}")
    resources = [ConfigResource("topic", name) for name in names]
    for response in await admin.describe_configs(resources):
        for _code, _error, _kind, name, entries in response.resources:
            given = {entry[0]: entry[1] for entry in entries}
            for setting in ("cleanup.policy", "retention.ms"):
                wanted_value = settings(names[name], 1)[setting]
                if set(given[setting].split(",")) != set(wanted_value.split(",")):
                    found.append(f"topic {name} has {setting}={given[setting]}, not {wanted_value}")
    return found
