"""Names what is wrong with the cluster when a write fails: in a metric, the log and the error."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from prometheus_client import Counter

from oracle.model.errors import Retryable

_LOOK_S: Final = 0.5
_NAMES: Final = {
    "KafkaConnectionError": "unreachable",
    "NodeNotReadyError": "unreachable",
    "TimeoutError": "no_answer",
    "KafkaTimeoutError": "no_answer",
    "RequestTimedOutError": "no_answer",
    "NotEnoughReplicasError": "few_replicas",
    "NotEnoughReplicasAfterAppendError": "few_replicas",
    "LeaderNotAvailableError": "no_leader",
    "NotLeaderForPartitionError": "no_leader",
    "KafkaStorageError": "disk",
    "ProducerClosed": "given_up",
}
"""Every other error is `other`."""

FAILED: Final = Counter(
    "plumbline_bus_writes_failed_total",
    "Writes to the bus that failed, by the topic's name and what was wrong",
    ["topic", "fault"],
)
_log = structlog.get_logger(__name__)


async def told(name: str, bootstrap: str, error: Retryable) -> Retryable:
    """Count and log a failed write; return the error with what a person needs to know."""
    fault = _NAMES.get(type(error.__cause__).__name__, "other")
    FAILED.labels(name, fault).inc()
    addresses = bootstrap.split(",")
    takes = await asyncio.gather(*map(_takes_connection, addresses))
    away = [address for address, up in zip(addresses, takes, strict=True) if not up]
    _log.warning("bus_write_failed", topic=name, fault=fault, away=away, error=str(error))
    if away and len(addresses) > 1:
        return Retryable(
            f"{error}; {len(away)} of {len(addresses)} brokers take no connection: "
            f"{', '.join(away)}"
        )
    return error


async def _takes_connection(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_LOOK_S):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except OSError:
        return False
    writer.close()
    return True
