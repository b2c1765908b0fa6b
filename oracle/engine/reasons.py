"""Every reason a tick or a source's price is refused, by name (docs/engine.md)."""

from __future__ import annotations

from enum import IntEnum


class Reason(IntEnum):
    """Codes are for columns; the name in lower case is what people and metrics see."""

    USED = 0
    NO_DATA = 1
    """The source has never sent an admissible tick."""
    STALE = 2
    """Its newest admissible tick is older than the source's maximum age."""
    NOT_POSITIVE = 3
    CROSSED = 4
    """Bid above ask."""
    WIDE_SPREAD = 5
    FUTURE = 6
    """Event time further ahead of us than the market allows."""
    BACKWARDS = 7
    """Event time before one already taken."""
    DUPLICATE = 8
    PAUSED = 9
    """A person paused the source."""
    CONVERSION_MISSING = 10
    """The market that converts its quote currency has no index."""
    CONVERSION_HALTED = 11
    CONVERSION_DEPEGGED = 12
    OUTLIER = 13
    """Votes in the median, but does not count for quorum."""
    UNKNOWN_SOURCE = 14
    EMPTY = 15
    """A tick without quote, trade or funding rate."""
    OUT_OF_RANGE = 16
    """A price, as sent or as converted, that no report can carry: below 10^-18 or from 10^21."""
    FROZEN = 17
    """Unchanged for long while the index moved."""
    SCALE_JUMP = 18
    """Off by a factor: a wrong exponent, or a missing conversion leg."""
    UNCONFIRMED = 19
    """Has stepped too far, and no other origin says the same."""

    @property
    def label(self) -> str:
        """The name that people and metrics see; empty for USED."""
        return "" if self is Reason.USED else self.name.lower()
