"""How many groups one transaction carries, by what the chain has taken so far. Pure."""

from __future__ import annotations

from typing import Final

PROBE_AFTER: Final = 16
"""Full transactions that the chain took, before one more group is tried: a try that fails costs a
wait."""


class PartSize:
    """Halved when a part was too large; one more after `PROBE_AFTER` full ones, up to `most`."""

    def __init__(self, most: int) -> None:
        self.groups = most
        self._most: Final = most
        self._full = 0

    def refused(self, groups: int) -> None:
        """Take note that a part of so many groups was too large.

        One made larger than parts are by now says nothing new.
        """
        if groups <= self.groups:
            self.groups, self._full = max(groups // 2, 1), 0

    def taken(self, groups: int) -> None:
        """Take note that a part of so many groups is in a block."""
        if groups != self.groups or self.groups == self._most:
            return
        self._full += 1
        if self._full == PROBE_AFTER:
            self.groups, self._full = self.groups + 1, 0
