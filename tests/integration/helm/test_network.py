"""Who may talk to whom, as the rendered network policies have it."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from tests.integration.helm.chart import Object, of_kind, pods, rendered, selects

KAFKA, HTTPS, PEERS, DNS, API, METRICS = 9093, 443, 8646, 53, 8645, 9464
VENUE, PRIVATE, METADATA, PEER = "1.1.1.1", "10.1.2.3", "169.254.169.254", "192.0.2.11"


class Policies:
    """The policies of a release, asked as a cluster's network would."""

    def __init__(self, objects: tuple[Object, ...]) -> None:
        self._policies = [one["spec"] for one in of_kind(objects, "NetworkPolicy")]
        self.labels = {name: metadata["labels"] for name, metadata, _ in pods(objects)}

    def out(self, pod: str, port: int, address: str | None = None) -> bool:
        """Whether a pod may open a connection: to an address, or to some pod of the cluster."""
        return any(
            _port(rule, port) and _peer(rule.get("to"), address)
            for policy in self._of(pod, "Egress")
            for rule in policy.get("egress", [])
        )

    def into(self, pod: str, port: int, labels: dict[str, str], namespace: str = "prod") -> bool:
        """Whether a pod with these labels, in that namespace, may connect to a pod of ours."""
        return any(
            _port(rule, port) and any(_pod(peer, labels, namespace) for peer in rule["from"])
            for policy in self._of(pod, "Ingress")
            for rule in policy.get("ingress", [])
        )

    def _of(self, pod: str, kind: str) -> list[Object]:
        found = [one for one in self._policies if selects(one["podSelector"], self.labels[pod])]
        assert any(kind in one["policyTypes"] for one in found), f"{pod} is not held by a policy"
        return found


def _port(rule: Object, port: int) -> bool:
    return any(one["port"] == port and one["protocol"] == "TCP" for one in rule["ports"])


def _peer(peers: list[Object] | None, address: str | None) -> bool:
    if peers is None:
        return True
    blocks = [one["ipBlock"] for one in peers if "ipBlock" in one]
    if address is None:
        return len(blocks) < len(peers)
    return any(
        ip_address(address) in ip_network(block["cidr"])
        and not any(ip_address(address) in ip_network(out) for out in block.get("except", []))
        for block in blocks
    )


def _pod(peer: Object, labels: dict[str, str], namespace: str) -> bool:
    wanted = peer.get("namespaceSelector", {}).get("matchLabels", {})
    where = wanted.get("kubernetes.io/metadata.name", "prod")
    if "ipBlock" in peer or where != namespace:
        return False
    return selects(peer.get("podSelector", {}), labels)


@pytest.fixture(scope="module")
def member() -> Policies:
    """Return the policies of the complete example."""
    return Policies(rendered("member"))


@pytest.mark.parametrize(
    ("pod", "reaches"),
    [
        ("demo-feeds-cex", {"kafka", "venue"}),
        ("demo-engine", {"kafka"}),
        ("demo-committee", {"kafka", "peer"}),
        ("demo-relayer-a", {"kafka", "venue"}),
        ("demo-api", {"kafka"}),
        ("demo-archive", {"kafka"}),
        ("demo-topics", {"kafka"}),
        ("demo-test", set()),
    ],
)
def test_a_role_reaches_what_it_needs_and_no_more(member, pod, reaches):
    """Names are looked up by all; only feeds and relayers reach the public; nobody the metadata."""
    assert member.out(pod, DNS)
    assert member.out(pod, KAFKA) is ("kafka" in reaches)
    assert member.out(pod, HTTPS, VENUE) is ("venue" in reaches)
    assert member.out(pod, PEERS, PEER) is ("peer" in reaches)
    for port in (80, HTTPS, KAFKA, PEERS):
        assert not member.out(pod, port, PRIVATE)
        assert not member.out(pod, port, METADATA)
    assert not member.out(pod, 80, VENUE)


def test_metrics_are_for_who_scrapes(member):
    """Prometheus's namespace reaches every role's metrics, and nobody else does."""
    for pod in member.labels:
        if pod in ("demo-topics", "demo-test"):
            continue
        port = API if pod == "demo-api" else METRICS
        assert member.into(pod, port, {"app": "prometheus"}, "monitoring")
        assert not member.into(pod, port, {"app": "other"}, "elsewhere")
        if pod != "demo-api":
            assert not member.into(pod, METRICS, {"app": "other"})


def test_the_committee_hears_its_peers_alone(member):
    """Its port is open to the named addresses, and to no pod, not even of this release."""
    rules = [
        rule
        for one in of_kind(rendered("member"), "NetworkPolicy")
        for rule in one["spec"].get("ingress", [])
        if _port(rule, PEERS)
    ]
    (rule,) = rules
    assert [peer["ipBlock"]["cidr"] for peer in rule["from"]] == [
        "192.0.2.11/32", "198.51.100.12/32", "203.0.113.13/32",
    ]  # fmt: skip
    assert not member.into("demo-committee", PEERS, member.labels["demo-engine"])


def test_keys_in_a_vault_are_reached_and_s3_too():
    """With KMS the member reaches the public on 443; with a remote archive, archive and API."""
    cloud = Policies(rendered("cloud"))
    for pod in ("demo-committee", "demo-relayer-a", "demo-archive", "demo-api"):
        assert cloud.out(pod, HTTPS, VENUE)
    assert not cloud.out("demo-engine", HTTPS, VENUE)
    assert cloud.out("demo-engine", 9096, "10.20.1.1")
    assert not cloud.out("demo-engine", 9096, "10.30.1.1")
    assert cloud.into("demo-api", API, {}, "ingress")
    assert not cloud.into("demo-api", API, {"app": "other"})
    assert cloud.into("demo-api", API, cloud.labels["demo-test"])


def test_policies_can_be_left_out():
    """Where the cluster has others, none are made."""
    assert not of_kind(rendered("minimal", "networkPolicy.enabled=false"), "NetworkPolicy")
