"""The plot of an incident: for every market shown what the venues said and what was published."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from oracle.cli.figures import short_names
from oracle.cli.plot.axes import Axis, fitted
from oracle.cli.plot.curves import Curve, Flag, Point, Stretch, source_style, thinned
from oracle.cli.plot.draw import (
    FLAGS,
    FOOT,
    LEFT,
    STRIP,
    TITLE,
    bands,
    flags,
    legend,
    panel,
    strips,
    text,
    time_axis,
    time_labels,
)
from oracle.cli.plot.style import document
from oracle.incidents.recording import Moment, Run
from oracle.incidents.telling import told

PRICES: Final = 230.0
DISTANCES: Final = 110.0
HEAD: Final = 46.0
GAP: Final = 14.0
MOST_POINTS: Final = 420
"""Points that a line of 880 pixels is drawn with."""
_LIMITS: Final = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 25.0)
"""Ends of the axis of distances, in percent."""


def incident_svg(run: Run) -> str:
    """Draw a run as an SVG file: the panels of each shown market under each other."""
    scenario = run.scenario
    x = time_axis(scenario.length_s)
    marked = [Flag(note.t_s, note.text) for note in scenario.notes]
    parts, top, spans = [], HEAD + FLAGS, []
    for market in scenario.markets:
        drawn = _market(run, market, x, top)
        parts += drawn.parts
        spans.append(f"{drawn.top:g}V{drawn.bottom:g}")
        top = drawn.bottom + GAP
    bottom = top - GAP
    notes = [
        text(LEFT, bottom + FOOT + 16 + 17 * number, f"{number}. {flag.text}", "label")
        for number, flag in enumerate(marked, 1)
    ]
    since = f"{scenario.id}: {scenario.title}. Time since {scenario.start:%Y-%m-%d %H:%M} UTC"
    height = bottom + FOOT + 30 + 17 * len(marked)
    lines = "".join(f"M{x.at(flag.t_s):g} {span}" for flag in marked for span in spans)
    return document(
        height,
        scenario.title,
        f"{scenario.story} {told(run)}",
        [
            text(LEFT, 26, since, "heading"),
            *parts,
            *time_labels(x, bottom),
            f'<g transform="translate(0 {HEAD - 8:g})">',
            *flags(x, marked, FLAGS, FLAGS),
            "</g>",
            f'<path class="flag" d="{lines}"/>',
            *notes,
        ],
    )


class _Drawn(NamedTuple):
    parts: list[str]
    top: float
    bottom: float


def _market(run: Run, market: str, x: Axis, top: float) -> _Drawn:
    moments = run.during(market=market)
    lines = _lines(run, moments)
    sources = _sources(run, market, moments)
    names, under = legend([*reversed(lines), *sources], top + 22)
    stretches = [Stretch(*standing) for standing in run.standings(market)]
    first = under + 6 + 2 * STRIP + TITLE
    second = first + PRICES + TITLE
    prices = [*sources, *lines]
    limit = _limit_percent(moments)
    away = [_away(line, moments) for line in lines]
    return _Drawn(
        [
            text(LEFT, top + 14, market, "heading"),
            *names,
            *bands(x, stretches, first, PRICES),
            *bands(x, stretches, second, DISTANCES),
            *strips(x, stretches, under + 6),
            *panel(x, fitted(prices, first, PRICES), _thin(prices), "prices"),
            *panel(
                x,
                Axis(-limit, limit, second + DISTANCES, -DISTANCES),
                _thin(away),
                f"distance from the true price, % (drawn at the edge beyond ±{limit:g} %)",
            ),
        ],
        under + 6,
        second + DISTANCES,
    )


def _lines(run: Run, moments: list[Moment]) -> list[Curve]:
    """Return what plain aggregators would have said, and above it what was published."""
    lines = [
        Curve("plain mean", "mean", _points(moments, lambda m: m.mean)),
        Curve("plain median", "median", _points(moments, lambda m: m.median)),
        Curve("mark, published", "mark", _points(moments, lambda m: m.mark)),
        Curve("index", "index", _points(moments, lambda m: m.index if m.mark else None)),
    ]
    rival = run.scenario.rival
    if rival is not None:
        averages = Curve("TWAP", "twap", _points(moments, lambda m: m.twap))
        other = Curve(rival.name, "rival", _points(moments, lambda m: rival.price(m.t_s)))
        lines = [averages, other, *lines]
    return lines


def _sources(run: Run, market: str, moments: list[Moment]) -> list[Curve]:
    names = short_names(run.places[market], run.perps)
    return [
        Curve(
            names[source],
            source_style(at, perp=source in run.perps),
            [(moment.t_s, moment.said[at]) for moment in moments],
        )
        for at, source in enumerate(run.places[market])
    ]


def _points(moments: Iterable[Moment], of: Callable[[Moment], float | None]) -> list[Point]:
    return [(moment.t_s, of(moment)) for moment in moments]


def _away(curve: Curve, moments: list[Moment]) -> Curve:
    pairs = zip(curve.points, moments, strict=True)
    return curve._replace(
        points=[(t, None if v is None else (v / m.worth - 1) * 100) for (t, v), m in pairs]
    )


def _limit_percent(moments: list[Moment]) -> float:
    """Return the end of the axis of distances: what all lines fit into, or the last there is."""
    fields = [(m.mark, m.worth) for m in moments]
    fields += [(m.mean, m.worth) for m in moments] + [(m.median, m.worth) for m in moments]
    most = max((abs(v / worth - 1) * 100 for v, worth in fields if v is not None), default=0.0)
    return next((limit for limit in _LIMITS if most * 1.05 < limit), _LIMITS[-1])


def _thin(curves: Iterable[Curve]) -> list[Curve]:
    return [curve._replace(points=thinned(curve.points, MOST_POINTS)) for curve in curves]
