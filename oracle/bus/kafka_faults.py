"""Names what is wrong with the cluster when a write fails: in a metric, the log and the error.

A line a fault: a broker that is away for a night must not fill the disk with its absence.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
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


class WriteFaults:
    """Counts every failed write; logs each fault of a topic once, and that all of them are over."""

    def __init__(self, bootstrap: str) -> None:
        self._addresses: Final = bootstrap.split(",")
        self._said: Final[dict[str, set[str]]] = {}  # of each topic that is not written, faults
        self._failed: Final[Tally[str]] = Tally()

    def worked(self, name: str) -> None:
        """Say that a topic is written again, if it was not."""
        if self._said.pop(name, None) is not None:
            _log.info("bus_writes_again", topic=name, failed=self._failed.pop(name))

    async def told(self, name: str, error: Retryable) -> Retryable:
        """Count a failed write; return the error with what a person needs to know."""
        fault = _NAMES.get(type(error.__cause__).__name__, "other")
        FAILED.labels(name, fault).inc()
        self._failed[name] += 1
        said = self._said.setdefault(name, set())
        new = fault not in said  # they take turns: who waits for a write is given up with it
        said.add(fault)
        takes = await asyncio.gather(*map(_takes_connection, self._addresses))
        away = [address for address, up in zip(self._addresses, takes, strict=True) if not up]
        if new:
            _log.warning(
                "bus_write_failed",
                topic=name,
                fault=fault,
                away=away,
                failed=self._failed[name],
                error=str(error),
            )
        if away and len(self._addresses) > 1:
            return Retryable(
                f"{error}; {len(away)} of {len(self._addresses)} brokers take no connection: "
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
