"""Both implementations of the bus, Kafka's on a real broker of these tests' own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.kafka.broker import Broker
from oracle.bus.interface import Bus
from oracle.bus.kafka import KafkaBus
from oracle.bus.memory import MemoryBus
from oracle.model.topics import Topic
from tests.integration.bus.secured_site import Site
from tests.kafka_broker import make_topics, running

PARTITIONS = {Topic.RECEIPTS: 4}


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """One broker for the whole run; without Java or Maven skip, but fail in CI."""
    with running(Broker()) as started:
        yield started


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One secure broker for the whole run; without Java or Maven skip, but fail in CI."""
    made = Site(tmp_path_factory.mktemp("secure"))
    with running(made.broker):
        made.make_users()
        made.give_rights()
        yield made


@pytest.fixture
def kafka_bus(broker: Broker) -> KafkaBus:
    """A bus with topic names of its own, not yet entered."""
    return KafkaBus(
        broker.bootstrap,
        prefix=f"{uuid.uuid4()}.",
        request_timeout_ms=3000,
        session_timeout_ms=3000,
    )


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    """Each implementation in turn; `receipts` has 4 partitions, the other topics one."""
    if request.param == "memory":
        async with MemoryBus(partitions=PARTITIONS) as memory:
            yield memory
    else:
        kafka: KafkaBus = request.getfixturevalue("kafka_bus")
        async with kafka:
            await make_topics(kafka, PARTITIONS)
            yield kafka
