"""For how long a member may rely on what the group gave it: pure arithmetic of times."""

from __future__ import annotations

import math
from typing import Final


class Lease:
    """Until when the broker cannot have given our share away. Times are of one monotonic clock.

    The broker counts a session from when a heartbeat arrives, we from before it was sent.
    """

    def __init__(self, session_s: float) -> None:
        self._session_s: Final = session_s
        self._renewed = -math.inf
        self._joining: float | None = None
        self._ticked = -math.inf

    def holds(self, now: float) -> bool:
        """Whether it is in force."""
        return now - self._renewed < self._session_s

    def renew(self, now: float) -> None:
        """Take a heartbeat that was sent at `now` and answered."""
        self._renewed = max(self._renewed, now)

    def end(self) -> None:
        """Give it up."""
        self._renewed, self._joining = -math.inf, None

    def join(self, now: float) -> None:
        """Begin to divide anew: until that is over nobody is given anything."""
        self._joining = self._ticked = now

    def joined(self, now: float) -> None:
        """Take a share."""
        self._joining, self._renewed = None, now

    def tick(self, now: float) -> None:
        """Go on holding while the group divides; not when this process was asleep meanwhile."""
        awake, self._ticked = now - self._ticked < self._session_s, now
        if self._joining is None or not self.holds(now):
            return
        if awake and now - self._joining < 2 * self._session_s:
            self._renewed = now
