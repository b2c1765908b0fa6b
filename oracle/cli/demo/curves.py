"""Curves of one market over time: what a plot draws, in seconds and prices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from oracle.cli.figures import readable
from oracle.cli.plot.curves import Curve, Point, source_style
from oracle.model.fixed import Px, float_nearest
from oracle.model.messages import Mark
from relayer.held import HeldMark


def source_curves(marks: Sequence[Mark], start_ns: int, perps: frozenset[str]) -> list[Curve]:
    """Return a curve a source, converted into the market's currency."""
    points: dict[str, list[Point]] = {}
    for mark in marks:
        for view in mark.sources:
            at_s = (mark.time_ns - start_ns) / 1e9
            points.setdefault(view.source, []).append((at_s, _float(view.price)))
    return [
        Curve(
            readable(name) + (" (perp)" if name in perps else ""),
            source_style(number, perp=name in perps),
            line,
        )
        for number, (name, line) in enumerate(points.items())
    ]


def means(marks: Sequence[Mark], start_ns: int, perps: frozenset[str]) -> list[Point]:
    """Return the plain mean of all spot sources: what the index would be without robustness."""
    points: list[Point] = []
    for mark in marks:
        spot = [_float(view.price) for view in mark.sources if view.source not in perps]
        known = [price for price in spot if price is not None]
        mean = sum(known) / len(known) if known else None
        points.append(((mark.time_ns - start_ns) / 1e9, mean))
    return points


def price_curve(marks: Sequence[Mark], start_ns: int, field: str) -> list[Point]:
    """Return one price of the marks themselves, by its field's name."""
    return [((mark.time_ns - start_ns) / 1e9, _float(getattr(mark, field))) for mark in marks]


def steps(held: Iterable[HeldMark], start_ns: int, end_s: float) -> list[Point]:
    """Return corners of a staircase: a contract holds a price until the next."""
    points: list[Point] = []
    for stored in held:
        at_s = max(0.0, stored.time_ms / 1e3 - start_ns / 1e9)
        if points:
            points.append((at_s, points[-1][1]))
        points.append((at_s, _float(stored.price)))
    if points:
        points.append((end_s, points[-1][1]))
    return points


def _float(price: Px | None) -> float | None:
    return None if price is None else float_nearest(price)
