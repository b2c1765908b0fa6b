"""Values that cannot be meant are refused, by a line that says which and what to do."""

from __future__ import annotations

import json

import pytest

from tests.integration.helm.chart import EXAMPLES, HELM, MAJORS, helm, refusal

REFUSED = [
    # A typo, or a thing of the wrong kind: by the schema.
    ("minimal", "engine.replica=3", ["engine", "replica"]),
    ("minimal", "engine.replicas=0", ["engine/replicas", "1"]),
    ("minimal", 'engine.replicas="two"', ["engine/replicas", "integer"]),
    ("minimal", 'kafka.bootstrap="kafka-0"', ["kafka/bootstrap"]),
    ("minimal", 'kafka.protocol="ssl"', ["kafka/protocol"]),
    ("minimal", 'image.repository=""', ["image/repository"]),
    ("minimal", "config={}", ["markets"]),
    ("minimal", "config.markets={}", ["config/markets"]),
    ("minimal", "api.port=80", ["api/port", "minimum"]),
    ("minimal", 'feeds={"Spot Venues":{"feeds":[{"kind":"ccxt"}]}}', ["Spot Venues"]),
    ("minimal", "feeds.all.feeds=[]", ["feeds/all/feeds"]),
    ("member", "committee.replicas=2", ["committee", "replicas"]),
    ("member", 'committee.storage.accessMode="ReadWriteMany"', ["accessMode"]),
    ("member", 'committee.keys=[{"keystore":"/etc/key.json"}]', ["committee/keys/0"]),
    ("member", 'committee.keys=[{"secret":"0xabc"}]', ["secret"]),
    ("member", "networkPolicy.metricsFrom=[{}]", ["metricsFrom"]),
    # What belongs together: by the templates.
    ("minimal", 'config.bus={"kind":"memory"}', ["config.bus", "kafka"]),
    ("minimal", "config.feeds=[]", ["config.feeds", '"feeds"']),
    ("minimal", 'kafka.protocol="sasl_tls"', ["kafka.users", "Secret", "password"]),
    ("minimal", "committee.enabled=true", ["config.committee"]),
    ("minimal", 'relayers={"a":{"keys":{"x":{"kms":{}}}}}', ["config.chains"]),
    ("member", "committee.keys=[]", ["committee.keys", "signs nothing"]),
    ("member", 'committee.keys=[{"kms":{}},{"kms":{}}]', ["2 keys", "exactly one"]),
    ("member", "config.committee.keys=[]", ["config.committee.keys", "committee.keys"]),
    ("member", "networkPolicy.committeePeers=[]", ["committeePeers", "ipBlock"]),
    ("member", 'relayers.b.secret="relayer-a"', ["the same key", "wallet of its own"]),
    ("member", 'relayers.b.keys={"other":{"kms":{}}}', ["relayers.b.keys", "sepolia"]),
    ("member", 'config.chains[0].key={"kms":{}}', ["sepolia", "relayers."]),
    ("member", 'archive.url="/data/archive"', ["/data/archive", "/var/lib/plumbline"]),
    ("member", 'archive.serveFor="30d"', ["archive.serveFor", "s3://"]),
    ("member", 'archive.serveFor="a month"', ["serveFor"]),
]


@pytest.mark.parametrize(("example", "change", "said"), REFUSED, ids=[case[1] for case in REFUSED])
def test_what_cannot_be_meant_is_refused(example, change, said):
    """Helm renders nothing, and says the place and what is allowed."""
    text = refusal(example, change)
    assert [part for part in said if part not in text] == []


@pytest.mark.parametrize("major", MAJORS)
def test_nothing_given_is_refused(major):
    """The defaults alone are no deployment: what must be given is named."""
    done = helm(major, "template", "demo", HELM / "plumbline")
    assert done.returncode != 0
    for missing in ("repository", "bootstrap", "markets"):
        assert missing in done.stderr


def test_every_value_of_the_examples_and_defaults_is_known():
    """The schema closes every section but the product's own configuration, which plumb checks."""
    schema = json.loads((HELM / "plumbline/values.schema.json").read_text())
    assert schema["additionalProperties"] is False
    for name, section in schema["properties"].items():
        if name not in ("config", "global") and section.get("properties"):
            assert section["additionalProperties"] is False, name
    assert len(EXAMPLES) == len(list((HELM / "examples").glob("*.yaml")))
