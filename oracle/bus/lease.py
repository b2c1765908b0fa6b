"""For how long a member may rely on what the group gave it."""

from __future__ import annotations

import math
import time
from typing import Final

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
