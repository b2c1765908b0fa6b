"""How long each topic is kept, for both implementations of the bus, and what is lost is counted."""

from __future__ import annotations

from typing import Final, NamedTuple

from prometheus_client import Counter

from oracle.model.topics import Topic

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
FOR_EVER: Final = -1


class Kept(NamedTuple):
    """What a topic's log may forget. A compacted topic never forgets the newest of a key."""

    compacted: bool
    retention_ms: int


KEPT: Final = {
    Topic.TICKS: Kept(False, 6 * _HOUR_MS),
    Topic.STEPS: Kept(False, 6 * _HOUR_MS),
    Topic.MARKS: Kept(True, 7 * _DAY_MS),
    Topic.REPORTS: Kept(False, 7 * _DAY_MS),
    Topic.DUTIES: Kept(True, FOR_EVER),
    Topic.RECEIPTS: Kept(False, 7 * _DAY_MS),
    Topic.CONTROLS: Kept(True, FOR_EVER),
    Topic.AUDIT: Kept(False, FOR_EVER),
    Topic.SNAPSHOTS: Kept(True, FOR_EVER),
    Topic.DEAD_LETTERS: Kept(True, 7 * _DAY_MS),
}

SKIPPED: Final = Counter(
    "plumbline_bus_skipped_total",
    "Messages that a reader never saw because the log had dropped them before it came by",
    ["topic"],
)
UNDECODABLE: Final = Counter(
    "plumbline_bus_undecodable_total",
    "Messages passed over because they are no message of a version this reader knows",
    ["topic"],
)
