"""A broker for what the chart starts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.kafka.broker import Broker
from tests.kafka_broker import running


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """One broker for the folder; without Java or Maven skip, but fail in CI."""
    with running(Broker()) as started:
        yield started
