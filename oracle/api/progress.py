"""Liveness is progress: every loop says that it turned, and `/live` asks which has not lately."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final


class Progress:
    """When each loop of this process last turned, by a monotonic clock."""

    def __init__(self, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._monotonic_ns: Final = monotonic_ns
        self._turned_ns: Final[dict[str, int]] = {}

    def turned(self, loop: str) -> None:
        """Say that `loop` has turned; its first call makes it one that must go on turning."""
        self._turned_ns[loop] = self._monotonic_ns()

    def ended(self, loop: str) -> None:
        """Say that `loop` ended as it should and turns no more."""
        self._turned_ns.pop(loop, None)

    def late(self, limit_s: float) -> list[str]:
        """Return a line for each loop that has not turned for `limit_s`."""
        now_ns = self._monotonic_ns()
        waited_s = {loop: (now_ns - ns) / 10**9 for loop, ns in sorted(self._turned_ns.items())}
        return [
            f"{loop} has not turned for {s:.1f} s" for loop, s in waited_s.items() if s > limit_s
        ]
