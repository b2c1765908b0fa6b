"""The pages that name a contract's test for each claim: the tests are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = ["contracts/INVARIANTS.md", "docs/risk-framework.md", "docs/audit/README.md"]


def defined() -> set[str]:
    """Return the names of all Solidity tests and invariants."""
    return {
        name
        for file in (ROOT / "contracts/evm/test").rglob("*.sol")
        for name in re.findall(r"function ((?:test|invariant)\w*)\(", file.read_text())
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_exists(page: str) -> None:
    """A claim whose test was renamed or removed is found."""
    named = set(re.findall(r"`((?:test|testFuzz|invariant)_\w+)`", (ROOT / page).read_text()))
    assert named
    assert named - defined() == set()


def test_every_file_that_the_risk_framework_names_exists() -> None:
    """Contracts, folders and test files of the table are where it says."""
    page = (ROOT / "docs/risk-framework.md").read_text()
    contracts = {file.name for file in (ROOT / "contracts/evm/src").rglob("*.sol")}
    assert set(re.findall(r"`(\w+\.sol)`", page)) <= contracts
    paths = re.findall(r"`((?:tests|oracle|relayer|contracts)/[\w/.]+)`", page)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
