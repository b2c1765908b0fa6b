"""docs/relayer.md names every metric and every fault, and none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from relayer.metrics import RelayerMetrics

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "relayer.md").read_text()
ALARMS = (ROOT / "docs" / "operating-relayers.md").read_text()
BY_ERROR = {
    "unreachable",
    "quorum_failed",
    "node_error",
    "reverted",
    "fee_above_cap",
    "wallet_empty",
    "in_no_block",
    "nonce_spent",
    "gas_above_max",
    "unwritten",
    "config_error",
    "retryable",
}
"""Faults that take the name of an error class."""


def _section(heading: str) -> str:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert found
    return found[1]


def test_every_metric_is_explained() -> None:
    """By its exposed name, here or where sharing and alarms are."""
    registry = CollectorRegistry()
    RelayerMetrics(registry)
    names = {
        family.name.removeprefix("plumbline_relayer_") + "_total" * (family.type == "counter")
        for family in registry.collect()
    }
    shown = set(re.findall(r"`(?:plumbline_relayer_)?([a-z_]+)", _section("Metrics") + ALARMS))

    assert names <= shown


def test_every_fault_is_in_the_table() -> None:
    """Those that the source names, and those by the name of an error; and no others."""
    source = "".join(path.read_text() for path in (ROOT / "relayer").rglob("*.py"))
    noted = set(re.findall(r'(?:note|_stumbled)\(\s*"([a-z_]+)"', source))
    noted |= set(re.findall(r'Refusal\.\w+: "([a-z_]+)"', source))
    noted |= set(re.findall(r'(?:Step\(Move\.\w+, |return |else )"([a-z_]+)"', source))
    noted |= {"replacement_underpriced", "budget_saving", "budget_urgent", "budget_spent"}
    rows = re.findall(r"^\| (`.*?) \|", _section("Failures"), re.M)
    shown = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}

    assert shown == noted - {"reverted"} | BY_ERROR
