"""From what one tick, one mark and one market cost to what a deployment needs. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from oracle.bus.retention import KEPT
from oracle.model.topics import Topic
from oracle.node.owner import SNAPSHOT_NS
from oracle.report.report import MAX_GROUPS
from oracle.report.signature import COMPACT_BYTES
from oracle.report.word import GROUP_SIZE

REPLICAS: Final = 3
MEMBERS, THRESHOLD = 7, 5
STEPS_PER_S: Final = 10
"""`engine.step` and `engine.coalesce` at 100 ms: at most so many marks a second of each market."""
BUSY: Final = 0.5
"""Share of a core that is planned for; the rest is for bursts, recovery and a lost neighbour."""
BROKER_CORES: Final = 4
HEARTBEAT_S: Final = 60
SLOTS_PER_S: Final = 4
_LEAF_BYTES, _REPORT_HEAD_BYTES = 39, 53
_OBSERVATION_HEAD_BYTES, _WORD_BYTES = 209, 32
_PROPOSAL_HEAD_BYTES, _LENGTH_BYTES = 61, 4
_DAY_S: Final = 86_400


class Size(NamedTuple):
    """A deployment."""

    markets: int
    sources: int
    ticks_per_s: float

    @property
    def marks_per_s(self) -> float:
        """With ticks in every step, every market has a mark in every step."""
        return float(self.markets * STEPS_PER_S)


SIZES: Final = (Size(100, 40, 10_000), Size(1_000, 40, 100_000), Size(10_000, 40, 1_000_000))


class Row(NamedTuple):
    """A line of the table; `measured` is a sentence, `value` gives a cell."""

    quantity: str
    measured: str
    formula: str
    value: Callable[[Size], float]
    unit: str = ""
    most: float = math.inf
    """What there can be, as of cores for one process."""


READS: Final = {
    "engine": ("tick", "mark"),
    "archive": ("tick", "mark"),
    "committee": ("mark",),
    "api": ("mark",),
}
"""What a role works on; besides, each second costs something."""


def costs(loads: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return what a second, a tick and a mark cost each role, in us of processor time.

    Least squares over the loads. Noise may make the smallest negative.
    """
    found: dict[str, float] = {}
    for role, parts in READS.items():
        seen = [load for load in loads if f"cpu_{role}" in load]
        rows = [[1.0, *(load[f"{part}s"] for part in parts)] for load in seen]
        cores = [load[f"cpu_{role}"] for load in seen]
        solved = np.linalg.lstsq(np.array(rows), np.array(cores), rcond=None)[0] * 1e6
        found |= {
            f"{role}_{part}": float(us) for part, us in zip(("second", *parts), solved, strict=True)
        }
    return found


class Sums:
    """What follows from measured figures."""

    def __init__(self, figures: Mapping[str, Any]) -> None:
        self.cpu: Final[Mapping[str, float]] = costs(figures["loads"]) | figures["cpu_us"]
        self.bytes: Final[Mapping[str, float]] = figures["bytes"]
        self.rss: Final[Mapping[str, float]] = figures["rss_mib"]
        self.gas: Final[Mapping[str, float]] = figures["gas"]

    def cores(self, role: str, size: Size) -> float:
        """Return the cores that a role's processes keep busy, whatever their number."""
        tick_us, mark_us = (max(0.0, self.cpu.get(f"{role}_{of}", 0.0)) for of in ("tick", "mark"))
        return (size.ticks_per_s * tick_us + size.marks_per_s * mark_us) / 1e6

    def cores_each(self, role: str, size: Size) -> float:
        """Return the cores of a role that is one process a deployment."""
        return self.cores(role, size) / self.deployments(size)

    def followed(self, role: str, size: Size) -> int:
        """Return the markets that one process of a role follows with `BUSY` of a core."""
        return int(BUSY * size.markets / self.cores(role, size))

    def shard_markets(self, size: Size) -> int:
        """Return the markets of a shard whose engine keeps `BUSY` of one core busy, by fours."""
        each = self.cores("engine", size) / size.markets
        spare = BUSY - max(0.0, self.cpu["engine_second"]) / 1e6
        return max(GROUP_SIZE, int(spare / each) // GROUP_SIZE * GROUP_SIZE)

    def shards(self, size: Size) -> int:
        """Return how many shards that makes."""
        return math.ceil(size.markets / self.shard_markets(size))

    def deployments(self, size: Size) -> int:
        """Return into how many deployments the markets go: a report has no more groups."""
        return math.ceil(size.markets / (MAX_GROUPS * GROUP_SIZE))

    def log_mb_per_s(self, size: Size) -> float:
        """Return what writers send to Kafka."""
        found = size.ticks_per_s * self.bytes["tick_log"]
        found += size.marks_per_s * self.bytes["mark_log"]
        found += self.shards(size) * STEPS_PER_S * self.bytes["step_log"]
        found += size.markets * self.bytes["snapshot_market"] / (SNAPSHOT_NS / 1e9)
        return found / 1e6

    def read_mb_per_s(self, size: Size) -> float:
        """Return what readers take: engines and archive ticks; archive, committee and API marks."""
        ticks = size.ticks_per_s * self.bytes["tick_log"]
        marks = size.marks_per_s * self.bytes["mark_log"]
        return (2 * ticks + 3 * marks) / 1e6

    def broker_cores(self, size: Size) -> float:
        """Return what the leaders' work is, times the replicas: a follower appends it all too."""
        return REPLICAS * self.cores("broker", size)

    def brokers(self, size: Size) -> int:
        """Return how many brokers of `BROKER_CORES`, at least three."""
        return max(REPLICAS, math.ceil(self.broker_cores(size) / (BROKER_CORES * BUSY)))

    def broker_gbit_per_s(self, size: Size) -> float:
        """Return what each broker sends and takes: writers', followers' and readers'."""
        written = self.log_mb_per_s(size)
        followed = (REPLICAS - 1) * written
        moved = written + 2 * followed + self.read_mb_per_s(size)
        return moved * 8 / 1e3 / self.brokers(size)

    def tick_disk_gb(self, size: Size) -> float:
        """Return the ticks that all brokers hold."""
        kept_s = KEPT[Topic.TICKS].retention_ms / 1000
        return REPLICAS * size.ticks_per_s * self.bytes["tick_log"] * kept_s / 1e9

    def mark_disk_gb(self, size: Size) -> float:
        """Return the marks on all brokers that nothing is compacted of yet."""
        kept_s = KEPT[Topic.MARKS].compaction_lag_ms / 1000
        return REPLICAS * size.marks_per_s * self.bytes["mark_log"] * kept_s / 1e9

    def archive_gb(self, size: Size) -> float:
        """Return a day's Parquet."""
        found = size.ticks_per_s * self.bytes["tick_archive"]
        return (found + size.marks_per_s * self.bytes["mark_archive"]) * _DAY_S / 1e9

    def groups(self, size: Size) -> int:
        """Return the groups of one deployment's report."""
        return math.ceil(size.markets / self.deployments(size) / GROUP_SIZE)

    def report_kb(self, size: Size) -> float:
        """Return a report with all groups and its signatures."""
        groups = self.groups(size)
        return (_REPORT_HEAD_BYTES + groups * _LEAF_BYTES + THRESHOLD * COMPACT_BYTES) / 1e3

    def observation_kb(self, size: Size) -> float:
        """Return what each member sends the leader in a round."""
        return _observation_bytes(self.groups(size)) / 1e3

    def proposal_kb(self, size: Size) -> float:
        """Return what a leader sends each other member in a round, with all observations."""
        each = _LENGTH_BYTES + _observation_bytes(self.groups(size))
        return (_PROPOSAL_HEAD_BYTES + MEMBERS * each + COMPACT_BYTES) / 1e3

    def leader_mbit_per_s(self, size: Size) -> float:
        """Return what leaders send, in all: a proposal to each other member, each slot."""
        return (MEMBERS - 1) * self.proposal_kb(size) * 8 * SLOTS_PER_S / 1e3

    def gas_per_day(self, size: Size) -> float:
        """Return the gas of heartbeats alone in units of 10^9, a hundred markets a transaction."""
        return size.markets * self.gas["market_of_100"] * _DAY_S / HEARTBEAT_S / 1e9

    def engine_mib(self, size: Size) -> float:
        """Return the memory of one engine process that steps one shard."""
        own = min(size.markets, self.shard_markets(size))
        return self.rss["engine"] + own * self.rss["engine_market"]

    def snapshot_mb(self, size: Size) -> float:
        """Return one shard's state, which whoever takes it over reads."""
        own = min(size.markets, self.shard_markets(size))
        return own * self.bytes["snapshot_market"] / 1e6


def _observation_bytes(groups: int) -> int:
    return _OBSERVATION_HEAD_BYTES + groups * _WORD_BYTES + COMPACT_BYTES
