"""Which states of engines are archived: one now and then, from which a proof steps on."""

from __future__ import annotations

from typing import Final, NamedTuple

from oracle.model.messages import SnapshotPart


class _Taken(NamedTuple):
    sequence: int
    time_ns: int


class Thinning:
    """Takes a shard's first state of each `every_ns`, and all with `every_ns` 0.

    The first after an owner took the shard over is always taken: with another configuration than
    before, steps cannot be made again from a state before it.
    """

    def __init__(self, every_ns: int = 0) -> None:
        self._every_ns: Final = every_ns
        self._taken: Final[dict[int, _Taken]] = {}

    def wants(self, part: SnapshotPart) -> bool:
        """Whether a part is of a state to archive; parts come in their order."""
        before = self._taken.get(part.shard)
        state = _Taken(part.sequence, part.time_ns)
        if state == before:
            return True
        # The archiver before may have ended within a state: its rest is wanted.
        if before is None or part.fresh or (part.part == 0 and self._is_due(before, state)):
            self._taken[part.shard] = state
            return True
        return False

    def _is_due(self, before: _Taken, state: _Taken) -> bool:
        every_ns = self._every_ns
        return not every_ns or before.time_ns // every_ns != state.time_ns // every_ns
