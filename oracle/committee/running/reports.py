"""The reports that got their signatures: held for peers, published on this member's own bus."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from oracle.bus.interface import Bus
from oracle.committee.metrics import CommitteeMetrics
from oracle.model.messages import SignedReport
from oracle.model.topics import Topic
from oracle.report.report import decode

HELD: Final = 512

_log = structlog.get_logger(__name__)


class Reports:
    """The newest reports, rising by slot; the newest of all also in a file.

    The file is not waited for: what a crash loses of it the peers still hold.
    """

    def __init__(
        self,
        bus: Bus,
        deployment: str,
        metrics: CommitteeMetrics,
        path: Path | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._bus, self._deployment, self._metrics = bus, deployment, metrics
        self._path, self._now_ns = path, now_ns
        self._held: Final[deque[tuple[int, bytes]]] = deque(maxlen=HELD)
        self.time_ms = 0
        """Of the marks in the newest."""
        self.published_ns = 0
        """Our clock when the newest was published; 0 before the first."""

    @property
    def slot(self) -> int:
        """Slot of the newest; -1 before the first."""
        return self._held[-1][0] if self._held else -1

    def has(self, slot: int) -> bool:
        """Whether the report of a slot is among the newest."""
        return any(held == slot for held, _ in reversed(self._held) if held >= slot)

    def after(self, slot: int, most: int) -> list[bytes]:
        """Return the reports of later slots, the first ones when there are more than `most`.

        A negative slot asks for the newest alone.
        """
        if slot < 0:
            return [body for _, body in list(self._held)[-1:]]
        return [body for held, body in self._held if held > slot][:most]

    def stored(self) -> bytes | None:
        """Return the newest report of the run before, unchecked."""
        try:
            return self._path.read_bytes() if self._path and self._path.exists() else None
        except OSError as error:
            _log.warning("newest_report_unreadable", path=str(self._path), why=error.strerror)
            return None

    async def publish(self, body: bytes) -> None:
        """Hold a report whose signatures were checked, newer than all before, and publish it.

        Raises:
            Retryable: the bus does not take it.
        """
        report = decode(body)
        self._held.append((report.slot, body))
        self._store(body)
        self.published_ns = self._now_ns()
        self.time_ms = max(leaf.decoded().time_ms for leaf in report.leaves)
        self._metrics.reports.inc()
        self._metrics.report_time.set(self.time_ms / 1e3)
        message = SignedReport(
            deployment=self._deployment,
            epoch=report.epoch,
            slot=report.slot,
            time_ns=self.time_ms * 1_000_000,
            signed_ns=self.published_ns,
            shared_view=False,
            body=body,
        )
        await self._bus.publish(Topic.REPORTS, [(self._deployment, message)])

    def _store(self, body: bytes) -> None:
        if self._path is None:
            return
        part = self._path.with_suffix(".part")
        try:
            part.write_bytes(body)
            part.replace(self._path)
        except OSError as error:
            _log.warning("newest_report_not_stored", path=str(self._path), why=error.strerror)
