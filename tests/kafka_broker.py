"""A real Kafka broker for tests: where one cannot run they are skipped, and fail in CI."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import pytest

from deploy.kafka.broker import Broker, Cluster
from oracle.model.errors import ConfigError

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
