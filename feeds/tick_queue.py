"""Ticks that wait for the bus: a bounded number, of each source the newest.

Where there are too many, the source with the most of them loses its oldest. So a venue that floods
us takes room from nobody else, and the newest tick of every source stays as long as there are no
more sources than room.
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
    """At most `most` ticks, in the order they came; those of a source never change places."""

    def __init__(self, most: int, dropped: Dropped) -> None:
        self._most: Final = most
        self._dropped: Final = dropped
        self._next = 0
        self._ticks: Final[OrderedDict[int, Tick]] = OrderedDict()
        self._places: Final[dict[str, deque[int]]] = {}  # of each source, oldest first
        self._having: Final[dict[int, dict[str, None]]] = {}  # sources by how many wait of each
        self._longest = 0
        self._cut: Final[set[str]] = set()  # sources that lost one since the last were taken

    def __len__(self) -> int:
        return len(self._ticks)

    def put(self, tick: Tick) -> None:
        """Take a tick, newer than all before of its source."""
        place = self._placed(tick)
        self._places.setdefault(tick.source, deque()).append(place)
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
            place = self._placed(tick)
            self._ticks.move_to_end(place, last=False)
            self._places.setdefault(tick.source, deque()).appendleft(place)
            self._count(tick.source, 1)
        self._trim()

    def take(self, limit: int, before_ns: int = 0) -> list[Tick]:
        """Return up to `limit` ticks, those that wait longest.

        What was received before `before_ns` is dropped, but for the newest of each source.
        """
        self._cut.clear()
        taken: list[Tick] = []
        while self._ticks and len(taken) < limit:
            _, tick = self._ticks.popitem(last=False)
            self._leave(tick.source)
            if tick.received_ns < before_ns and tick.source in self._places:
                self._dropped(tick.source, LATE)
            else:
                taken.append(tick)
        return taken

    def _placed(self, tick: Tick) -> int:
        place, self._next = self._next, self._next + 1
        self._ticks[place] = tick
        return place

    def _trim(self) -> None:
        while len(self._ticks) > self._most:
            source = next(iter(self._having[self._longest]))
            del self._ticks[self._places[source][0]]
            self._leave(source)
            self._cut.add(source)
            self._dropped(source, BACKLOG)

    def _leave(self, source: str) -> None:
        """Forget the place of a source's oldest."""
        self._places[source].popleft()
        self._count(source, -1)
        if not self._places[source]:
            del self._places[source]

    def _count(self, source: str, change: int) -> None:
        """Move a source to those that have as many waiting as it has now."""
        now = len(self._places[source])
        before = self._having.get(now - change)
        if before is not None:
            before.pop(source, None)
            if not before:
                del self._having[now - change]
        if now:
            self._having.setdefault(now, {})[source] = None
        if now > self._longest or self._longest not in self._having:
            self._longest = now  # a source alone with the most had one more, or is gone
