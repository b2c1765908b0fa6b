"""A broker for these tests, and a world on it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.kafka.broker import Broker
from deploy.sandbox.chains.anvil import anvil
from oracle.model.errors import ConfigError
from tests.integration.relayer_sharing.world import World
from tests.kafka_broker import running


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """One broker; without Java, Maven or anvil skip, but fail in CI."""
    try:
        anvil()
    except ConfigError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    with running(Broker()) as started:
        yield started


@pytest.fixture
async def world(broker: Broker, tmp_path: Path) -> AsyncIterator[World]:
    """Two chains, and a bus with topic names of its own; relayers end with the test."""
    async with World.opened(tmp_path, broker.bootstrap) as made:
        yield made
