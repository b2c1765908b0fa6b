"""A shard's log that remembers, in a list: with the faults that Kafka's transactions have."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from oracle.bus.interface import Record
from oracle.bus.shards import Made, ShardLost, Snapshot, Taken
from oracle.model.errors import Retryable
from oracle.model.ticks import TickBatch
from oracle.model.topics import Topic


@dataclass
class Cluster:
    """What every owner of the one shard sees."""

    ticks: list[TickBatch] = field(default_factory=list)
    steps: list[Made] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    forgotten: int = 0
    """Ticks before this offset are gone."""
    epoch: int = 0
    lose_answer: bool = False
    """The next commit is taken, and its answer lost."""
    refuse: bool = False
    """The next commit is not taken, and no answer comes."""


class RememberingLog:
    """One owner's view."""

    shard = 0
    remembers = True

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._epoch: int | None = None
        self._position: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        pass

    async def snapshot(self) -> Snapshot | None:
        """Return the newest."""
        if not self._cluster.snapshots:
            return None
        self._position = self._cluster.snapshots[-1].tick_offset
        return self._cluster.snapshots[-1]

    def reject(self) -> str:
        """Leave it."""
        return "where it is"

    async def keep(self, snapshot: Snapshot) -> None:
        """Do nothing."""

    async def since(self, sequence: int) -> AsyncIterator[Taken]:
        """Return the steps after one."""
        for made in list(self._cluster.steps):
            manifest = made.manifest
            if manifest.sequence > sequence:
                start, end = manifest.tick_starts[0], manifest.tick_offsets[0]
                self._position = end
                kept = self._cluster.ticks[max(start, self._cluster.forgotten) : end]
                yield Taken(manifest, kept, start >= self._cluster.forgotten or start == end)

    async def own(self) -> None:
        """Shut others out."""
        self._cluster.epoch += 1
        self._epoch = self._cluster.epoch
        if self._position is None:
            self._position = len(self._cluster.ticks)

    @property
    def position(self) -> int:
        """Offset of the next ticks."""
        assert self._position is not None
        return self._position

    @property
    def step_offset(self) -> int:
        """Nothing depends on it here."""
        return 0

    async def take(self, *, limit: int, timeout_s: float) -> Sequence[Record]:
        """Return what is there."""
        start = self.position
        batches = self._cluster.ticks[start : start + limit]
        self._position = start + len(batches)
        return [Record(Topic.TICKS, 0, start + at, "0", batch) for at, batch in enumerate(batches)]

    async def commit(self, made: Made, snapshot: Snapshot | None) -> None:
        """Append, unless another owns the shard or a fault was wished for."""
        cluster = self._cluster
        if self._epoch != cluster.epoch:
            raise ShardLost("another owns it")
        if not cluster.refuse:
            cluster.steps.append(made)
            if snapshot is not None:
                cluster.snapshots.append(snapshot)
        unknown = cluster.refuse or cluster.lose_answer
        cluster.refuse = cluster.lose_answer = False
        if unknown:
            raise Retryable("no answer")
