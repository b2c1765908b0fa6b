"""Who may do what: the table itself, and that docs/kafka.md says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from oracle.bus.access import ACCESS, rights
from oracle.bus.kafka_topics import settings
from oracle.bus.retention import FOR_EVER, KEPT
from oracle.model.topics import SHARDED, Topic

PAGE = (Path(__file__).parents[3] / "docs" / "kafka.md").read_text()


def _row(first: str, columns: int) -> list[str]:
    cells = rf"^\| `{re.escape(first)}` " + r"\|([^|\n]*)" * (columns - 1) + r"\|$"
    found = re.search(cells, PAGE, re.M)
    assert found, f"docs/kafka.md has no row {first} of {columns} columns"
    return [cell.strip() for cell in found.groups()]


@pytest.mark.parametrize("topic", list(Topic))
def test_the_page_has_each_topic_as_it_is_made(topic: Topic) -> None:
    """Partitions, cleanup and retention of the page are those of the code."""
    partitions, cleanup, kept, _ = _row(topic, 5)
    assert (partitions == "shards") == (topic in SHARDED)
    assert cleanup == settings(topic, 1)["cleanup.policy"]
    hours = KEPT[topic].retention_ms // 3_600_000
    said = f"{hours} h" if hours < 24 else f"{hours // 24} d"
    assert kept == ("for ever" if KEPT[topic].retention_ms == FOR_EVER else said)


@pytest.mark.parametrize("role", ACCESS)
def test_the_page_has_each_role_as_it_is_given(role: str) -> None:
    """An operator who reads the page knows all that a stolen password may do."""
    reads, writes, groups, transactions = _row(role, 5)
    access = ACCESS[role]
    assert reads == ("all" if access.reads == set(Topic) else " ".join(sorted(access.reads)))
    assert writes == " ".join(sorted(access.writes))
    assert groups == " ".join(f"{name}*" for name in access.groups)
    assert transactions == " ".join(f"{name}*" for name in access.transactions)


def test_only_engines_write_marks_and_only_operators_controls() -> None:
    """The two that move money and stop markets have one writer each."""
    writers = {
        topic: {role for role, access in ACCESS.items() if topic in access.writes}
        for topic in Topic
    }
    assert writers[Topic.MARKS] == writers[Topic.STEPS] == writers[Topic.SNAPSHOTS] == {"oracle"}
    assert writers[Topic.CONTROLS] == writers[Topic.AUDIT] == {"operator"}
    assert writers[Topic.TICKS] == {"feeds"}
    assert writers[Topic.REPORTS] == {"oracle", "committee"}


@pytest.mark.parametrize("role", ACCESS)
def test_no_right_reaches_beyond_the_deployment(role: str) -> None:
    """Two deployments on a cluster are apart, and nobody may alter, delete or create."""
    given = rights(role, "somebody", "mine.")
    assert all(right.name.startswith("mine.") for right in given)
    assert {right.operation for right in given} <= {"read", "write", "describe", "describe_configs"}
    assert all(right.operation.startswith("desc") for right in given if right.name == "mine.")
