"""How each topic is kept, for both implementations of the bus, and what is lost is counted.

The one table of it: `oracle.bus.kafka_topics` makes topics by it and compares those that are there.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from prometheus_client import Counter

from oracle.model.topics import Topic

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_MIB: Final = 1 << 20
FOR_EVER: Final = -1
UNBOUNDED: Final = -1

MESSAGE_BYTES: Final = _MIB
"""Of one message with its frame: what every topic takes, and no writer sends more."""


class Kept(NamedTuple):
    """What a topic's log may forget, by age and by size of a partition.

    Where a topic is `compacted`, the newest of each key outlives all newer messages of others, up
    to the same age.
    """

    compacted: bool
    retention_ms: int
    retention_bytes: int = UNBOUNDED
    segment_bytes: int | None = None
    """Nothing is compacted in the segment that is being written; None: as the cluster has it."""
    compaction_lag_ms: int = 0
    """Nothing younger is compacted."""


KEPT: Final = {
    Topic.TICKS: Kept(False, 6 * _HOUR_MS),
    Topic.STEPS: Kept(False, 6 * _HOUR_MS),
    # An archive that is late must see every mark for as long as it finds the steps.
    Topic.MARKS: Kept(True, 7 * _DAY_MS, compaction_lag_ms=6 * _HOUR_MS),
    Topic.REPORTS: Kept(False, 7 * _DAY_MS),
    # As long as the reports that were made of them.
    Topic.ROUNDS: Kept(False, 7 * _DAY_MS),
    Topic.DUTIES: Kept(True, FOR_EVER),
    Topic.RECEIPTS: Kept(False, 7 * _DAY_MS),
    Topic.CONTROLS: Kept(True, FOR_EVER),
    Topic.AUDIT: Kept(False, FOR_EVER),
    # All of it is read by who takes a shard over.
    Topic.SNAPSHOTS: Kept(True, FOR_EVER, segment_bytes=16 * _MIB),
    Topic.SPECS: Kept(True, FOR_EVER),
    Topic.MARGIN_CALLS: Kept(False, 7 * _DAY_MS),
    Topic.EXPOSURES: Kept(True, 7 * _DAY_MS),
    # Whoever can write garbage decides how much of it there is.
    Topic.DEAD_LETTERS: Kept(True, 7 * _DAY_MS, 256 * _MIB, 64 * _MIB),
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
