"""A shard's log on a cluster that is not there."""

from __future__ import annotations

import threading

import pytest

from oracle.bus.kafka import KafkaBus
from oracle.model.errors import Retryable


async def test_a_log_that_cannot_be_opened_leaves_no_thread_behind() -> None:
    """While the brokers are away each shard is tried every second: threads would run out."""
    bus = KafkaBus("127.0.0.1:1", prefix="away.", request_timeout_ms=5000)
    for _ in range(3):
        with pytest.raises(Retryable, match=r"no Kafka broker at 127\.0\.0\.1:1"):
            async with bus.shard_log(0):
                pass
    assert "away.engine.0" not in [thread.name for thread in threading.enumerate()]
