"""What a contract holds for a market, as any consumer reads it there, and when that is too old."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from oracle.model.fixed import Px
from oracle.model.validity import Validity
from relayer.policy import PushPolicy

FUTURE_S: Final = 30.0
"""A mark, or a report, further ahead of our clock says that a clock is wrong: no age is known."""


class HeldMark(NamedTuple):
    """One market. `time_ms` is unix ms of the last update accepted for it, 0 if there was none."""

    price: Px | None
    time_ms: int
    validity: Validity


class Sight(NamedTuple):
    """What a contract holds, and a wallet, at one block."""

    block: int
    block_time_s: float
    marks: Mapping[str, HeldMark]
    """By market."""
    balance_wei: int
    gas_price_wei: int


def age_s(mark: HeldMark, now_ns: int) -> float | None:
    """Return for how long there was no accepted update, in seconds; None when there never was."""
    return now_ns / 1e9 - mark.time_ms / 1e3 if mark.time_ms else None


def limits_s(
    policies: Mapping[int, PushPolicy], numbers: Mapping[str, int], overdue: float
) -> dict[str, float]:
    """Return the age from which each market is overdue: so many of its heartbeats, in seconds."""
    return {name: policies[number].heartbeat_ms * overdue / 1e3 for name, number in numbers.items()}
