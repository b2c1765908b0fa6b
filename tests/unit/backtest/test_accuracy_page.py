"""`docs/accuracy.md` is what the command makes: its quickest sections, computed again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oracle.backtest.suite.bybit_tickers import bybit_tickers
from oracle.backtest.suite.figures import against_published
from oracle.backtest.suite.hyperliquid_snapshot import hyperliquid_snapshot
from oracle.backtest.suite.page import dataset_section
from oracle.backtest.suite.words import FORMULAS, INTRODUCTION, LIARS, LIMITS, PARAMETERS
from tests.recorded import recorded

PAGE = Path(__file__).parents[3] / "docs/accuracy.md"
AGAIN = "run `plumb backtest --suite DATA --out docs`"


@pytest.fixture(scope="module", params=[bybit_tickers, hyperliquid_snapshot])
def figures(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the figures of one data set."""
    return against_published(request.param(recorded(".")))


@pytest.mark.data
def test_the_figures_of_a_data_set_are_reproduced(figures):
    """Every table of the section, to the last digit shown."""
    assert dataset_section(figures) in PAGE.read_text(), AGAIN


@pytest.mark.data
def test_our_mark_is_nearer_than_any_plain_aggregate(figures):
    """By the venue's own method the median error is little over half of the best of them."""
    (made,) = figures["comparisons"]
    medians = {name: score["median_bps"] for name, score in made["scores"].items()}
    method = "median3_ema" if figures["name"].startswith("hyperliquid") else "median3_funding"
    ours = medians[f"plumbline {method}"]
    plain = [value for name, value in medians.items() if not name.startswith("plumbline")]
    assert len(plain) == 4
    assert ours < 0.55 * min(plain)


def test_the_words_are_the_ones_of_the_command():
    """Nobody changed the page by hand."""
    page = PAGE.read_text()
    for words in (INTRODUCTION, FORMULAS, LIARS, PARAMETERS, LIMITS):
        assert words in page, AGAIN
