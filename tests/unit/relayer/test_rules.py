"""The alerts: each of metrics that there are, with what to do behind it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from oracle.keys.metrics import KeyMetrics
from relayer.metrics import RelayerMetrics

ROOT = Path(__file__).parents[3]
FILE = ROOT / "deploy/prometheus/rules.yml"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]
]


def _exposed() -> dict[str, set[str]]:
    """Return the names that a page has of relayers and keys, with their labels."""
    registry = CollectorRegistry()
    metrics = vars(RelayerMetrics(registry)) | vars(KeyMetrics(registry))
    labels = {m._name: set(m._labelnames) for m in metrics.values() if hasattr(m, "_name")}
    return {
        family.name + ("_total" if family.type == "counter" else ""): labels[family.name]
        for family in registry.collect()
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_is_of_what_is_exposed(rule: dict[str, Any]) -> None:
    """A renamed metric would silence its alert for ever."""
    exposed = _exposed()
    named = re.findall(r"plumbline_\w+", rule["expr"])
    assert named
    for name in named:
        assert name in exposed, name
    for by in re.findall(r"by \(([^)]*)\)", rule["expr"]):
        assert {label.strip() for label in by.split(",")} <= set.union(*map(exposed.get, named))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_leads_to_what_to_do(rule: dict[str, Any]) -> None:
    """Each says how bad it is, what it is, and links to a heading that exists."""
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.M)
    anchors = {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert anchor in anchors


def test_alerts_are_told_apart() -> None:
    """By their names."""
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names))
