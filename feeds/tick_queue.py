"""Ticks that wait for the bus: a bounded number, of each source the newest.

Where there are too many, the source with the most of them loses its oldest, and sources are sent in
turn. So one that floods us takes neither room nor time from the others, and the newest tick of
every source stays as long as there are no more sources than room.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Final

from oracle.model.ticks import Tick

TICK_BYTES: Final = 2048
"""More than a waiting tick takes, with all its fields and its place in the queue."""

BACKLOG, LATE = "backlog", "late"

Dropped = Callable[[str, str], None]
"""Told the source of each tick that is dropped, and why."""


class TickQueue:
    """At most `most` ticks; those of a source never change places."""

    def __init__(self, most: int, dropped: Dropped) -> None:
        self._most: Final = most
        self._dropped: Final = dropped
        self._size = 0
        self._ticks: Final[OrderedDict[str, deque[Tick]]] = OrderedDict()  # whose turn is first
        self._having: Final[dict[int, dict[str, None]]] = {}  # sources by how many wait of each
        self._longest = 0
        self._cut: Final[set[str]] = set()  # sources that lost one since the last were taken

    def __len__(self) -> int:
        return self._size

    def put(self, tick: Tick) -> None:
        """Take a tick, newer than all before of its source."""
        self._ticks.setdefault(tick.source, deque()).append(tick)
        self._count(tick.source, 1)
        self._trim()

    def put_back(self, ticks: Sequence[Tick]) -> None:
        """Take back what was taken last, in its order: older than all that waits of its sources.

        Where newer ones have been dropped meanwhile these go too.
        """
        for tick in reversed(ticks):
            if tick.source in self._cut:
                self._dropped(tick.source, BACKLOG)
                continue
            self._ticks.setdefault(tick.source, deque()).appendleft(tick)
            self._count(tick.source, 1)
        self._trim()

    def take(self, limit: int, before_ns: int = 0) -> list[Tick]:
        """Return up to `limit` ticks: of each source in turn its oldest.

        What was received before `before_ns` is dropped, but for the newest of each source.
        """
        self._cut.clear()
        taken: list[Tick] = []
        while self._ticks and len(taken) < limit:
            source = next(iter(self._ticks))
            tick = self._pop(source)
            if tick.received_ns < before_ns and source in self._ticks:
                self._dropped(source, LATE)
                continue
            taken.append(tick)
            if source in self._ticks:
                self._ticks.move_to_end(source)
        return taken

    def _trim(self) -> None:
        while self._size > self._most:
            source = next(iter(self._having[self._longest]))
            self._pop(source)
            self._cut.add(source)
            self._dropped(source, BACKLOG)

    def _pop(self, source: str) -> Tick:
        """Take a source's oldest out."""
        tick = self._ticks[source].popleft()
        self._count(source, -1)
        if not self._ticks[source]:
            del self._ticks[source]
        return tick

    def _count(self, source: str, change: int) -> None:
        """Move a source to those that have as many waiting as it has now."""
        self._size += change
        now = len(self._ticks[source])
        before = self._having.get(now - change)
        if before is not None:
            before.pop(source, None)
            if not before:
                del self._having[now - change]
        if now:
            self._having.setdefault(now, {})[source] = None
        if now > self._longest or self._longest not in self._having:
            self._longest = now  # a source alone with the most had one more, or is gone
