"""The log of one shard: its ticks in, its steps and marks out, each step whole or not at all.

A shard is a part of the markets with an engine of its own. Whoever `own`s its log last is the
only one that can commit steps to it: that, and not who the group says is in charge, keeps two
engines from stepping one shard.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, Self

from oracle.model.errors import PlumblineError
from oracle.model.messages import Mark, SnapshotPart, StepManifest
from oracle.model.ticks import TickBatch

if TYPE_CHECKING:
    from oracle.bus.interface import Record

PART_BYTES: Final = 512 * 1024
"""Of a snapshot in one message: well below what a broker takes by default."""


class ShardLost(PlumblineError):
    """Another process has taken the shard over: nothing more of ours can be committed."""


class Snapshot(NamedTuple):
    """An engine's state after a step, and where to go on from there."""

    sequence: int
    time_ns: int
    history: bytes
    tick_offset: int
    step_offset: int
    state: bytes
    fresh: bool = False
    """Whether it came with its owner's first step."""

    def parts(self, shard: int) -> list[SnapshotPart]:
        """Return it as messages."""
        cut = [self.state[at : at + PART_BYTES] for at in range(0, len(self.state), PART_BYTES)]
        return [
            SnapshotPart(
                shard,
                at,
                len(cut),
                self.sequence,
                self.time_ns,
                self.history,
                self.tick_offset,
                self.step_offset,
                data,
                self.fresh,
            )
            for at, data in enumerate(cut)
        ]


def joined(parts: Sequence[SnapshotPart]) -> Snapshot | None:
    """Return the newest snapshot that is whole, from a topic's parts in their order, if any."""
    newest: dict[int, SnapshotPart] = {}
    for part in parts:
        newest[part.part] = part
    first = newest.get(0)
    if first is None:
        return None
    if first.parts > len(newest):
        return None
    mine = [newest.get(at) for at in range(first.parts)]
    whole = [part for part in mine if part is not None and part.sequence == first.sequence]
    if len(whole) < first.parts:
        return None
    return Snapshot(
        first.sequence,
        first.time_ns,
        first.history,
        first.tick_offset,
        first.step_offset,
        b"".join(part.data for part in whole),
        first.fresh,
    )


class Taken(NamedTuple):
    """A step that was committed, with the ticks it took."""

    manifest: StepManifest
    ticks: Sequence[TickBatch]
    whole: bool
    """Whether the log still had every tick that it took."""


class Made(NamedTuple):
    """A step to commit; `encoded` are its marks as bytes."""

    manifest: StepManifest
    marks: Sequence[Mark]
    encoded: Sequence[bytes]


class ShardLog(Protocol):
    """One shard's log; use as `async with`. Not safe for concurrent calls."""

    @property
    def shard(self) -> int:
        """Its number."""
        ...

    @property
    def remembers(self) -> bool:
        """Whether steps outlive the process: then none may come before one that was committed."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    async def snapshot(self) -> Snapshot | None:
        """Return the newest state that was committed; the steps after it come by `since`.

        Raises:
            SchemaError: what was kept is damaged.
        """
        ...

    def reject(self) -> str:
        """Take note that the newest state cannot be used; return where it is for who wonders."""
        ...

    async def keep(self, snapshot: Snapshot) -> None:
        """Keep the state on the way out, where that saves more than the steps themselves do."""
        ...

    def since(self, sequence: int) -> AsyncIterator[Taken]:
        """Return the committed steps after `sequence`, up to the log's end as it is now."""
        ...

    async def own(self) -> None:
        """Shut every other writer out of this shard. Read `since` once more after it.

        Raises:
            Retryable: the log could not be reached.
        """
        ...

    @property
    def position(self) -> int:
        """Offset of the next ticks to take."""
        ...

    @property
    def step_offset(self) -> int:
        """An offset in `steps` that is not after the newest step's."""
        ...

    async def take(self, *, limit: int, timeout_s: float) -> Sequence[Record]:
        """Return up to `limit` batches of ticks, as soon as there is one; none when time is out."""
        ...

    async def commit(self, made: Made, snapshot: Snapshot | None) -> None:
        """Append a step, its marks and, unless None, the state after it: all of them or none.

        Raises:
            ShardLost: another process owns the shard now.
            Retryable: it is not known whether they were appended: begin again from `snapshot`.
        """
        ...
