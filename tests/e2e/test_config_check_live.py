"""`plumb config check --live` beside a running deployment, on a real broker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiokafka.admin import AIOKafkaAdminClient

from deploy.kafka.broker import Broker
from oracle.bus.kafka import KafkaBus
from oracle.config.load import parse
from oracle.node.compile import engine_spec
from oracle.node.trial import Trial
from tests import cbeth
from tests.e2e.plumb import complaint, plumb
from tests.kafka_broker import make_topics

pytestmark = pytest.mark.kafka

PREFIX = "check."


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """One broker for this file, beside an engine that has been compiled."""
    Trial(engine_spec(parse(cbeth.OLD).markets)).warm_up()
    with Broker() as running:
        yield running


def _file(folder: Path, broker: Broker, data: dict[str, Any], prefix: str = PREFIX) -> Path:
    bus = {"kind": "kafka", "bootstrap": broker.bootstrap, "prefix": prefix}
    bus["request_timeout"] = "3s"
    file = folder / "new.yaml"
    file.write_text(yaml.safe_dump(data | {"bus": bus}))
    return file


async def test_a_lost_leg_is_refused_on_the_running_bus(broker: Broker, tmp_path: Path):
    """Moonwell, February 2026: the change is refused, what is in force is not."""
    async with KafkaBus(broker.bootstrap, prefix=PREFIX) as bus:
        await make_topics(bus)
        running = asyncio.create_task(cbeth.run_for_ever(bus))
        try:
            said = {}
            for name, data in (("new", cbeth.NEW), ("old", cbeth.OLD)):
                file = _file(tmp_path, broker, data)
                said[name] = await asyncio.to_thread(
                    plumb, "config", "check", file, "--live", "--for", "2s", "--json"
                )
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
    assert (said["new"].returncode, said["old"].returncode) == (1, 0), said["old"].stdout
    made = json.loads(said["new"].stdout)["dry_run"]
    assert made["against"] == "published marks"
    market = made["markets"][0]
    assert (market["market"], market["verdict"]) == ("CBETH-USD", "refused")
    assert "likely cause: conversion leg ETH-USD (1,964.2) missing" in market["refusals"][0]


async def test_a_wrong_prefix_makes_no_topics(broker: Broker, tmp_path: Path):
    """It is said, and nothing is created on somebody's cluster."""
    file = _file(tmp_path, broker, cbeth.OLD, prefix="typo.")
    done = await asyncio.to_thread(plumb, "config", "check", file, "--live", "--for", "1s")
    assert "check the prefix" in complaint(done)
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        assert not [name for name in await admin.list_topics() if name.startswith("typo.")]
    finally:
        await admin.close()
