"""docs/keepers.md: what it names is what there is."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from relayer.keeper.act import End
from relayer.keeper.metrics import KeeperMetrics

PAGE = (Path(__file__).parents[4] / "docs/keepers.md").read_text()


def test_every_metric_is_in_the_table_and_no_other() -> None:
    """By its exposed name."""
    registry = CollectorRegistry()
    KeeperMetrics(registry)
    names = {
        family.name.removeprefix("plumbline_keeper_") + "_total" * (family.type == "counter")
        for family in registry.collect()
    }
    rows = re.findall(r"^\| (`[a-z_]+[`{].*?) \|", PAGE[PAGE.index("## Metrics") :], re.M)
    shown = {name for row in rows for name in re.findall(r"`([a-z_]+)[`{]", row)}
    assert shown == names


def test_every_end_of_a_call_is_explained() -> None:
    """In the table of ends."""
    assert all(f"`{end}`" in PAGE for end in End)
