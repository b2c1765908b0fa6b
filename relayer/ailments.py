"""With which chains a relayer gives way, and when it stands in for them again: no clock of its own.

A chain that was given up may come back when nobody else is better, or when the others have two
more; so whoever fails again and again waits longer each time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

MAX_DOUBLINGS: Final = 4
LONGEST_STEP_S: Final = 2.0
"""More time between two looks than this was not spent trying: the process was stopped."""


@dataclass
class _Ailment:
    until: float
    """It sits out at least to here."""
    doublings: int = 0
    flagged: bool = True


class Ailments:
    """What a relayer says of its own chains. Times are seconds of one monotonic clock."""

    def __init__(self, give_way_s: float, sit_out_s: float) -> None:
        self._give_way_s: Final = give_way_s
        self._sit_out_s: Final = sit_out_s
        self._known: Final[dict[str, _Ailment]] = {}
        self._tried_s: Final[dict[str, float]] = {}  # in vain, by chain that we have
        self._looked: float | None = None

    @property
    def flagged(self) -> tuple[str, ...]:
        """The chains that another relayer should rather have."""
        return tuple(sorted(chain for chain, known in self._known.items() if known.flagged))

    def look(self, owned: Collection[str], ailing_s: Callable[[str], float], now: float) -> bool:
        """Take for how long nothing got through to our chains; say whether `flagged` has changed.

        By the loop's clock `ailing_s` has the time in it that this process was stopped.
        """
        before = self.flagged
        step_s = 0.0 if self._looked is None else min(now - self._looked, LONGEST_STEP_S)
        self._looked = now
        for chain in self._tried_s.keys() - set(owned):
            del self._tried_s[chain]
        for chain in owned:
            # What has just become ours was tried by others, so its first look counts nothing.
            awake_s = self._tried_s.get(chain, -step_s) + step_s
            self._tried_s[chain] = min(awake_s, ailing_s(chain))
            if self._tried_s[chain] >= self._give_way_s:
                self._fail(chain, now)
            elif chain in self._known and ailing_s(chain) < self._give_way_s / 2:
                self._succeed(chain, now)
        for chain, known in self._known.items():
            if chain not in owned and now >= known.until:
                known.flagged = False
        return self.flagged != before

    def _fail(self, chain: str, now: float) -> None:
        known = self._known.get(chain)
        if known is None:
            self._known[chain] = _Ailment(now + self._sit_out_s)
        elif not known.flagged:
            known.doublings = min(known.doublings + 1, MAX_DOUBLINGS)
            known.until = now + self._sit_out_s * 2**known.doublings
            known.flagged = True

    def _succeed(self, chain: str, now: float) -> None:
        """It gets through: forget what was once it has done so for as long as it would sit out."""
        known = self._known[chain]
        if known.flagged:
            known.flagged = False
            known.until = now + self._sit_out_s * 2**known.doublings
        elif now >= known.until + self._sit_out_s * 2**known.doublings:
            del self._known[chain]
