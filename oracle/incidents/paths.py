"""Prices over time: functions of seconds that return a price, or None while there is none."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from random import Random

Path = Callable[[float], float | None]
Curve = Callable[[float], float]


def through(*points: tuple[float, float]) -> Curve:
    """Return a price that moves at a constant rate from point to point, (seconds, price) each."""
    times = [at for at, _ in points]
    logs = [math.log(price) for _, price in points]

    def price(t_s: float) -> float:
        after = bisect_right(times, t_s)
        if after == 0 or after == len(points):
            return points[min(after, len(points) - 1)][1]
        share = (t_s - times[after - 1]) / (times[after] - times[after - 1])
        return math.exp(logs[after - 1] + share * (logs[after] - logs[after - 1]))

    return price


def swaying(path: Curve, rng: Random, bps: float, every_s: float, end_s: float) -> Curve:
    """Return `path` with the slow noise of a whole market on it, about `bps` strong."""
    sway, level = [], 0.0
    for _ in range(int(end_s / every_s) + 3):
        level = 0.9 * level + rng.gauss(0.0, bps * math.sqrt(1 - 0.9**2))
        sway.append(level)

    def price(t_s: float) -> float:
        at, share = divmod(max(t_s, 0.0) / every_s, 1.0)
        first, second = sway[int(at)], sway[int(at) + 1]
        return path(t_s) * (1.0 + (first + share * (second - first)) / 1e4)

    return price


def times(path: Curve, factor: Curve | float) -> Curve:
    """Return `path` multiplied with a constant or with another path."""
    if callable(factor):
        return lambda t_s: path(t_s) * factor(t_s)
    return lambda t_s: path(t_s) * factor


def during(path: Path, start_s: float, end_s: float, other: Path | float | None) -> Path:
    """Return `path`, but from `start_s` until `end_s` another path, a fixed price, or silence."""

    def price(t_s: float) -> float | None:
        if not start_s <= t_s < end_s:
            return path(t_s)
        return other(t_s) if callable(other) else other

    return price
