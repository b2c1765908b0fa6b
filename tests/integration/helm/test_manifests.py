"""What the chart renders: valid for Kubernetes, restricted, and nothing refers to nothing."""

from __future__ import annotations

import copy
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.integration.helm.chart import (
    CHART,
    EXAMPLES,
    HELM,
    MAJORS,
    helm,
    named,
    of_kind,
    pods,
    rendered,
    selects,
)
from tests.integration.helm.pod_security import violations

VERSIONS = ("1.29", "1.33", "1.37")
"""The oldest that Chart.yaml takes, and newer ones."""
CUSTOM = {"PodMonitor", "PrometheusRule"}
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("example", EXAMPLES)
def test_helm_finds_nothing_to_warn_of(example, major):
    """`helm lint --strict` passes with every example, under both majors."""
    done = helm(major, "lint", "--strict", CHART, "-f", HELM / f"examples/{example}.yaml")
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


@pytest.mark.parametrize("example", EXAMPLES)
def test_both_majors_render_the_same(example):
    """Whoever still has helm 3 installs the same objects."""

    def by_name(major):
        return {
            (one["kind"], one["metadata"]["name"]): one for one in rendered(example, major=major)
        }

    assert by_name("helm3") == by_name("helm4")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("example", EXAMPLES)
def test_kubernetes_takes_every_object(example, version):
    """Each object keeps the schema of that Kubernetes version, unknown keys refused."""
    objects = [one for one in rendered(example) if one["kind"] not in CUSTOM]
    assert len(objects) > 10
    for one in objects:
        kubernetes_validate.validate(one, version, strict=True)


def test_the_validator_refuses_a_typo():
    """So that the test above can fail: one wrong key in one probe."""
    engine = copy.deepcopy(named(rendered("member"), "StatefulSet", "demo-engine"))
    engine["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["periodSecond"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="periodSecond"):
        kubernetes_validate.validate(engine, VERSIONS[-1], strict=True)


def test_the_oldest_version_is_the_charts():
    """Chart.yaml promises no version that is not validated."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["kubeVersion"] == f">={VERSIONS[0]}.0-0"


def test_the_chart_is_of_this_release():
    """Its version, and that of the image it takes by default, is the product's."""
    import tomllib

    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == version


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_pod_is_restricted(example):
    """No pod breaks the Pod Security Standard 'restricted', and none may write its image."""
    found = {name: violations(spec) for name, _, spec in pods(rendered(example))}
    assert found
    assert not any(found.values()), found
    for name, _, spec in pods(rendered(example)):
        assert spec["automountServiceAccountToken"] is False, name
        for container in spec["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
            assert "memory" in container["resources"]["limits"], name


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        ("hostNetwork", True, "hostNetwork"),
        ("volumes", [{"name": "h", "hostPath": {"path": "/"}}], "volume h"),
        ("securityContext", {}, "may run as root"),
        ("securityContext", {"runAsNonRoot": True}, "has no seccomp profile"),
        ("containers.0.securityContext.privileged", True, "privileged"),
        ("containers.0.securityContext.allowPrivilegeEscalation", None, "may escalate privileges"),
        ("containers.0.securityContext.capabilities", {"drop": ["CHOWN"]}, "keeps capabilities"),
        ("containers.0.securityContext.runAsUser", 0, "runs as root"),
        ("containers.0.ports", [{"containerPort": 1, "hostPort": 1}], "has a port of the host"),
    ],
)
def test_what_is_not_restricted_is_found(path, value, rule):
    """The check itself, rule by rule, on a pod of ours with one thing changed."""
    pod = copy.deepcopy(named(rendered("member"), "StatefulSet", "demo-engine"))
    at = spec = pod["spec"]["template"]["spec"]
    *steps, last = path.split(".")
    for step in steps:
        at = at[int(step) if step.isdigit() else step]
    at[last] = value
    assert any(rule in line for line in violations(spec))


@pytest.mark.parametrize("example", EXAMPLES)
def test_nothing_refers_to_nothing(example):
    """Accounts, config maps, volumes, ports and service names that are named are there."""
    objects = rendered(example)
    names = {(one["kind"], one["metadata"]["name"]) for one in objects}
    for name, _, spec in pods(objects):
        if name == "demo-test":
            continue
        assert ("ServiceAccount", spec["serviceAccountName"]) in names, name
        volumes = {volume["name"] for volume in spec["volumes"]}
        for volume in spec["volumes"]:
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in names, name
        (container,) = spec["containers"]
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        claims = {"state"} if "state" not in volumes else set()
        assert mounted == volumes | claims, name
        ports = {port["name"] for port in container.get("ports", [])}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe in container:
                assert container[probe]["httpGet"]["port"] in ports, name
    for one in of_kind(objects, "StatefulSet"):
        (container,) = one["spec"]["template"]["spec"]["containers"]
        service = named(objects, "Service", one["spec"]["serviceName"])["spec"]
        open_ports = {port["name"] for port in container["ports"]}
        assert {port["targetPort"] for port in service["ports"]} <= open_ports


def test_every_selector_finds_its_pods():
    """Services, budgets, spreads and policies select pods that there are."""
    objects = rendered("member")
    labels = [metadata["labels"] for _, metadata, _ in pods(objects)]
    selectors = [one["spec"]["selector"] for one in of_kind(objects, "PodDisruptionBudget")]
    selectors += [{"matchLabels": s["spec"]["selector"]} for s in of_kind(objects, "Service")]
    selectors += [one["spec"]["podSelector"] for one in of_kind(objects, "NetworkPolicy")]
    for _, _, spec in pods(objects):
        spreads = spec.get("topologySpreadConstraints", [])
        selectors += [spread["labelSelector"] for spread in spreads]
    for selector in selectors:
        assert any(selects(selector, one) for one in labels), selector
    for one in of_kind(objects, "Service"):
        chosen = {"matchLabels": one["spec"]["selector"]}
        assert sum(selects(chosen, each) for each in labels) == 1, one["metadata"]["name"]


def test_a_key_has_one_replica_and_its_journal_a_volume():
    """Member and relayers never run twice, and what they signed or sent outlives the pod."""
    sets = {
        one["metadata"]["name"]: one["spec"] for one in of_kind(rendered("member"), "StatefulSet")
    }
    for name in ("demo-committee", "demo-relayer-a", "demo-relayer-b", "demo-archive"):
        assert sets[name]["replicas"] == 1
        (claim,) = sets[name]["volumeClaimTemplates"]
        assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]
        assert sets[name]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Retain"
    secrets = [
        volume["secret"]["secretName"]
        for name, _, spec in pods(rendered("member"))
        for volume in spec["volumes" if name != "demo-test" else "containers"]
        if volume["name"] == "keys"
    ]
    assert sorted(secrets) == ["committee-keys", "relayer-a", "relayer-b"]


def test_an_engine_keeps_its_name():
    """Static membership: the pod's name, stable by the set, is the file that plumb reads."""
    from oracle.cli.stack import node_name

    engine = named(rendered("member"), "StatefulSet", "demo-engine")["spec"]
    (container,) = engine["template"]["spec"]["containers"]
    (mount,) = [one for one in container["volumeMounts"] if one["name"] == "name"]
    (volume,) = [one for one in engine["template"]["spec"]["volumes"] if one["name"] == "name"]
    (state,) = [arg.partition("=")[2] for arg in container["args"] if arg.startswith("--state")]
    assert mount["mountPath"] == f"{state}/{mount['subPath']}"
    (item,) = volume["downwardAPI"]["items"]
    assert item == {"path": mount["subPath"], "fieldRef": {"fieldPath": "metadata.name"}}
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / mount["subPath"]).write_text("demo-engine-1")
        assert node_name(Path(folder)) == "demo-engine-1"


def test_a_change_of_configuration_restarts_what_it_concerns():
    """The pod's annotation is of its own configuration: a relayer's key moves no engine."""

    def sums(*sets):
        found = rendered("member", *sets)
        return {name: each["annotations"].get("checksum/config") for name, each, _ in pods(found)}

    before = sums()
    stepped = sums('config.engine.step="50ms"')
    assert [name for name in before if before[name] == stepped[name]] == ["demo-test"]
    url = sums('config.chains[0].rpc=["https://other.example"]')
    assert {name for name in before if before[name] != url[name]} == {
        "demo-relayer-a",
        "demo-relayer-b",
    }


def test_alerts_are_those_of_the_repository():
    """The chart's file is the one that promtool tests, by link, and all of it is in the object."""
    source = ROOT / "deploy/prometheus/rules.yml"
    assert (CHART / "files/rules.yml").resolve() == source.resolve()
    rules = named(rendered("member"), "PrometheusRule", "demo")
    assert rules["spec"] == yaml.safe_load(source.read_text())
    assert rules["metadata"]["labels"]["release"] == "prometheus"
    assert not of_kind(rendered("minimal"), *CUSTOM)


def test_everything_that_has_metrics_is_scraped():
    """The monitor's ports are those where the roles serve, and the policies let it in."""
    objects = rendered("member")
    (monitor,) = of_kind(objects, "PodMonitor")
    scraped = {end["port"] for end in monitor["spec"]["podMetricsEndpoints"]}
    for name, metadata, spec in pods(objects):
        (container,) = spec["containers"]
        ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
        if not ports:
            assert name in ("demo-topics", "demo-test")
            continue
        (seen,) = scraped & ports.keys()
        assert selects(monitor["spec"]["selector"], metadata["labels"])
        policy = named(objects, "NetworkPolicy", f"demo-{container['name']}")["spec"]
        first = policy["ingress"][0]
        assert first["ports"] == [{"port": ports[seen], "protocol": "TCP"}]
