"""How topics are made on Kafka."""

from __future__ import annotations

from oracle.bus.kafka_topics import settings
from oracle.model.topics import Topic


def test_controls_are_compacted_for_ever_and_marks_for_days() -> None:
    """A pause outlives any retention; an old mark does not."""
    assert settings(Topic.CONTROLS, 1)["cleanup.policy"] == "compact"
    assert settings(Topic.MARKS, 1)["cleanup.policy"] == "compact,delete"
    assert settings(Topic.AUDIT, 1) == {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "min.insync.replicas": "1",
    }


def test_a_write_survives_the_loss_of_one_of_three_replicas() -> None:
    """With three replicas two must have a message before it counts as written."""
    assert [settings(Topic.TICKS, n)["min.insync.replicas"] for n in (1, 2, 3, 5)] == list("1122")
