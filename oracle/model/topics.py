"""Names of the topics, one per arrow of the data path, and how long each is kept."""

from __future__ import annotations

from enum import StrEnum


class Topic(StrEnum):
    """One topic per arrow; `oracle.model.messages` holds the one class each carries."""

    TICKS = "ticks"
    STEPS = "steps"
    MARKS = "marks"
    REPORTS = "reports"
    DUTIES = "duties"
    RECEIPTS = "receipts"
    CONTROLS = "controls"
    AUDIT = "audit"
