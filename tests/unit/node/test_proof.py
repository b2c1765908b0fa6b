"""What a step's history commits to."""

from __future__ import annotations

from typing import Any

import pytest

from oracle.model.messages import Control
from oracle.node.proof import history_after

PAUSE = Control("market", "X-USD", True, "ann", "drill", 1, 2)
STEP: dict[str, Any] = {
    "history": b"h" * 32,
    "time_ns": 7,
    "spec": b"s" * 32,
    "inputs": b"i" * 32,
    "orders": [PAUSE],
    "marks": b"m" * 32,
    "snapshot": b"k" * 32,
}


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("history", b"H" * 32),
        ("time_ns", 8),
        ("spec", b"S" * 32),
        ("inputs", b"I" * 32),
        ("orders", []),
        ("orders", [PAUSE, PAUSE]),
        ("marks", b"M" * 32),
        ("snapshot", b"K" * 32),
        ("snapshot", b""),
    ],
)
def test_a_history_commits_to_each_part_of_its_step(field: str, other: object) -> None:
    """Whoever changes one of them, and nothing else, has another history from there on."""
    assert history_after(**STEP) != history_after(**(STEP | {field: other}))
