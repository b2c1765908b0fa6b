"""From values to coordinates, and where an axis has its labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from oracle.cli.plot.curves import Curve

LOG_FROM: Final = 10.0
"""A panel whose largest value is so many times its smallest has a logarithmic axis."""

_TIME_STEPS_S: Final = (
    *(n * 1.0 for n in (1, 2, 5, 10, 15, 20, 30)),
    *(n * 60.0 for n in (1, 2, 5, 10, 15, 30)),
    *(n * 3600.0 for n in (1, 2, 3, 6, 12)),
)


class Axis(NamedTuple):
    """Values from `low` to `high` on the coordinates `start` to `start + length`."""

    low: float
    high: float
    start: float
    length: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return the coordinate of a value, held inside the axis."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(max(value, low))
        share = (value - low) / ((high - low) or 1.0)
        return round(self.start + self.length * max(0.0, min(1.0, share)), 1)

    def labels(self, about: int) -> list[float]:
        """Return round values inside the axis, roughly `about` of them."""
        if not self.log:
            return round_values(self.low, self.high, about)
        first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        step = max(1, math.ceil((last - first) / about))
        decades = [10.0**power for power in range(first, last + 1, step)]
        if len(decades) >= 3:
            return decades
        between = [m * 10.0**p for p in range(first - 1, last + 1) for m in (1, 2, 5)]
        return [value for value in between if self.low <= value <= self.high]


def fitted(curves: Sequence[Curve], top: float, height: float) -> Axis | None:
    """Return an upright axis that holds all values; None when there are none.

    Logarithmic where the values span a factor of `LOG_FROM`. It has no place for zero or less:
    those are drawn at its lower end.
    """
    values = [value for curve in curves for _, value in curve.points if value is not None]
    if not values:
        return None
    positive = [value for value in values if value > 0]
    low, high = min(values), max(values)
    if positive and high >= LOG_FROM * min(positive):
        low = min(positive)
        margin = (high / low) ** 0.06
        return Axis(low / margin, high * margin, top + height, -height, log=True)
    margin = 0.06 * (high - low) or 1e-4 * abs(high) or 1.0
    return Axis(low - margin, high + margin, top + height, -height)


def round_values(low: float, high: float, about: int) -> list[float]:
    """Return round values inside [low, high], roughly `about` of them."""
    raw = (high - low) / about
    if raw <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [number * step for number in range(first, last + 1)]


def round_times(low_s: float, high_s: float, about: int) -> list[tuple[float, str]]:
    """Return round times inside [low_s, high_s] with their text, roughly `about` of them."""
    raw = (high_s - low_s) / about
    step = next((step for step in _TIME_STEPS_S if step >= raw), 0.0)
    if not step:
        step = 86_400.0 * max(1, math.ceil(raw / 86_400.0))
    unit, name = next(
        ((size, name) for size, name in ((86_400, "d"), (3600, "h"), (60, "min")) if step >= size),
        (1, "s"),
    )
    first, last = math.ceil(low_s / step), math.floor(high_s / step)
    return [(n * step, f"{n * step / unit:g} {name}") for n in range(first, last + 1)]
