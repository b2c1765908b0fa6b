"""With which chains a relayer gives way, and when it stands in for them again: no clock of its own.

A chain that was given up may come back when nobody else is better, or when the others have two
more; so whoever fails again and again waits longer each time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

MAX_DOUBLINGS: Final = 4


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

    @property
    def flagged(self) -> tuple[str, ...]:
        """The chains that another relayer should rather have."""
        return tuple(sorted(chain for chain, known in self._known.items() if known.flagged))

    def look(self, owned: Collection[str], ailing_s: Callable[[str], float], now: float) -> bool:
        """Take how the chains do that we have; say whether `flagged` has changed."""
        before = self.flagged
        for chain in owned:
            if ailing_s(chain) >= self._give_way_s:
                self._fail(chain, now)
            elif chain in self._known and ailing_s(chain) == 0:
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
