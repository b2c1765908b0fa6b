"""Plots of one market as inline SVG: colours and dark mode come from the page's style sheet.

Drawn by hand rather than by a plotting library, so that the text stays text, a screen reader gets
a description, and one style sheet serves light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple

from oracle.cli.demo.curves import Curve, means, price_curve, source_curves, steps
from oracle.cli.demo.figures import clock_text, price_text
from oracle.cli.demo.recorder import ChainMark, StoryEvent
from oracle.cli.demo.series import Series, Standing
from oracle.model.validity import BreakerState, Validity

WIDTH, LEFT, RIGHT = 980.0, 78.0, 20.0
FLAGS, STRIP, TITLE, PRICES, DISTANCES, CHAINS, FOOT = 24.0, 17.0, 26.0, 260.0, 100.0, 120.0, 22.0


class _Axis(NamedTuple):
    low: float
    high: float
    start: float
    length: float

    def at(self, value: float) -> float:
        """Return the coordinate of a value, held inside the axis."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + self.length * max(0.0, min(1.0, share)), 1)


class MarketPlot:
    """Prices of one market over a run, above what each chain held of it.

    `end_s` is where the time axis ends; it begins when the recorder's clock was started.
    """

    def __init__(
        self,
        market: str,
        series: Series,
        stored: Mapping[str, Iterable[ChainMark]],
        story: Sequence[StoryEvent],
        *,
        start_ns: int,
        end_s: float,
        perps: frozenset[str],
    ) -> None:
        self.market, self._end_s, self._story = market, end_s, story
        self._standings, self._start_ns = list(series.standings), start_ns
        marks = [mark for mark in series.samples if mark.time_ns >= start_ns]
        self.sources = source_curves(marks, start_ns, perps)
        self.naive = Curve("plain mean of all sources", "naive", means(marks, start_ns, perps))
        self.index = Curve("index", "index", price_curve(marks, start_ns, "index"))
        self.mark = Curve("mark", "mark", price_curve(marks, start_ns, "mark"))
        self.chains = [
            Curve(name, f"chain c{number % 4}", steps(held, start_ns, end_s))
            for number, (name, held) in enumerate(stored.items())
        ]

    def naive_off_bps(self) -> float:
        """Return how far the plain mean was from the index at most."""
        pairs = zip(self.naive.points, self.index.points, strict=True)
        return max((abs(n / i - 1) * 1e4 for (_, n), (_, i) in pairs if n and i), default=0.0)

    def svg(self) -> str:
        """Draw both panels."""
        x = _Axis(0.0, self._end_s, LEFT, WIDTH - LEFT - RIGHT)
        first = FLAGS + 2 * STRIP + TITLE
        second = first + PRICES + TITLE
        third = second + DISTANCES + TITLE
        bottom = third + CHAINS
        limit = self._limit_bps()
        away = [self._away(curve) for curve in (*self.sources, self.naive)]
        prices = [*self.sources, self.naive, self.mark, self.index]
        parts = [
            f'<svg viewBox="0 0 {WIDTH:.0f} {bottom + FOOT:.0f}" role="img" '
            f'aria-label="{escape(self._description())}">',
            *self._bands(x, first, PRICES),
            *self._bands(x, second, DISTANCES),
            *self._bands(x, third, CHAINS),
            *_panel(x, _fitted(prices, first, PRICES), prices, "prices"),
            *_panel(
                x,
                _Axis(-limit, limit, second + DISTANCES, -DISTANCES),
                away,
                f"distance from the index, bps (drawn at the edge beyond ±{limit:.0f})",
            ),
            *_panel(
                x,
                _fitted([self.index, *self.chains], third, CHAINS),
                [self.index, *self.chains],
                "held on each chain, and the index",
            ),
            *_time_labels(x, bottom),
            *self._strips(x),
            *self._flags(x, first, bottom),
            "</svg>",
        ]
        return "\n".join(parts)

    def _away(self, curve: Curve) -> Curve:
        """Return a curve as its distance from the index, in bps."""
        pairs = zip(curve.points, self.index.points, strict=True)
        points = [(t_s, (v / i - 1) * 1e4 if v and i else None) for (t_s, v), (_, i) in pairs]
        return curve._replace(points=points)

    def _limit_bps(self) -> float:
        """Return the end of the distance axis: what nine of ten distances fit into, rounded up."""
        away = [self._away(curve).points for curve in self.sources]
        far = sorted(abs(bps) for points in away for _, bps in points if bps is not None)
        most = far[len(far) * 9 // 10] if far else 0.0
        return next((limit for limit in (2.0, 5.0, 10.0, 20.0, 50.0) if most * 1.3 < limit), 100.0)

    def _description(self) -> str:
        told = [
            f"{s.validity.name} from {clock_text(max(0.0, self._t_s(s.time_ns)))}"
            for s in self._standings
        ]
        return (
            f"{self.market}: {len(self.sources)} sources, index, mark and plain mean over "
            f"{self._end_s:.0f} s. Validity {', '.join(told)}. The plain mean was up to "
            f"{self.naive_off_bps():.0f} bps from the index."
        )

    def _t_s(self, time_ns: int) -> float:
        return (time_ns - self._start_ns) / 1e9

    def _spans(self, x: _Axis) -> list[tuple[float, float, Standing]]:
        """Return left edge, width and standing of each stretch of time that is shown."""
        ends = [self._t_s(standing.time_ns) for standing in self._standings[1:]] + [self._end_s]
        spans = []
        for standing, end_s in zip(self._standings, ends, strict=True):
            left, right = x.at(self._t_s(standing.time_ns)), x.at(end_s)
            if right > left:
                spans.append((left, right - left, standing))
        return spans

    def _bands(self, x: _Axis, top: float, height: float) -> list[str]:
        return [
            f'<rect class="band {standing.validity.name}" x="{left}" y="{top}" '
            f'width="{width:.1f}" height="{height}"/>'
            for left, width, standing in self._spans(x)
            if standing.validity is not Validity.VALID
        ]

    def _strips(self, x: _Axis) -> list[str]:
        """Draw validity and breaker as two strips with words, where a word fits."""
        parts = []
        for row, title in enumerate(("validity", "breaker")):
            top = FLAGS + row * STRIP
            parts.append(_text(LEFT - 8, top + 11.5, title, "label end"))
            for left, width, standing in self._spans(x):
                value: Validity | BreakerState = standing.state if row else standing.validity
                tip = f"{value.name} at {clock_text(max(0.0, self._t_s(standing.time_ns)))}"
                tip += f": {standing.reason}" if standing.reason else ""
                parts.append(
                    f'<rect class="strip {value.name}" x="{left}" y="{top}" width="{width:.1f}" '
                    f'height="{STRIP - 2}"><title>{escape(tip)}</title></rect>'
                )
                if width > 7.2 * len(value.name):
                    middle = left + width / 2
                    parts.append(_text(middle, top + 11.5, value.name, "word middle"))
        return parts

    def _flags(self, x: _Axis, top: float, bottom: float) -> list[str]:
        """Draw the story's acts: the numbers are the rows of the story's table."""
        parts = []
        for number, event in enumerate(self._story, 1):
            at = x.at(event.t_s)
            parts.append(
                f'<path class="flag" d="M{at} 16V{FLAGS}M{at} {top}V{bottom}"/>'
                f'<circle class="flag-dot" cx="{at}" cy="9" r="8">'
                f"<title>{escape(event.event)}</title></circle>"
                + _text(at, 12.5, str(number), "flag-number middle")
            )
        return parts


def swatch(curve: Curve) -> str:
    """Draw a short stretch of a curve's line for the legend."""
    return (
        '<svg class="swatch" viewBox="0 0 30 10" aria-hidden="true">'
        f'<path class="{curve.style}" d="M1 5H29"/></svg>'
    )


def _fitted(curves: Sequence[Curve], top: float, height: float) -> _Axis | None:
    """Return an axis that holds all values; None when there are none."""
    values = [value for curve in curves for _, value in curve.points if value is not None]
    if not values:
        return None
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 1e-4 * high
    return _Axis(low - margin, high + margin, top + height, -height)


def _panel(x: _Axis, y: _Axis | None, curves: Sequence[Curve], title: str) -> list[str]:
    if y is None:
        return []
    parts = [_text(LEFT, y.start + y.length - 7, title, "title"), *_grid(x, y)]
    parts += [f'<path class="{curve.style}" d="{_path(curve, x, y)}"/>' for curve in curves]
    return parts


def _grid(x: _Axis, y: _Axis) -> list[str]:
    values = _ticks(y.low, y.high, 5)
    step = values[1] - values[0] if len(values) > 1 else 1.0
    digits = next((d for d in range(9) if math.isclose(round(step, d), step, rel_tol=1e-6)), 9)
    parts = []
    for value in values:
        at, right = y.at(value), x.start + x.length
        parts.append(f'<path class="grid" d="M{LEFT} {at}H{right}"/>')
        parts.append(_text(LEFT - 8, at + 4, price_text(value, digits), "label end"))
    return parts


def _time_labels(x: _Axis, bottom: float) -> list[str]:
    return [
        _text(x.at(t_s), bottom + 16, f"{t_s:.0f} s", "label middle")
        for t_s in _ticks(x.low, x.high, 9)
    ]


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Return round values inside [low, high], roughly `about` of them."""
    raw = (high - low) / about
    if raw <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [number * step for number in range(first, last + 1)]


def _path(curve: Curve, x: _Axis, y: _Axis) -> str:
    commands, pen = [], "M"
    for t_s, value in curve.points:
        if value is None:
            pen = "M"
            continue
        commands.append(f"{pen}{x.at(t_s)} {y.at(value)}")
        pen = "L"
    return "".join(commands)


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
