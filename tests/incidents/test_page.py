"""docs/incidents.md: complete, and what the runs say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from oracle.incidents.catalogue import SCENARIOS
from tests.incidents.page import DOCS, END, PAGE, PLOTS, anchor, page, plot

ROOT = DOCS.parent
ADVICE = "write it anew: python -m tests.incidents.page"


def test_the_page_is_what_the_runs_say() -> None:
    """No figure in it is stale."""
    assert PAGE.read_text(encoding="utf-8") == page(), ADVICE


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_plot_is_of_this_engine(name: str) -> None:
    """A change of the engine that moves a line is seen in the change itself."""
    assert (PLOTS / f"{name}.svg").read_text(encoding="utf-8") == plot(name), ADVICE


def test_every_incident_has_its_section_and_no_plot_is_left_over() -> None:
    """Nothing is missing, nothing is of a scenario that is gone."""
    runs = PAGE.read_text(encoding="utf-8").split(END)[0]
    assert re.findall(r"^## (\S+)$", runs, re.M) == list(SCENARIOS)
    assert {file.stem for file in PLOTS.glob("*.svg")} == set(SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_rules_that_answer_are_headings_of_the_engine_s_page(name: str) -> None:
    """Links lead somewhere."""
    headings = re.findall(r"^#+ (.+)$", (DOCS / "engine.md").read_text(encoding="utf-8"), re.M)
    known = {anchor(heading) for heading in headings}
    assert SCENARIOS[name].rules
    assert {anchor(rule) for rule in SCENARIOS[name].rules} <= known


def test_what_is_answered_elsewhere_is_answered_there() -> None:
    """Every test that the page names exists."""
    elsewhere = PAGE.read_text(encoding="utf-8").split(END)[1]
    named = set(re.findall(r"`(test\w+)`", elsewhere))
    files = [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "contracts/evm/test").glob("*.sol")]
    found = {name for file in files for name in _tests_in(file)}
    assert len(named) > 5
    assert named <= found


def _tests_in(file: Path) -> list[str]:
    return re.findall(r"(?:def|function) (test\w+)", file.read_text(encoding="utf-8"))
