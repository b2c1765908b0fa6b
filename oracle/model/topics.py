"""Names of the topics, one per arrow of the data path, and how long each is kept."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Topic(StrEnum):
    """One topic per arrow; `oracle.model.messages` holds the one class each carries."""

    TICKS = "ticks"
    STEPS = "steps"
    MARKS = "marks"
    REPORTS = "reports"
    ROUNDS = "rounds"
    DUTIES = "duties"
    RECEIPTS = "receipts"
    CONTROLS = "controls"
    AUDIT = "audit"
    SNAPSHOTS = "snapshots"
    SPECS = "specs"
    DEAD_LETTERS = "dead-letters"
    MARGIN_CALLS = "margin-calls"
    EXPOSURES = "exposures"


SHARDED: Final = frozenset({Topic.TICKS, Topic.STEPS, Topic.MARKS, Topic.SNAPSHOTS})
"""One partition a shard: the engine that owns the shard reads and writes no other."""

WRITTEN_BY_STEPS: Final = SHARDED - {Topic.TICKS}
"""Written in transactions, a step each: a reader sees all of a step or nothing."""
