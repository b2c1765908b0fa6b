"""For how long a member may rely on what the group gave it."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import Final

TWINS: Final = 3
"""Times that our membership is taken over before we conclude that two processes have one name."""
TWINS_SESSIONS: Final = 10
"""Within so many sessions: two of one name take it from each other at each heartbeat, while what
looks the same, a broker's restart or a division that overtakes a heartbeat, is once in a while."""

_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""The first is of Linux; the second, on macOS, has the time asleep in it too."""


def awake_or_not_s() -> float:
    """Return seconds of a clock that never goes back and runs on while the machine is suspended.

    `time.monotonic` stands still then on Linux, and a lease by it would outlive the broker's.
    """
    return time.clock_gettime(_CLOCK)


class Lease:
    """Until when the broker cannot have given our share away. Times are of one clock.

    It ends a session after the newest request that the broker has acknowledged was sent; the broker
    counts from when that arrived. To divide anew does not lengthen it: whether the broker has our
    request to join is not known until it answers.
    """

    def __init__(self, session_s: float) -> None:
        self._session_s: Final = session_s
        self._renewed = -math.inf

    def holds(self, now: float) -> bool:
        """Whether it is in force."""
        return now - self._renewed < self._session_s

    def renew(self, sent: float) -> None:
        """Take an acknowledgement of what was sent at `sent`."""
        self._renewed = max(self._renewed, sent)

    def end(self) -> None:
        """Give it up."""
        self._renewed = -math.inf


class Takeovers:
    """How often our membership was taken over lately. Times are of one clock."""

    def __init__(self, session_s: float) -> None:
        self._within_s: Final = TWINS_SESSIONS * session_s
        self._times: Final[deque[float]] = deque(maxlen=TWINS)

    @property
    def twins(self) -> bool:
        """Whether another process must have our name."""
        times = self._times
        return len(times) == TWINS and times[-1] - times[0] < self._within_s

    def add(self, now: float) -> None:
        """Take note of one."""
        self._times.append(now)

    def clear(self) -> None:
        """Forget them: we were away for so long that anybody would have been taken out."""
        self._times.clear()
