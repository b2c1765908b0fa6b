"""Plots of a trial: the marks, who was short of margin, and what the insurance held."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from oracle.cli.plot.axes import fitted
from oracle.cli.plot.curves import Curve, Point, Stretch, source_style, thinned
from oracle.cli.plot.draw import (
    FOOT,
    LEFT,
    TITLE,
    bands,
    legend,
    panel,
    text,
    time_axis,
    time_labels,
)
from oracle.cli.plot.style import document
from oracle.cli.whatif.run import Tried
from oracle.model.validity import BreakerState

HEAD: Final = 46.0
HEIGHT: Final = 150.0
MOST_POINTS: Final = 420
_MS: Final = 1000


def write_plots(tried: Tried, folder: Path) -> list[Path]:
    """Write one plot for each market; return the files."""
    written = []
    for market in tried.setting.tape.frames[0].entries:
        written.append(folder / f"{market}.svg")
        written[-1].write_text(plot(tried, market), encoding="utf-8")
    return written


def plot(tried: Tried, market: str) -> str:
    """Draw a market's marks over the accounts short of margin and the insurance."""
    frames = tried.setting.tape.frames
    start_ms = frames[0].time_ms
    x = time_axis((frames[-1].time_ms - start_ms) / _MS)
    marks: list[Point] = [
        ((frame.time_ms - start_ms) / _MS, frame.price(market) or None) for frame in frames
    ]
    price = Curve("mark", "mark", thinned(marks, MOST_POINTS))
    short, insurance = [], []
    for at, (name, sights) in enumerate(tried.sights.items()):
        times = [(sight.time_ms - start_ms) / _MS for sight in sights]
        short.append(_curve(name, at, times, [float(sight.short) for sight in sights]))
        insurance.append(_curve(name, at, times, [sight.insurance for sight in sights]))
    names, top = legend([price, *short], HEAD)
    parts = [*names]
    for title, curves in (
        (f"{market}: published mark, and its validity", [price]),
        ("accounts below maintenance margin", short),
        ("insurance, in the settlement token", insurance),
    ):
        first = top + TITLE
        if curves == [price]:
            parts += bands(x, _stretches(tried, market), first, HEIGHT)
        parts += panel(x, fitted(curves, first, HEIGHT), curves, title)
        top = first + HEIGHT
    told = "; ".join(
        f"{name}: {made.accounts_liquidated} of {made.opened} accounts liquidated, "
        f"bad debt {made.bad_debt:,.0f}"
        for name, made in tried.outcomes.items()
    )
    title = f"{tried.setting.tape.title}: {market}"
    heading = text(LEFT, 26, title, "heading")
    return document(top + FOOT + 30, title, told, [heading, *parts, *time_labels(x, top)])


def _curve(name: str, at: int, times: list[float], values: list[float]) -> Curve:
    points: list[Point] = list(zip(times, values, strict=True))
    return Curve(name, source_style(at), thinned(points, MOST_POINTS))


def _stretches(tried: Tried, market: str) -> list[Stretch]:
    frames = tried.setting.tape.frames
    start_ms = frames[0].time_ms
    made: list[Stretch] = []
    for frame, following in zip(frames, (*frames[1:], frames[-1]), strict=True):
        validity = frame.entries[market].validity
        since, until = ((each.time_ms - start_ms) / _MS for each in (frame, following))
        if made and made[-1].validity is validity:
            made[-1] = made[-1]._replace(end_s=until)
        else:
            made.append(Stretch(since, until, validity, BreakerState.NORMAL))
    return made
