"""Plots of one market as inline SVG: colours and dark mode come from the page's style sheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from oracle.cli.demo.curves import means, price_curve, source_curves, steps
from oracle.cli.demo.recorder import StoryEvent
from oracle.cli.demo.series import Series
from oracle.cli.figures import clock_text
from oracle.cli.plot.axes import Axis, fitted
from oracle.cli.plot.curves import Curve, Flag, Stretch
from oracle.cli.plot.draw import (
    FLAGS,
    FOOT,
    STRIP,
    TITLE,
    WIDTH,
    bands,
    flags,
    panel,
    strips,
    time_axis,
    time_labels,
)
from relayer.held import HeldMark

PRICES, DISTANCES, CHAINS = 260.0, 100.0, 120.0


class MarketPlot:
    """Prices of one market over a run, above what each chain held of it.

    `end_s` is where the time axis ends; it begins when the recorder's clock was started.
    """

    def __init__(
        self,
        market: str,
        series: Series,
        stored: Mapping[str, Iterable[HeldMark]],
        story: Sequence[StoryEvent],
        *,
        start_ns: int,
        end_s: float,
        perps: frozenset[str],
    ) -> None:
        self.market, self._end_s, self._start_ns = market, end_s, start_ns
        self._story = [Flag(event.t_s, event.event) for event in story]
        self._stretches = self._stretches_of(series)
        marks = [mark for mark in series.samples if mark.time_ns >= start_ns]
        self.sources = source_curves(marks, start_ns, perps)
        self.naive = Curve("plain mean of all sources", "mean", means(marks, start_ns, perps))
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
        """Draw the panels under each other."""
        x = time_axis(self._end_s)
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
            *bands(x, self._stretches, first, PRICES),
            *bands(x, self._stretches, second, DISTANCES),
            *bands(x, self._stretches, third, CHAINS),
            *panel(x, fitted(prices, first, PRICES), prices, "prices"),
            *panel(
                x,
                Axis(-limit, limit, second + DISTANCES, -DISTANCES),
                away,
                f"distance from the index, bps (drawn at the edge beyond ±{limit:.0f})",
            ),
            *panel(
                x,
                fitted([self.index, *self.chains], third, CHAINS),
                [self.index, *self.chains],
                "held on each chain, and the index",
            ),
            *time_labels(x, bottom),
            *strips(x, self._stretches, FLAGS),
            *flags(x, self._story, first, bottom),
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
        told = [f"{s.validity.name} from {clock_text(s.start_s)}" for s in self._stretches]
        return (
            f"{self.market}: {len(self.sources)} sources, index, mark and plain mean over "
            f"{self._end_s:.0f} s. Validity {', '.join(told)}. The plain mean was up to "
            f"{self.naive_off_bps():.0f} bps from the index."
        )

    def _stretches_of(self, series: Series) -> list[Stretch]:
        """Return how the market stood, from the recorder's start on."""
        held = list(series.standings)
        starts = [max(0.0, (each.time_ns - self._start_ns) / 1e9) for each in held]
        return [
            Stretch(start_s, end_s, each.validity, each.state, each.reason)
            for each, start_s, end_s in zip(held, starts, [*starts[1:], self._end_s], strict=False)
        ]
