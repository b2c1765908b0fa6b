"""A real broker, and a bus on it with topic names of the test's own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.kafka.broker import Broker
from oracle.bus.kafka import KafkaBus
from oracle.model.topics import SHARDED
from tests.kafka_broker import make_topics, running

SHARDS = 2


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """One broker for the whole run; without Java or Maven skip, but fail in CI."""
    with running(Broker()) as started:
        yield started


@pytest.fixture
async def bus(broker: Broker) -> AsyncIterator[KafkaBus]:
    """A bus of two shards."""
    made = KafkaBus(
        broker.bootstrap,
        prefix=f"{uuid.uuid4()}.",
        request_timeout_ms=60_000,  # a loaded machine's broker may need half a minute to answer
        session_timeout_ms=3000,
    )
    async with made:
        await make_topics(made, dict.fromkeys(SHARDED, SHARDS))
        yield made
