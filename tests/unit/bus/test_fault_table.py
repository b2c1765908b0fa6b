"""docs/kafka.md names a test for each fault; this one holds that they are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDERS = [ROOT / "tests" / "integration" / name for name in ("bus", "shards")]


def test_every_fault_of_the_table_has_its_test() -> None:
    """A row whose test was renamed or taken out is found here."""
    page = (ROOT / "docs" / "kafka.md").read_text().partition("## Faults")[2].partition("\n## ")[0]
    rows = [line for line in page.splitlines() if re.search(r"`[^`]*test_[^`]*` \|$", line)]
    files = [file for folder in FOLDERS for file in folder.glob("*.py")]
    everything = "\n".join(file.read_text() for file in files)
    assert len(rows) >= 10
    for row in rows:
        for name in re.findall(r"`([^`]*test_[^`]*)`", row.split("|")[-2]):
            file, _, case = name.partition("[")
            if file.endswith(".py"):
                assert file.rpartition("/")[2] in {one.name for one in files}, name
                assert case.rstrip("]…") in everything, name
            else:
                assert f"def {name.rstrip('…')}" in everything, name
