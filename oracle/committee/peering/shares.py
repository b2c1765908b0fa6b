"""How much of this member's work one other member may ask for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from oracle.committee.wire.requests import Distrust, Distrusted

AT_ONCE: Final = 16
"""Requests of one member that are worked on at a time."""
BURST_S: Final = 4.0
"""So many seconds' worth of a member's requests may come at once."""


class Budget:
    """How often one member may ask: `per_second` on average, `BURST_S` times that at once."""

    def __init__(self, per_second: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._monotonic = per_second, monotonic
        self._left, self._at = per_second * BURST_S, monotonic()

    def take(self) -> bool:
        """Take one from the budget, if there is one."""
        now = self._monotonic()
        grown = self._left + (now - self._at) * self._per_second
        self._left = min(self._per_second * BURST_S, grown)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Shares:
    """Every member's share: none can take another's."""

    def __init__(self, members: Sequence[bytes], per_second: float) -> None:
        self._per_second = per_second
        self._budgets = {address: Budget(per_second) for address in members}
        self._working = dict.fromkeys(members, 0)

    @contextmanager
    def taken(self, member: bytes) -> Iterator[None]:
        """Hold one request's part of a member's share while it is worked on.

        Raises:
            Distrusted: the member asks too much.
        """
        if not self._budgets[member].take() or self._working[member] >= AT_ONCE:
            raise Distrusted(
                Distrust.TOO_MANY,
                f"up to {self._per_second:g} requests a second, {AT_ONCE} at a time",
            )
        self._working[member] += 1
        try:
            yield
        finally:
            self._working[member] -= 1
