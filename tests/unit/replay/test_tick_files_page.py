"""docs/tick-files.md: what a person reads is what the command takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from feeds.ticks.importing import FORMATS
from feeds.ticks.rows import COLUMNS, OPTIONAL

PAGE = (Path(__file__).parents[3] / "docs/tick-files.md").read_text()
EXAMPLES = [
    shlex.split(line)
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S)
    for line in block.splitlines()
]


def test_every_column_has_a_row() -> None:
    """A column of the reader cannot stay out of the page."""
    table = re.findall(r"^\| (`[^|]+`) \| (?:required|optional)", PAGE, re.M)
    assert {name for cell in table for name in re.findall(r"`(\w+)`", cell)} == {
        *COLUMNS,
        *OPTIONAL,
    }


def test_every_format_has_an_example_and_a_line() -> None:
    """A format that nobody can look up is not there."""
    shown = {command[command.index("--format") + 1] for command in EXAMPLES}
    assert shown == FORMATS.keys()
    assert [name for name in FORMATS if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize("command", EXAMPLES, ids=lambda command: command[4])
def test_an_example_has_the_options_that_its_format_needs(command: list[str]) -> None:
    """Copied and given a file it runs."""
    assert command[:4] == ["plumb", "ticks", "import", "--format"]
    kind = FORMATS[command[4]]
    given = {each.removeprefix("--") for each in command if each.startswith("--")}
    assert given - {"format", "out"} >= set(kind.needs)
    assert given - {"format", "out"} <= {*kind.needs, *kind.takes}
    if "price" in given:
        assert command[command.index("--price") + 1] in kind.prices


def test_every_price_that_may_be_chosen_is_named() -> None:
    """Each value of --price stands on the page."""
    prices = {price for kind in FORMATS.values() for price in kind.prices[1:]}
    assert [price for price in prices if not re.search(rf"\b{price}\b", PAGE)] == []
