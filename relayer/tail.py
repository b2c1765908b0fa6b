"""The newest report that the committee signed: the only one a relayer ever looks at."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from oracle.bus.interface import Bus, Record, Start
from oracle.model.errors import Rejected, Retryable
from oracle.model.messages import SignedReport
from oracle.model.topics import Topic
from oracle.report.committee import Committee
from relayer.metrics import RelayerMetrics

_RETRY_S: Final = 1.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Offer:
    """A verified report that carries all its groups."""

    slot: int
    signed_ns: int
    body: bytes
    words: dict[int, bytes]
    """Group to its word."""


class Tail:
    """Reads `reports` from the tail and keeps the newest that verifies: never a backlog."""

    def __init__(self, bus: Bus, committee: Committee, metrics: RelayerMetrics) -> None:
        self.newest: Offer | None = None
        self._bus: Final = bus
        self._committee: Final = committee
        self._metrics: Final = metrics
        self._arrived: Final = asyncio.Condition()

    async def run(self) -> None:
        """Read until cancelled; a log that cannot be reached is tried again."""
        while True:
            try:
                async with self._bus.subscribe(Topic.REPORTS, start=Start.TAIL) as reader:
                    while True:
                        await self._consider(await reader.take())
            except Retryable as error:
                self._metrics.reports.labels("unreadable").inc()
                _log.warning("reports_unreadable", error=str(error))
                await asyncio.sleep(_RETRY_S)

    async def newer_than(self, slot: int, timeout_s: float) -> Offer | None:
        """Return the newest offer once its slot is above `slot`; None when the time is out."""
        try:
            async with asyncio.timeout(timeout_s), self._arrived:
                await self._arrived.wait_for(
                    lambda: self.newest is not None and self.newest.slot > slot
                )
        except TimeoutError:
            return None
        return self.newest

    async def _consider(self, records: Sequence[Record]) -> None:
        """Take the last that is newer and verifies; those before it are of no more use."""
        for at, record in enumerate(reversed(records)):
            if isinstance(record.message, SignedReport) and self._take(record.message):
                self._metrics.reports.labels("superseded").inc(len(records) - 1 - at)
                async with self._arrived:
                    self._arrived.notify_all()
                return

    def _take(self, report: SignedReport) -> bool:
        try:
            offer = open_offer(report, self._committee)
        except Rejected as error:
            self._metrics.reports.labels("rejected").inc()
            _log.warning("report_rejected", slot=report.slot, error=str(error))
            return False
        if self.newest is not None and offer.slot <= self.newest.slot:
            self._metrics.reports.labels("old").inc()
            return False
        self._metrics.reports.labels("taken").inc()
        self.newest = offer
        return True


def open_offer(report: SignedReport, committee: Committee) -> Offer:
    """Verify a report off the bus.

    Raises:
        Rejected: of another deployment, not signed by the committee, or not carrying all groups.
    """
    if report.deployment != "0x" + committee.salt.hex():
        raise Rejected(
            f"report of deployment {report.deployment}; this relayer serves "
            f"0x{committee.salt.hex()}"
        )
    body = committee.verify(report.body)
    if len(body.leaves) != body.groups:
        raise Rejected(f"report carries {len(body.leaves)} of {body.groups} groups; need all")
    words = {leaf.group: leaf.word for leaf in body.leaves}
    return Offer(body.slot, report.signed_ns, report.body, words)
