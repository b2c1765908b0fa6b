"""The plot of a replayed market: what each venue said, what was published, and how it stood."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from oracle.backtest.naive import mean
from oracle.cli.figures import readable
from oracle.cli.plot.axes import Axis, fitted, round_times
from oracle.cli.plot.curves import Curve, Stretch, source_style
from oracle.cli.plot.draw import (
    FOOT,
    LEFT,
    RIGHT,
    STRIP,
    TITLE,
    WIDTH,
    bands,
    legend,
    panel,
    strips,
    text,
    time_axis,
)
from oracle.cli.plot.style import document
from oracle.cli.replay_figures import stretches
from oracle.cli.replay_said import Replayed
from oracle.cli.replay_windows import clock
from oracle.engine.records import Floats
from oracle.model.errors import ConfigError
from oracle.model.validity import BreakerState, Validity

HEAD: Final = 20.0
PRICES: Final = 240.0
DISTANCES: Final = 130.0
MOST_POINTS: Final = 420
"""Points that a line of 880 pixels is drawn with."""
EVERY_STEP: Final = 660
"""So many steps are drawn as they are: eleven minutes, second by second."""
MOST_PARTS: Final = 880
"""Of a strip, one a pixel; each shows the strictest of its time."""
_LIMITS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 25.0)
"""Ends of the axis of distances, in percent."""
_CALMEST_FIRST: Final = (
    BreakerState.NORMAL,
    BreakerState.RECOVERING,
    BreakerState.GUARDED,
    BreakerState.HALTED,
)
_DAY_S: Final = 86_400


def write_plot(run: Replayed, file: Path) -> None:
    """Draw a stretch of a market into an SVG file.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        file.write_text(replay_svg(run), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from error


def replay_svg(run: Replayed) -> str:
    """Draw at least two steps of a market: strips of its standing, prices, distances."""
    seconds = (run.time_ns - run.time_ns[0]) / 1e9
    x = time_axis(float(seconds[-1]))
    lines = [*_sources(run), *_ours(run)]
    prices = [line.curve(seconds, line.values) for line in lines]
    away = [
        line.curve(seconds, (line.values / run.index - 1) * 100)
        for line in lines
        if line.style != "index"
    ]
    limit = _limit_percent(run)
    names, under = legend([*reversed(prices[-3:]), *prices[:-3]], HEAD + 22)
    stood = _standings(run, seconds)
    first = under + 6 + 2 * STRIP + TITLE
    second = first + PRICES + TITLE
    title = _title(run)
    return document(
        second + DISTANCES + FOOT + 8,
        title,
        f"Prices of {', '.join(p.source for p in run.market.places)} beside index and mark.",
        [
            text(LEFT, HEAD + 8, title, "heading"),
            *names,
            *bands(x, stood, first, PRICES),
            *bands(x, stood, second, DISTANCES),
            *strips(x, stood, under + 6),
            *panel(x, fitted(prices, first, PRICES), prices, "prices"),
            *panel(
                x,
                Axis(-limit, limit, second + DISTANCES, -DISTANCES),
                away,
                f"distance from the index, % (drawn at the edge beyond ±{limit:g} %)",
            ),
            *_clock_labels(x, int(run.time_ns[0]), second + DISTANCES),
        ],
    )


def _title(run: Replayed) -> str:
    start, end = clock(int(run.time_ns[0])), clock(int(run.time_ns[-1]))
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{run.market.name}, {start:%Y-%m-%d %H:%M} to {until} UTC"


class _Line(NamedTuple):
    name: str
    style: str
    values: Floats

    def curve(self, seconds: Floats, values: Floats) -> Curve:
        """Return what can be seen of values: of each part the smallest, the largest and a gap."""
        size = 1 if len(values) <= EVERY_STEP else -(-2 * len(values) // MOST_POINTS)
        cut = np.full((-(-len(values) // size), size), np.nan)
        cut.flat[: len(values)] = values
        gap = ~np.isfinite(cut)
        lowest = np.where(gap, np.inf, cut).argmin(axis=1)
        highest = np.where(gap, -np.inf, cut).argmax(axis=1)
        kept = np.stack([lowest, highest, gap.argmax(axis=1)])
        at = np.unique(kept + size * np.arange(len(cut)))
        at = at[at < len(values)]
        shown = values[at].tolist()
        return Curve(
            self.name,
            self.style,
            [
                (t_s, value if math.isfinite(value) else None)
                for t_s, value in zip(seconds[at].tolist(), shown, strict=True)
            ],
        )


def _sources(run: Replayed) -> list[_Line]:
    places = [place.source for place in run.market.places]
    perps = {place.source for place in run.market.perps}
    names = _names(places, perps)
    return [
        _Line(names[name], source_style(at, perp=name in perps), run.prices[:, at])
        for at, name in enumerate(places)
    ]


def _names(places: list[str], perps: Collection[str]) -> dict[str, str]:
    """Return the venue, with the instrument where the venue has several."""
    venues = [readable(name).partition(":") for name in places]
    several = Counter(venue for venue, _, _ in venues)
    names = {}
    for place, (venue, _, symbol) in zip(places, venues, strict=True):
        kind = " perp" if place in perps else ""
        names[place] = f"{venue} {symbol}" if several[venue] > 1 else venue + kind
    return names


def _ours(run: Replayed) -> list[_Line]:
    """Return a plain mean of the sources, and above it what was published."""
    return [
        _Line("plain mean", "mean", mean(run.spot, np.ones_like(run.spot))),
        _Line("mark, published", "mark", run.mark),
        _Line("index", "index", run.index),
    ]


def _limit_percent(run: Replayed) -> float:
    """Return the end of the axis of distances: what nearly all of them fit into."""
    away = np.abs(run.prices / run.index[:, None] - 1) * 100
    known = away[np.isfinite(away)]
    most = float(np.percentile(known, 99.5)) if len(known) else 0.0
    return next((limit for limit in _LIMITS if most < limit), _LIMITS[-1])


def _standings(run: Replayed, seconds: Floats) -> list[Stretch]:
    """Return how the market stood, as finely as can be seen."""
    parts = min(len(seconds), MOST_PARTS)
    starts = np.linspace(0, len(seconds), parts, endpoint=False).astype(np.int64)
    validity = np.minimum.reduceat(run.validity, starts)
    state = np.maximum.reduceat(np.argsort(_CALMEST_FIRST)[run.state], starts)
    edges = [*seconds[starts].tolist(), float(seconds[-1])]
    return [
        Stretch(
            edges[first],
            edges[end],
            Validity(int(validity[first])),
            _CALMEST_FIRST[int(state[first])],
            f"{clock(int(run.time_ns[starts[first]])):%H:%M:%S} UTC",
        )
        for first, end in stretches([validity, state])
    ]


def _clock_labels(x: Axis, start_ns: int, bottom: float) -> list[str]:
    """Write times of the day under the lowest panel, over more than a day with the date."""
    start = clock(start_ns)
    midnight_s = (start.hour * 60 + start.minute) * 60.0 + start.second
    shape = "%H:%M" if x.high < _DAY_S else "%d %b %H:%M"
    parts = []
    for t_s, _ in round_times(midnight_s, midnight_s + x.high, 9):
        at = x.at(t_s - midnight_s)
        words = clock(start_ns + round((t_s - midnight_s) * 1e9)).strftime(shape)
        style = "label end" if at > WIDTH - 2 * RIGHT else "label middle"
        parts.append(text(at, bottom + 16, words, style))
    return parts
