"""How topics are made on Kafka."""

from __future__ import annotations

from oracle.bus.kafka_topics import settings
from oracle.model.topics import Topic


def test_controls_are_compacted_for_ever_and_marks_for_days() -> None:
    """A pause outlives any retention; an old mark does not."""
    assert settings(Topic.CONTROLS, 1)["cleanup.policy"] == "compact"
    assert settings(Topic.MARKS, 1)["cleanup.policy"] == "compact,delete"
    audit = settings(Topic.AUDIT, 1)
    assert (audit["cleanup.policy"], audit["retention.ms"]) == ("delete", "-1")


def test_only_garbage_is_bounded_by_size() -> None:
    """A cluster's own default must not drop the audit; whoever sends garbage must fill no disk."""
    bounded = {topic for topic in Topic if settings(topic, 1)["retention.bytes"] != "-1"}
    assert bounded == {Topic.DEAD_LETTERS}


def test_a_write_survives_the_loss_of_one_of_three_replicas() -> None:
    """With three replicas two must have a message before it counts as written."""
    assert [settings(Topic.TICKS, n)["min.insync.replicas"] for n in (1, 2, 3, 5)] == list("1122")
