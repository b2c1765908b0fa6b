"""A real Kafka broker for tests: where one cannot run they are skipped, and fail in CI."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import pytest

from deploy.kafka.broker import Broker, Cluster
from oracle.bus.kafka import KafkaBus
from oracle.model.errors import ConfigError, Retryable
from oracle.model.topics import Topic

DEADLINE_S = 240.0
_Started = TypeVar("_Started", Broker, Cluster)


@contextmanager
def running(broker: _Started) -> Iterator[_Started]:
    """Run a broker or a cluster; without Java or Maven skip, but fail in CI."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with ExitStack() as entered:
        try:
            entered.enter_context(broker)
        except ConfigError as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(error))
        yield broker


async def make_topics(bus: KafkaBus, partitions: Mapping[Topic, int] | None = None) -> None:
    """Make a bus's topics; a broker that has just started on a busy machine is asked again."""
    ends = time.monotonic() + DEADLINE_S
    while True:
        try:
            await bus.ensure_topics(partitions)
        except Retryable:
            if time.monotonic() > ends:
                raise
            await asyncio.sleep(0.2)
        else:
            return
