"""The parts of a plot: panels with grid and lines, labels of time, bands, strips and flags."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from oracle.cli.figures import clock_text, price_text
from oracle.cli.plot.axes import Axis, round_times
from oracle.cli.plot.curves import Curve, Flag, Stretch
from oracle.model.validity import BreakerState, Validity

WIDTH: Final = 980.0
LEFT: Final = 78.0
RIGHT: Final = 20.0
FLAGS: Final = 24.0
"""Height of a row of flags above everything else."""
STRIP: Final = 17.0
TITLE: Final = 26.0
FOOT: Final = 22.0

_DOT: Final = 8.0
_SAMPLE: Final = 26
_LETTER: Final = 6.0
_ROW: Final = 17.0
_WORD_PX: Final = 7.2
"""Width of a letter in a strip: a word that does not fit is left to the tooltip."""


def time_axis(end_s: float) -> Axis:
    """Return the axis from 0 to `end_s` across the plot."""
    return Axis(0.0, end_s, LEFT, WIDTH - LEFT - RIGHT)


def text(x: float, y: float, words: str, style: str) -> str:
    """Place words by their base line."""
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def panel(x: Axis, y: Axis | None, curves: Sequence[Curve], title: str) -> list[str]:
    """Draw lines over a grid; nothing where there is no axis because there is no value."""
    if y is None:
        return []
    parts = [text(LEFT, y.start + y.length - 7, title, "title"), *_grid(x, y)]
    parts += [f'<path class="{curve.style}" d="{_path(curve, x, y)}"/>' for curve in curves]
    return parts


def time_labels(x: Axis, bottom: float) -> list[str]:
    """Write seconds, minutes, hours or days under the lowest panel."""
    named = [(x.at(t_s), words) for t_s, words in round_times(x.low, x.high, 9)]
    return [
        text(at, bottom + 16, words, "label end" if at > WIDTH - 2 * RIGHT else "label middle")
        for at, words in named
    ]


def bands(x: Axis, stretches: Iterable[Stretch], top: float, height: float) -> list[str]:
    """Shade the times in which the market was not valid."""
    return [
        f'<rect class="band {stretch.validity.name}" x="{left}" y="{top}" '
        f'width="{width:.1f}" height="{height}"/>'
        for left, width, stretch in _seen(x, stretches)
        if stretch.validity is not Validity.VALID
    ]


def strips(x: Axis, stretches: Sequence[Stretch], top: float) -> list[str]:
    """Draw validity and breaker as two strips with words, where a word fits."""
    parts = []
    for row, title in enumerate(("validity", "breaker")):
        at = top + row * STRIP
        parts.append(text(LEFT - 8, at + 11.5, title, "label end"))
        for left, width, stretch in _seen(x, stretches):
            value: Validity | BreakerState = stretch.state if row else stretch.validity
            tip = f"{value.name} at {clock_text(stretch.start_s)}"
            tip += f": {stretch.reason}" if stretch.reason else ""
            parts.append(
                f'<rect class="strip {value.name}" x="{left}" y="{at}" width="{width:.1f}" '
                f'height="{STRIP - 2}"><title>{escape(tip)}</title></rect>'
            )
            if width > _WORD_PX * len(value.name):
                middle = left + width / 2
                parts.append(text(middle, at + 11.5, value.name, "word middle"))
    return parts


def flags(x: Axis, marked: Iterable[Flag], top: float, bottom: float) -> list[str]:
    """Draw numbered flags above the panels from `top` to `bottom`; close ones side by side."""
    parts, taken = [], -math.inf
    for number, flag in enumerate(marked, 1):
        at = x.at(flag.t_s)
        taken = max(at, taken + 2 * _DOT)
        parts.append(
            f'<path class="flag" d="M{at} 16V{FLAGS}M{at} {top}V{bottom}"/>'
            f'<circle class="flag-dot" cx="{taken:g}" cy="9" r="{_DOT:g}">'
            f"<title>{escape(flag.text)}</title></circle>"
            + text(taken, 12.5, str(number), "flag-number middle")
        )
    return parts


def legend(curves: Iterable[Curve], top: float) -> tuple[list[str], float]:
    """Name lines beside a stretch of each, as many a row as fit; return how far down they go."""
    parts: list[str] = []
    left, down = LEFT, top
    for curve in curves:
        width = _SAMPLE + 8 + _LETTER * len(curve.name) + 18
        if left > LEFT and left + width > WIDTH - RIGHT:
            left, down = LEFT, down + _ROW
        parts.append(f'<path class="{curve.style}" d="M{left:g} {down + 8:g}h{_SAMPLE}"/>')
        parts.append(text(left + _SAMPLE + 8, down + 12, curve.name, "label"))
        left += width
    return parts, down + _ROW


def swatch(curve: Curve) -> str:
    """Draw a short stretch of a curve's line for a legend in HTML."""
    return (
        '<svg class="swatch" viewBox="0 0 30 10" aria-hidden="true">'
        f'<path class="{curve.style}" d="M1 5H29"/></svg>'
    )


def _seen(x: Axis, stretches: Iterable[Stretch]) -> list[tuple[float, float, Stretch]]:
    """Return left edge, width and stretch of what is wide enough to be seen."""
    edges = [(x.at(stretch.start_s), x.at(stretch.end_s), stretch) for stretch in stretches]
    return [(left, right - left, stretch) for left, right, stretch in edges if right > left]


def _grid(x: Axis, y: Axis) -> list[str]:
    values = y.labels(5)
    parts = []
    for value, words in zip(values, _value_texts(values, log=y.log), strict=True):
        at, right = y.at(value), x.start + x.length
        parts.append(f'<path class="grid" d="M{LEFT} {at}H{right}"/>')
        parts.append(text(LEFT - 8, at + 4, words, "label end"))
    return parts


def _value_texts(values: Sequence[float], *, log: bool) -> list[str]:
    """Return the values' text: of one precision, or where decades apart each of its own."""
    if log:
        return [f"{v:,.0f}" if 1 <= v < 1e7 else f"{v:.6g}" for v in values]
    step = values[1] - values[0] if len(values) > 1 else 1.0
    digits = next((d for d in range(9) if math.isclose(round(step, d), step, rel_tol=1e-6)), 9)
    return [price_text(value, digits) for value in values]


def _path(curve: Curve, x: Axis, y: Axis) -> str:
    """Return the line's commands; of what is level only the ends."""
    commands: list[str] = []
    run: list[tuple[float, float]] = []
    for t_s, value in (*curve.points, (0.0, None)):
        if value is not None:
            run.append((x.at(t_s), y.at(value)))
            continue
        for at, (left, top) in enumerate(run):
            level = 0 < at < len(run) - 1 and run[at - 1][1] == top == run[at + 1][1]
            if not level:
                commands.append(f"{'L' if at else 'M'}{left:g} {top:g}")
        run = []
    return "".join(commands)
