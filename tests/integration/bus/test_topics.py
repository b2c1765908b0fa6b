"""Topics on a real broker: made once, compared each time, never changed in silence."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)
from typer.testing import CliRunner, Result

from deploy.kafka.broker import Broker
from oracle.bus.kafka import KafkaBus
from oracle.bus.kafka_topics import Layout
from oracle.cli.app import app
from oracle.cli.bus import opened_bus
from oracle.config.load import load
from oracle.model.errors import ConfigError, Retryable
from oracle.model.topics import SHARDED, Topic
from tests import cbeth
from tests.kafka_broker import make_topics

pytestmark = pytest.mark.kafka
SHARDS = 3


class Deployed:
    """A configuration with a prefix of its own, and the command on it."""

    def __init__(self, folder: Path, broker: Broker) -> None:
        self.prefix = f"{uuid.uuid4()}."
        self.file = folder / "config.yaml"
        self.admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        self._bus = {"kind": "kafka", "bootstrap": broker.bootstrap, "prefix": self.prefix}
        self.configure()

    def configure(self, shards: int = SHARDS, **bus: Any) -> None:
        """Write the configuration."""
        data = cbeth.OLD | {"bus": self._bus | bus, "engine": {"shards": shards}}
        self.file.write_text(yaml.safe_dump(data))

    def run(self, *options: str) -> Result:
        """Run the command."""
        return CliRunner().invoke(
            app, ["deploy", "topics", "--config", str(self.file), *options], catch_exceptions=False
        )

    def names(self) -> dict[str, int]:
        """Return the topics that are there, with their partitions."""
        there = self.admin.list_topics(timeout=10).topics
        return {
            name.removeprefix(self.prefix): len(topic.partitions)
            for name, topic in there.items()
            if name.startswith(self.prefix)
        }

    def alter(self, topic: Topic, setting: str, value: str) -> None:
        """Change a topic as somebody else might."""
        resource = ConfigResource(ResourceType.TOPIC, self.prefix + topic)
        resource.add_incremental_config(
            ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
        )
        for done in self.admin.incremental_alter_configs([resource]).values():
            done.result(10)
        deadline = time.monotonic() + 30
        while self._setting(topic, setting) != value:  # the broker hears of it by its log
            assert time.monotonic() < deadline

    def _setting(self, topic: Topic, setting: str) -> str:
        resource = ConfigResource(ResourceType.TOPIC, self.prefix + topic)
        (described,) = self.admin.describe_configs([resource]).values()
        return described.result(10)[setting].value


@pytest.fixture
def deployed(tmp_path: Path, broker: Broker) -> Deployed:
    """A configuration whose topics are not there yet."""
    return Deployed(tmp_path, broker)


def test_what_is_missing_is_created_once(deployed: Deployed) -> None:
    """The first run makes all of it with a partition a shard, the second finds it right."""
    first, second = json.loads(deployed.run("--json").stdout), deployed.run("--json")
    assert {topic["state"] for topic in first["topics"]} == {"created"}
    assert {topic["state"] for topic in json.loads(second.stdout)["topics"]} == {"right"}
    assert (first["ok"], second.exit_code) == (True, 0)
    assert deployed.names() == {str(topic): SHARDS if topic in SHARDED else 1 for topic in Topic}


def test_a_check_creates_nothing(deployed: Deployed) -> None:
    """What would be made is named, and the exit code says that it is not there."""
    done = deployed.run("--check")
    assert done.exit_code == 1
    assert f"{deployed.prefix}ticks is missing" in done.stdout
    assert deployed.names() == {}


@pytest.mark.parametrize(
    ("setting", "value", "wanted"),
    [
        ("cleanup.policy", "delete", "compact"),
        ("retention.ms", "3600000", "-1"),
        ("retention.bytes", "1000000", "-1"),
        ("max.message.bytes", "100000", "1048576"),
        ("min.insync.replicas", "2", "1"),
        ("unclean.leader.election.enable", "true", "false"),
        ("message.timestamp.type", "CreateTime", "LogAppendTime"),
    ],
)
def test_a_wrong_setting_is_named_with_what_mends_it(
    deployed: Deployed, setting: str, value: str, wanted: str
) -> None:
    """Each that would lose orders or state is found, and left to a person."""
    deployed.run()
    deployed.alter(Topic.CONTROLS, setting, value)
    for options in ((), ("--check",)):
        done = deployed.run(*options)
        assert done.exit_code == 1
        assert f"topic {deployed.prefix}controls has {setting}={value}, not {wanted}" in done.stdout
        assert f"--entity-name {deployed.prefix}controls --add-config" in done.stdout


def test_longer_retention_and_larger_messages_do_no_harm(deployed: Deployed) -> None:
    """Somebody who keeps ticks for a day may."""
    deployed.run()
    deployed.alter(Topic.TICKS, "retention.ms", "86400000")
    deployed.alter(Topic.MARKS, "max.message.bytes", "2000000")
    assert deployed.run("--check").exit_code == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shards": 5}, "ticks has 3 partitions, not 5: set engine.shards as it was"),
        ({"replication": 3}, "ticks has 1 replicas, not 3: set bus.replication"),
    ],
)
def test_another_number_of_shards_or_replicas_is_refused(
    deployed: Deployed, change: dict[str, Any], said: str
) -> None:
    """Keys would go to other partitions: that is a person's decision."""
    deployed.run()
    deployed.configure(**change)
    done = deployed.run()
    assert done.exit_code == 1
    assert said in done.stdout
    assert deployed.names()["ticks"] == SHARDS


def test_more_replicas_than_brokers_are_refused(deployed: Deployed) -> None:
    """Kafka's own reason is passed on."""
    deployed.configure(replication=3)
    with pytest.raises(ConfigError, match=r"did not create topic .*ticks: .*replication factor"):
        deployed.run()


async def test_a_role_refuses_to_run_without_its_topics(deployed: Deployed, tmp_path: Path) -> None:
    """It creates none: with a mistyped prefix it would begin a log of its own."""
    with pytest.raises(ConfigError, match=r"missing: .*ticks.*to create: plumb deploy topics"):
        async with opened_bus(load(deployed.file), tmp_path):
            pass
    assert deployed.names() == {}


async def test_a_role_refuses_to_run_on_wrong_topics(deployed: Deployed, tmp_path: Path) -> None:
    """It says each difference with what mends it; then it runs."""
    config = load(deployed.file)
    deployed.admin.create_topics([NewTopic(f"{deployed.prefix}ticks", 1, 1)])
    bus = KafkaBus(config.bus.bootstrap, prefix=deployed.prefix)
    await bus.topics.create(Layout(dict.fromkeys(SHARDED, SHARDS)))
    with pytest.raises(ConfigError) as refused:
        async with opened_bus(config, tmp_path):
            pass
    assert "ticks has 1 partitions, not 3" in str(refused.value)
    assert "ticks has retention.ms=604800000, not 21600000" not in str(refused.value)
    assert "ticks has message.timestamp.type=CreateTime, not LogAppendTime: kafka-configs.sh" in (
        str(refused.value)
    )
    assert "marks" not in str(refused.value)


def test_a_bus_in_memory_has_no_topics(tmp_path: Path) -> None:
    """Nothing is made somewhere by mistake."""
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(cbeth.OLD))
    with pytest.raises(ConfigError, match="has no topics to make"):
        CliRunner().invoke(app, ["deploy", "topics", "--config", str(file)], catch_exceptions=False)


async def test_no_broker_is_said() -> None:
    """Within the bound, in the words that every other call uses."""
    bus = KafkaBus("127.0.0.1:1", request_timeout_ms=500)
    with pytest.raises(Retryable, match=r"^no Kafka broker at 127.0.0.1:1"):
        await bus.topics.check(Layout({}))


async def test_a_cluster_without_our_topics_does_not_answer_us(kafka_bus: KafkaBus) -> None:
    """A partition without a leader looks the same as one that is gone."""
    async with kafka_bus:
        with pytest.raises(Retryable, match=r"^no broker of Kafka at .* leads .*ticks, "):
            await kafka_bus.topics.answer()
        await make_topics(kafka_bus)
        await kafka_bus.topics.answer()


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
