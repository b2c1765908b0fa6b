"""`plumb incident`: what a person or a program gets, and with which exit code."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from feeds.ticks.writer import TickFileWriter
from oracle.cli.config_check import commands as config_commands
from oracle.cli.incident import incident
from oracle.incidents import catalogue
from oracle.incidents.catalogue import SCENARIOS
from oracle.incidents.claims import holds
from oracle.incidents.run import ticks_of
from oracle.incidents.scenario import Finding
from oracle.model.errors import ConfigError

NAME = "moonwell-2025-11"
SVG = "{http://www.w3.org/2000/svg}"

app = typer.Typer()
app.command()(incident)


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_without_a_name_it_lists_them() -> None:
    """Every incident with its date, for people and for programs."""
    listed = json.loads(_run("--json").stdout)["incidents"]
    assert [each["id"] for each in listed] == list(SCENARIOS)
    assert all(name in _run().stdout for name in SCENARIOS)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    """One clear error that says what was given and what there is."""
    error = _run("luna-2023").exception
    assert isinstance(error, ConfigError)
    assert "no incident 'luna-2023'; known are skrw-2019, " in str(error)
    assert "'all'" in str(error)


def test_it_writes_a_plot_and_its_figures(tmp_path: Path) -> None:
    """The folder is made; the plot is well-formed and says what it shows; the figures are JSON."""
    done = _run(NAME, "--out", tmp_path / "new", "--json")
    assert done.exit_code == 0
    data = json.loads(done.stdout)
    plot, figures = (Path(file) for file in data["files"])
    root = ET.fromstring(plot.read_text())
    told = root.find(f"{SVG}desc")
    assert told is not None
    assert data["told"] in (told.text or "")
    assert json.loads(figures.read_text())["checks"] == data["checks"]


def test_the_plot_shows_every_line_the_breaker_and_what_happened(tmp_path: Path) -> None:
    """Sources, both plain aggregates, index and mark by name; states as words; notes as text."""
    assert _run("skrw-2019", "--out", tmp_path).exit_code == 0
    root = ET.fromstring((tmp_path / "skrw-2019.svg").read_text())
    words = {element.text for element in root.iter(f"{SVG}text")}
    assert {"plain mean", "plain median", "index", "mark, published"} <= words
    assert {"apia", "apib", "apic"} <= words
    assert {"VALID", "GUARDED", "HALTED", "NORMAL"} <= words
    assert {f"{n}. {note.text}" for n, note in enumerate(SCENARIOS["skrw-2019"].notes, 1)} <= words
    classes = " ".join(element.get("class", "") for element in root.iter(f"{SVG}rect"))
    assert "band HALTED" in classes


def test_it_says_what_happened_and_every_check() -> None:
    """The story, the sentence with the figures, and a line a claim."""
    done = _run(NAME)
    assert done.exit_code == 0
    said = " ".join(done.stdout.split())
    assert SCENARIOS[NAME].story in said
    assert "Plumbline published 1.05" in said
    checks = (*SCENARIOS[NAME].checks, *SCENARIOS[NAME].naive)
    assert said.count("✓ holds") == len(checks)
    assert all(check.claim in said for check in checks)


def test_a_claim_that_fails_is_said_and_is_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """One false claim among true ones: its figure is shown, and a program sees it by the code."""
    false = holds("never", "The price never moves.", lambda _run: Finding(False, "it moved"))
    scenario = SCENARIOS[NAME]
    wrong = replace(scenario, checks=(*scenario.checks, false))
    monkeypatch.setattr(catalogue, "SCENARIOS", {NAME: wrong})
    done = _run(NAME)
    assert done.exit_code == 1
    assert "✗ FAILS The price never moves. (it moved)" in " ".join(done.stdout.split())
    assert done.stdout.count("holds") == len(scenario.checks) + len(scenario.naive)
    assert json.loads(_run(NAME, "--json").stdout)["ok"] is False


def test_all_runs_every_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A plot each, and one verdict at the end."""
    two = {name: SCENARIOS[name] for name in (NAME, "gmx-avax-2022-09")}
    monkeypatch.setattr(catalogue, "SCENARIOS", two)
    done = _run("all", "--out", tmp_path)
    assert done.exit_code == 0
    assert "2 incidents: all 8 checks hold" in done.stdout
    assert {file.stem for file in tmp_path.glob("*.svg")} == two.keys()


def test_another_seed_is_another_noise() -> None:
    """And the claims hold all the same."""
    one, two = (json.loads(_run(NAME, "--seed", seed, "--json").stdout) for seed in (1, 99))
    assert one["markets"] != two["markets"]
    assert two["ok"]


def test_a_file_in_the_way_is_one_clear_error(tmp_path: Path) -> None:
    """It names the folder that cannot be."""
    (tmp_path / "taken").write_text("")
    error = _run(NAME, "--out", tmp_path / "taken").exception
    assert isinstance(error, ConfigError)
    assert "taken" in str(error)


def test_config_check_refuses_the_configuration_of_february_2026(tmp_path: Path) -> None:
    """On the incident's own ticks, before it goes into force: the market is named, and why."""
    scenario = SCENARIOS["moonwell-2026-02"]
    tick_file, old, new = (tmp_path / name for name in ("ticks.parquet", "old.yaml", "new.yaml"))
    with TickFileWriter(tick_file) as writer:
        writer.write(ticks_of(scenario)[:500])
    old.write_text(yaml.safe_dump(yaml.safe_load(scenario.config)))
    new.write_text(yaml.safe_dump(yaml.safe_load(scenario.changes[0].config)))
    checked = CliRunner().invoke(
        config_commands, ["check", str(new), "--ticks", str(tick_file), "--against", str(old)]
    )
    assert checked.exit_code == 1
    said = " ".join(checked.stdout.split())
    assert "must not go into force: refused CBETH-USD" in said
    assert "conversion leg ETH-USD" in said
