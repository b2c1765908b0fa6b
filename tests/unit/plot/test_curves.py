"""Curves: what may be left out of a plot, and what may not."""

from __future__ import annotations

from oracle.cli.plot.curves import Point, source_style, thinned


def test_thinning_keeps_extremes_and_gaps() -> None:
    """One wick among ten thousand points, and one moment without a price, are still seen."""
    points: list[Point] = [(float(at), 100.0 + at % 3) for at in range(10_000)]
    points[4_321] = (4_321.0, 5.0)
    points[7_000] = (7_000.0, None)
    kept = thinned(points, 400)
    assert len(kept) <= 401
    assert (4_321.0, 5.0) in kept
    assert (7_000.0, None) in kept
    assert kept == sorted(kept, key=lambda point: point[0])


def test_few_points_stay_as_they_are() -> None:
    """A short run is drawn as it was."""
    points: list[Point] = [(0.0, 1.0), (1.0, None)]
    assert thinned(points, 400) == points


def test_sources_beyond_the_palette_begin_again() -> None:
    """A ninth source has a colour as well; a perp is dotted."""
    assert source_style(8) == source_style(0)
    assert source_style(1, perp=True) == "source s1 perp"
