"""Every reason a tick is refused or a source does not count, by name."""

from __future__ import annotations

from enum import IntEnum


class Reason(IntEnum):
    """Codes are for columns; the name in lower case is what people and metrics see."""

    USED = 0
    NO_DATA = 1
    """The source has never sent an admissible tick."""
    STALE = 2
    """Its newest admissible tick is older than the source's maximum age."""
    NOT_FINITE = 3
    NOT_POSITIVE = 4
    CROSSED = 5
    """Bid above ask."""
    WIDE_SPREAD = 6
    FUTURE = 7
    """Event time further ahead of us than the market allows."""
    BACKWARDS = 8
    """Event time before one already taken."""
    DUPLICATE = 9
    PAUSED = 10
    """A person paused the source."""
    CONVERSION_MISSING = 11
    """The market that converts its quote currency has no index."""
    CONVERSION_HALTED = 12
    OUTLIER = 13
    """Votes in the median, but does not count for quorum."""
    UNKNOWN_SOURCE = 14
    EMPTY = 15
    """A tick without bid, ask or last."""
    OUT_OF_RANGE = 16
    """A price, as sent or as converted, that no report can carry: below 10^-18 or from 10^21."""

    @property
    def label(self) -> str:
        """The name that people and metrics see; empty for USED."""
        return "" if self is Reason.USED else self.name.lower()
