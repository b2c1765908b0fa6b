"""`plumb backtest` on ticks, configuration and publications that a test writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from oracle.cli.backtest import backtest
from oracle.model.errors import ConfigError
from tests.unit.backtest.made_up import T0, VENUES, S

CONFIG = f"""
version: 1
markets:
  ETH-USD:
    number: 0
    mark: index_only
    max_confidence: 10%
    sources: [{", ".join(f"{{source: '{venue}:ETH/USD'}}" for venue in VENUES)}]
"""
PRICES = dict(zip(VENUES, ("100", "101", "105"), strict=True))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Write a minute of ticks, a configuration and one published index."""
    made = {name: tmp_path / name for name in ("ticks.csv", "config.yaml", "published.csv", "out")}
    rows = ["received_ns,event_ns,source,bid,ask,last"]
    for second in range(60):
        at = T0 + second * S
        rows += [f"{at},{at},{venue}:ETH/USD,,,{price}" for venue, price in PRICES.items()]
    made["ticks.csv"].write_text("\n".join(rows) + "\n")
    made["config.yaml"].write_text(CONFIG)
    made["published.csv"].write_text(f"time_ns,market,index\n{T0 + 30 * S},ETH-USD,101\n")
    return made


def _run(*arguments: object):
    app = typer.Typer()
    app.command()(backtest)
    return CliRunner().invoke(app, [str(each) for each in arguments])


def _own(files: dict[str, Path], *more: object):
    return _run(files["ticks.csv"], "--config", files["config.yaml"], "--out", files["out"], *more)


def test_own_ticks_against_own_publications(files):
    """The JSON has a score for every algorithm; the page has a table of them."""
    done = _own(files, "--published", files["published.csv"], "--json")
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    (comparison,) = made["comparisons"]
    assert made["ticks"] == 180
    assert comparison["scores"]["plumbline"]["worst_bps"] == pytest.approx(0, abs=1e-6)
    assert comparison["scores"]["mean"]["worst_bps"] == pytest.approx(99.01, abs=0.01)
    page = (files["out"] / "backtest.md").read_text()
    assert "| mean | 1 of 1 | 99.01 | 99.01 | 99.01 | 99.01 |" in page
    assert json.loads((files["out"] / "backtest.json").read_text())["ticks"] == 180


def test_a_person_sees_a_table_and_what_liars_did(files):
    """Without --json: scores, the worst error that said VALID, and where the files are."""
    done = _own(files, "--published", files["published.csv"], "--corrupt")
    assert done.exit_code == 0, done.output
    assert "plumbline" in done.output
    assert "ETH-USD, k of n sources lie: worst while VALID" in done.output
    assert "ETH-USD, k of n sources lie" in (files["out"] / "backtest.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to hold the engine against: give --published, --corrupt or both"),
        (["--published", "nowhere.csv"], "cannot read nowhere.csv"),
        (["--corrupt", "--step", "soon"], "--step: "),
        (["--corrupt", "--step", "1m"], "market ETH-USD recovers over 10s and must be looked at"),
        (["--suite", "somewhere"], "--suite runs its own data sets"),
    ],
)
def test_a_mistake_is_said(files, arguments: list[str], says: str):
    """Nothing runs, and the message says what to do."""
    done = _own(files, *arguments)
    assert isinstance(done.exception, ConfigError)
    assert says in str(done.exception)
    assert not files["out"].exists()


def test_a_published_market_that_is_not_configured_is_named(files):
    """A misspelt market would otherwise be compared with nothing."""
    files["published.csv"].write_text(f"time_ns,market,index\n{T0},ETH-EUR,101\n")
    done = _own(files, "--published", files["published.csv"])
    assert isinstance(done.exception, ConfigError)
    assert "market ETH-EUR is not configured; configured are ETH-USD" in str(done.exception)


def test_a_folder_without_the_data_sets_is_named(tmp_path: Path):
    """The first missing file is what the message says."""
    done = _run("--suite", tmp_path, "--out", tmp_path / "out")
    assert isinstance(done.exception, ConfigError)
    assert str(tmp_path) in str(done.exception)
