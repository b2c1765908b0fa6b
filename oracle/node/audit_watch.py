"""Checks the audit topic as it is written, so that a broken chain is heard of by itself."""

from __future__ import annotations

from typing import Final

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge

from oracle.bus.interface import Bus, Start
from oracle.model.messages import AuditEntry
from oracle.model.topics import Topic
from oracle.node.audit import ChainCheck

_log = structlog.get_logger(__name__)


class AuditWatch:
    """Reads the topic from its beginning, and then on."""

    def __init__(self, bus: Bus, registry: CollectorRegistry = REGISTRY) -> None:
        self._bus: Final = bus
        self._entries: Final = Counter(
            "plumbline_audit_entries_total", "Audit entries checked", registry=registry
        )
        self._broken: Final = Gauge(
            "plumbline_audit_chain_broken",
            "1 where a writer's entries do not follow from one another",
            ["writer"],
            registry=registry,
        )

    async def run(self) -> None:
        """Check until cancelled.

        Raises:
            Retryable: the topic could not be read; the next run begins anew.
        """
        check = ChainCheck()
        async with self._bus.subscribe(Topic.AUDIT, start=Start.EARLIEST) as reader:
            while True:
                for record in await reader.take():
                    if isinstance(record.message, AuditEntry):
                        self._take(check, record.message)

    def _take(self, check: ChainCheck, entry: AuditEntry) -> None:
        self._entries.inc()
        found = check.take(entry)
        if found is not None:
            self._broken.labels(found.writer).set(1)
            _log.error("audit_chain_broken", **found._asdict())
