"""docs/replays.md: complete, and its commands are those that made it."""

from __future__ import annotations

import re

import pytest

from feeds.ticks.importing import FORMATS
from oracle.cli.replay_windows import window
from oracle.config.load import load
from tests.replays.days import DAYS, Day
from tests.replays.page import PAGE, PLOTS, ROOT

LARGEST_PLOT = 150_000
TEXT = PAGE.read_text(encoding="utf-8")


def test_every_plot_is_shown_and_none_is_left_over() -> None:
    """The page shows what is drawn, and nothing else is beside it; no plot is a burden."""
    shown = re.findall(r"\]\(replays/(\S+\.svg)\)", TEXT)
    drawn = [
        f"{day.name}-{market}{window(interval).label}.svg"
        for day in DAYS
        for interval, markets in day.plots.items()
        for market in markets
    ]
    assert sorted(shown) == sorted(drawn) == sorted(file.name for file in PLOTS.iterdir())
    assert max(file.stat().st_size for file in PLOTS.iterdir()) < LARGEST_PLOT


def test_every_written_part_is_there() -> None:
    """Each begins, ends and holds something."""
    parts = re.findall(r"<!-- (.+): begin -->\n\n(.+?)\n\n<!-- \1: end -->", TEXT, re.DOTALL)
    assert len(parts) == TEXT.count(": begin -->") > 10
    assert all(text.startswith(("|", "![")) for _, text in parts)


@pytest.mark.parametrize("day", DAYS, ids=lambda day: day.name)
def test_its_commands_are_those_that_are_run(day: Day) -> None:
    """The formats, the configuration and the intervals are named in the page, and are right."""
    for each in day.imports:
        assert each.format in FORMATS
        assert f"plumb ticks import --format {each.format}" in TEXT
        assert each.out in TEXT
    assert f"--config {day.config.relative_to(ROOT)}" in TEXT
    assert all(f"--plot {interval}" in TEXT for interval in day.plots)
    markets = load(day.config).markets
    assert all(market in markets for shown in day.plots.values() for market in shown)
