"""The alerts: each of metrics that there are, with what to do behind it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY, CollectorRegistry

import oracle.bus.grants
import oracle.bus.kafka_dead_letters  # noqa: F401 - as above
from feeds.metrics import FeedMetrics
from oracle.api.proofs import Lending
from oracle.archive.metrics import ArchiveMetrics
from oracle.archive.served import ServedArchive
from oracle.archive.store import Store
from oracle.bus.memory import MemoryBus
from oracle.cli.supervise import Supervisor
from oracle.committee.journal import SigningJournal
from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.shared.attestation import Attestor
from oracle.keys.metrics import KeyMetrics
from oracle.keys.signer import LocalSigner
from oracle.node.audit_watch import AuditWatch
from oracle.node.metrics import NodeMetrics
from oracle.report.committee import Committee
from relayer.metrics import RelayerMetrics

ROOT = Path(__file__).parents[3]
FILE = ROOT / "deploy/prometheus/rules.yml"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]
]
TESTED = (ROOT / "deploy/prometheus/rules.test.yml").read_text()
_BY_PROMETHEUS = {"instance", "le"}


def _attestor(registry: CollectorRegistry) -> None:
    signer = LocalSigner((1).to_bytes(32, "big"))
    committee = Committee(bytes(32), 1, 1, (signer.address,))
    Attestor(MemoryBus(), committee, [signer], {}, 10**9, SigningJournal(None), registry=registry)


def _lending(registry: CollectorRegistry) -> None:
    Lending(ServedArchive(Store("memory://"), 0), 1, registry)


def _exposed() -> dict[str, set[str]]:
    """Return the names on the pages of all roles, with their labels."""
    pages = [REGISTRY]
    for build in (
        RelayerMetrics,
        KeyMetrics,
        NodeMetrics,
        CommitteeMetrics,
        ArchiveMetrics,
        _lending,
        FeedMetrics,
        Supervisor,
        _attestor,
        lambda registry: AuditWatch(MemoryBus(), registry),
    ):
        pages.append(CollectorRegistry())
        build(pages[-1])
    exposed: dict[str, set[str]] = {}
    for page in pages:
        for metric in page._collector_to_names:
            if not hasattr(metric, "_labelnames"):
                continue  # the library's own, of the process
            ends = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
            for end in ends.get(metric._type, ("",)):
                exposed[metric._name + end] = set(metric._labelnames)
    return exposed


EXPOSED = _exposed()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_is_of_what_is_exposed(rule: dict[str, Any]) -> None:
    """A renamed metric or label would silence its alert for ever."""
    named = re.findall(r"plumbline_\w+", rule["expr"])
    assert named
    for name in named:
        assert name in EXPOSED, name
    labels = set.union(*(EXPOSED[name] for name in named)) | _BY_PROMETHEUS
    for by in re.findall(r"(?:by|on) \(([^)]*)\)", rule["expr"]):
        assert {label.strip() for label in by.split(",")} <= labels
    assert set(re.findall(r"(\w+)=~?\"", rule["expr"])) <= labels
    assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= labels


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_leads_to_what_to_do(rule: dict[str, Any]) -> None:
    """Each says how bad it is, what it is, and links to a heading that exists."""
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.M)
    anchors = {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert anchor in anchors


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_is_tested(rule: dict[str, Any]) -> None:
    """By promtool, with `make rules`."""
    assert re.search(rf"\b{rule['alert']}\b", TESTED)


def test_alerts_are_told_apart() -> None:
    """By their names."""
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names))
