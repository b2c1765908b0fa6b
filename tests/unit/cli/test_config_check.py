"""`plumb config check`: all that a start would refuse, at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from oracle.cli.app import app
from tests import cbeth

MARKET = {"number": 0, "sources": [{"source": "a:X/USD"}, {"source": "b:X/USD"}]}


def _write(tmp_path: Path, data: dict, name: str = "c.yaml") -> str:
    file = tmp_path / name
    file.write_text(yaml.safe_dump(data))
    return str(file)


def _check(tmp_path: Path, data: dict, *options: str) -> tuple[int, dict]:
    file = _write(tmp_path, data)
    done = CliRunner().invoke(app, ["config", "check", file, *options, "--json"])
    return done.exit_code, json.loads(done.stdout)


def _shown(tmp_path: Path, data: dict, *options: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["config", "check", _write(tmp_path, data), *options])
    return done.exit_code, done.stdout


@pytest.fixture
def tick_file(tmp_path: Path) -> str:
    """Return a file with a minute of cbETH and ETH."""
    file = tmp_path / "ticks.csv"
    file.write_text(cbeth.tick_file(60))
    return str(file)


def test_a_good_file_can_run(tmp_path: Path):
    """Exit code 0 and the hash."""
    code, said = _check(tmp_path, {"markets": {"X-USD": MARKET}})
    assert code == 0
    assert said["ok"] is True
    assert len(said["hash"]) == 64


def test_every_mistake_is_said(tmp_path: Path):
    """Three mistakes are three lines, each with its place."""
    market = {"number": 0, "max_age": "2 minutes", "mim_sources": 2, "sources": [{"source": "a"}]}
    code, said = _check(tmp_path, {"markets": {"X-USD": market}})
    assert code == 1
    places = [mistake.split(":")[0] for mistake in said["mistakes"]]
    assert sorted(places) == [
        "markets.X-USD.max_age", "markets.X-USD.mim_sources", "markets.X-USD.sources.0.source",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("feed", "said"),
    [
        ({"kind": "ccxt", "venue": "binnance", "symbols": ["BTC/USDT"]}, "binnance"),
        ({"kind": "replay", "files": ["none.csv"]}, "none.csv"),
    ],
)
def test_what_only_a_start_would_find(tmp_path: Path, feed: dict, said: str):
    """Unknown venues and missing files are found without starting."""
    code, answer = _check(tmp_path, {"feeds": [feed], "markets": {"X-USD": MARKET}})
    assert code == 1
    assert any(said in mistake for mistake in answer["mistakes"])


def test_a_keystore_that_is_not_there(tmp_path: Path):
    """Keys are opened: a missing file or a wrong password is found before the night."""
    committee = {
        "epoch": 1, "threshold": 1, "members": ["0x" + "1" * 40],
        "keys": [{"keystore": "none.json", "password_env": "PATH"}],
    }  # fmt: skip
    deployment = {"network": "t", "home_governor": "0x" + "1" * 40, "nonce": 1}
    data = {"markets": {"X-USD": MARKET}, "committee": committee, "deployment": deployment}
    code, said = _check(tmp_path, data)
    assert code == 1
    assert said["mistakes"][0].startswith("committee.keys.0: cannot read keystore")


def test_what_is_probably_not_meant_is_a_warning(tmp_path: Path):
    """A warning does not keep a configuration from running."""
    data = {"markets": {"X-USD": MARKET | {"mark": "fair_basis"}}}
    code, said = _check(tmp_path, data)
    assert (code, said["ok"], len(said["warnings"])) == (0, True, 1)
    code, text = _shown(tmp_path, data)
    assert code == 0
    assert text.startswith("warning: market X-USD: mark fair_basis without perps is the index")


def test_a_lost_conversion_leg_is_refused_on_recorded_ticks(tmp_path: Path, tick_file: str):
    """Moonwell, February 2026: cbETH at 1.12 instead of 2,200 does not go into force."""
    old = _write(tmp_path, cbeth.OLD, "old.yaml")
    code, said = _check(tmp_path, cbeth.NEW, "--ticks", tick_file, "--against", old)
    assert (code, said["ok"]) == (1, False)
    market = said["dry_run"]["markets"][0]
    assert market["verdict"] == "refused"
    assert market["price"] == pytest.approx(1.12)
    assert market["current"] == pytest.approx(2199.9, rel=1e-4)
    assert market["factor"] == pytest.approx(1 / 1964.2, rel=1e-3)
    assert market["refusals"][0] == (
        "price 1.12 given, 2,199.9 expected, off by a factor of 1/1,964; "
        "likely cause: conversion leg ETH-USD (1,964.2) missing"
    )
    assert said["dry_run"]["markets"][1]["verdict"] == "ok"


def test_the_same_is_refused_with_nothing_to_compare_with(tmp_path: Path, tick_file: str):
    """The symbols quote ETH, ETH is not worth one USD, so it cannot be taken at par."""
    code, text = _shown(tmp_path, cbeth.NEW, "--ticks", tick_file)
    assert code == 1
    assert "ETH taken as USD, and ETH-USD is 1,964.2: the conversion leg is missing" in text
    assert "prices were compared with nothing" in text


def test_a_sound_change_can_run(tmp_path: Path, tick_file: str):
    """The table has a row for each market, and the last line says that it can run."""
    old = _write(tmp_path, cbeth.OLD, "old.yaml")
    changed = cbeth.changed(weight=2, max_age="20s")
    code, text = _shown(tmp_path, changed, "--ticks", tick_file, "--against", old)
    assert code == 0
    row = next(line for line in text.splitlines() if "CBETH-USD" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["CBETH-USD", "3 of 3", "2,199.9", "2,199.9", "+0.00 %", "ok"]
    assert text.splitlines()[-1].startswith(f"{tmp_path}/c.yaml can run: CBETH-USD, ETH-USD")


def test_a_market_that_goes_is_noted(tmp_path: Path, tick_file: str):
    """What is in force now and not in the new file is named."""
    old = _write(tmp_path, cbeth.OLD, "old.yaml")
    data = {"markets": {"ETH-USD": cbeth.OLD["markets"]["ETH-USD"]}}
    code, text = _shown(tmp_path, data, "--ticks", tick_file, "--against", old)
    assert code == 0
    assert "note CBETH-USD: is in force now, and not in this configuration" in text


def test_a_source_that_the_ticks_do_not_have_is_noted(tmp_path: Path, tick_file: str):
    """Silence is no mistake of the configuration, but it is said."""
    data = cbeth.changed()
    data["markets"]["ETH-USD"]["sources"].append({"source": "okx:ETH/USD"})
    code, text = _shown(tmp_path, data, "--ticks", tick_file)
    assert code == 0
    assert "note ETH-USD: okx:ETH/USD sent nothing" in text


def test_only_the_first_part_of_the_ticks_is_taken(tmp_path: Path, tick_file: str):
    """A bound on recorded time is a bound on work."""
    _, said = _check(tmp_path, cbeth.OLD, "--ticks", tick_file, "--for", "9s")
    assert said["dry_run"]["ticks"] == 10 * len(cbeth.QUOTES)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--ticks", "a", "--live"], "--ticks and --live exclude each other"),
        (["--against", "old.yaml"], "add --ticks FILE or --live"),
        (["--live", "--for", "3"], "duration '3' needs a number and a unit"),
        (["--live", "--for", "1ms"], "--for 1ms is too short"),
        (["--live", "--bound", "2"], "ratio '2' needs a number and a unit"),
        (["--live"], "a bus in memory is in another process: give --ticks FILE --against OLD"),
        (["--ticks", "none.csv"], "none.csv"),
    ],
)
def test_a_dry_run_that_cannot_be(tmp_path: Path, options: list[str], said: str):
    """Options that do not go together say what does."""
    code, answer = _check(tmp_path, cbeth.OLD, *options)
    assert code == 1
    assert said in answer["mistakes"][0]


def test_mistakes_of_the_old_file_are_not_the_new_one_s(tmp_path: Path, tick_file: str):
    """The file that is wrong is named."""
    old = _write(tmp_path, {"markets": {}}, "old.yaml")
    code, said = _check(tmp_path, cbeth.OLD, "--ticks", tick_file, "--against", old)
    assert code == 1
    assert said["mistakes"][0].startswith(f"--against {old}: markets: ")


def test_ticks_of_other_sources_try_nothing(tmp_path: Path, tick_file: str):
    """Both lists of names are shown: it is mostly a spelling."""
    code, said = _check(tmp_path, {"markets": {"X-USD": MARKET}}, "--ticks", tick_file)
    assert code == 1
    assert "sources (a:X/USD, b:X/USD); they hold balancer:cbETH/ETH, " in said["mistakes"][0]
