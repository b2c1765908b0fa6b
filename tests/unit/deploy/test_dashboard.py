"""The dashboard: each query is of metrics that there are, by labels that they have."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.deploy.test_rules import _exposed

DEPLOY = Path(__file__).parents[3] / "deploy"
BOARD: dict[str, Any] = json.loads((DEPLOY / "grafana/dashboards/plumbline.json").read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
QUERIES = [
    (panel["title"], target["expr"], target["legendFormat"])
    for panel in PANELS
    for target in panel["targets"]
]
OF_PROMETHEUS = {"up", "instance", "job", "role", "le"}


@pytest.mark.parametrize(("title", "query", "legend"), QUERIES)
def test_a_query_is_of_what_is_exposed(title: str, query: str, legend: str) -> None:
    """A renamed metric would leave a panel empty, which looks like all is well."""
    exposed = _exposed()
    named = re.findall(r"plumbline_\w+", query)
    assert named or query in OF_PROMETHEUS
    assert set(named) <= exposed.keys()
    labels = set().union(*(exposed[name] for name in named)) | OF_PROMETHEUS
    for by in re.findall(r"by \(([^)]*)\)", query):
        assert {label.strip() for label in by.split(",")} <= labels
    assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= labels


def test_panels_have_places_of_their_own() -> None:
    """Two on one spot hide each other."""
    places = [tuple(panel["gridPos"].values()) for panel in BOARD["panels"]]
    assert len(places) == len(set(places))
    idents = [panel["id"] for panel in BOARD["panels"]]
    assert len(idents) == len(set(idents))


def test_the_data_source_is_the_one_that_is_provisioned() -> None:
    """By its uid, in every panel."""
    file = DEPLOY / "grafana/provisioning/datasources/prometheus.yaml"
    (source,) = yaml.safe_load(file.read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in PANELS} == {source["uid"]}


def test_prometheus_reads_every_role_of_the_compose_file() -> None:
    """A role that nobody scrapes cannot alarm."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    scraped = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    targets = {
        target
        for job in scraped
        for config in job["static_configs"]
        for target in config["targets"]
    }
    wanted = {
        f"{name}:{service['command'][-1]}"
        for name, service in services.items()
        if "--metrics-port" in service.get("command", [])
    }
    assert wanted
    assert wanted == targets - {"127.0.0.1:9090"}
