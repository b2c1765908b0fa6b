"""What a plot draws: lines over seconds, and stretches of time in which a market stood somehow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from oracle.model.validity import BreakerState, Validity

COLOURS: Final = 8
"""Colours for sources in the style sheet; more sources begin again at the first."""

Point = tuple[float, float | None]
"""Seconds and value; None breaks the line."""


class Curve(NamedTuple):
    """One line of a plot, with the style sheet's class for it."""

    name: str
    style: str
    points: list[Point]


class Stretch(NamedTuple):
    """How a market stood from `start_s` to `end_s`."""

    start_s: float
    end_s: float
    validity: Validity
    state: BreakerState
    reason: str = ""


class Flag(NamedTuple):
    """Something to point at."""

    t_s: float
    text: str


def source_style(number: int, *, perp: bool = False) -> str:
    """Return the class of the `number`-th source's line."""
    return f"source s{number % COLOURS}" + (" perp" if perp else "")


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """Return at most about `most` points: of each run the smallest and the largest, and gaps."""
    size = -(-2 * len(points) // most)
    if size <= 2:
        return list(points)
    kept: list[Point] = []
    for start in range(0, len(points), size):
        run = points[start : start + size]
        known = [(value, at) for at, (_, value) in enumerate(run) if value is not None]
        at = {min(known)[1], max(known)[1]} if known else {0}
        gap = next((n for n, (_, value) in enumerate(run) if value is None), None)
        kept += [run[n] for n in sorted(at if gap is None else at | {gap})]
    return kept
