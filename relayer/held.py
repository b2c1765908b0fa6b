"""What a contract holds for a market, as any consumer reads it there, and when that is too old."""

from __future__ import annotations

from typing import NamedTuple

from oracle.model.fixed import Px
from oracle.model.validity import Validity


class HeldMark(NamedTuple):
    """One market. `time_ms` is unix ms of the last update accepted for it, 0 if there was none."""

    price: Px | None
    time_ms: int
    validity: Validity


def age_s(mark: HeldMark, now_ns: int) -> float | None:
    """Return for how long there was no accepted update, in seconds; None when there never was."""
    return now_ns / 1e9 - mark.time_ms / 1e3 if mark.time_ms else None


def limit_s(heartbeat_ms: int, overdue: float) -> float:
    """Return the age from which a market is overdue, in seconds."""
    return heartbeat_ms * overdue / 1e3
