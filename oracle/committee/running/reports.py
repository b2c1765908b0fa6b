"""The reports that got their signatures: held for peers, published on this member's own bus."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from oracle.bus.interface import Bus
from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.running.rounds import Rounds
from oracle.model.errors import Retryable
from oracle.model.messages import SignedReport
from oracle.model.topics import Topic
from oracle.report.report import decode

HELD: Final = 512
"""For peers, and at most for a bus that takes none."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 4.0

_log = structlog.get_logger(__name__)


class Reports:
    """The newest reports, rising by slot; the newest that was published also in a file.

    After a restart the peers are asked for all that came after the one in the file. Nothing waits
    for the file: what a crash loses of it the peers still hold.
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
        self.rounds: Final = Rounds(bus, deployment, metrics)
        """What they were made from."""
        self._held: Final[deque[tuple[int, bytes]]] = deque(maxlen=HELD)
        self.time_ms = 0
        """Of the marks in the newest."""
        self.taken_ns = 0
        """Our clock when the newest was taken; 0 before the first."""
        self._waiting: Final[deque[SignedReport]] = deque(maxlen=HELD)
        self._came = asyncio.Event()

    @property
    def waiting_since_ns(self) -> int | None:
        """Our clock when the oldest that waits for the bus was taken; None when none waits."""
        return self._waiting[0].signed_ns if self._waiting else None

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

    def take(self, body: bytes) -> None:
        """Hold a report whose signatures were checked, newer than all before, for publication."""
        report = decode(body)
        self._held.append((report.slot, body))
        self.taken_ns = self._now_ns()
        self.time_ms = max(leaf.decoded().time_ms for leaf in report.leaves)
        self._metrics.reports.inc()
        self._metrics.report_time.set(self.time_ms / 1e3)
        if len(self._waiting) == HELD:
            self._metrics.unpublished.inc()  # the oldest gives way: the peers' buses have it
        self._waiting.append(
            SignedReport(
                deployment=self._deployment,
                epoch=report.epoch,
                slot=report.slot,
                time_ns=self.time_ms * 1_000_000,
                signed_ns=self.taken_ns,
                shared_view=False,
                body=body,
            )
        )
        self._metrics.waiting.set(len(self._waiting))
        self._came.set()

    async def run(self) -> None:
        """Publish what is taken until cancelled; what the bus does not take is tried again.

        All that waits goes at once, rising: readers look at the newest and skip what is older.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            await self._came.wait()
            try:
                await self._publish(list(self._waiting))
            except Retryable as error:
                if pause_s == FIRST_PAUSE_S:
                    _log.error("reports_not_published", waiting=len(self._waiting), why=str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                if pause_s > FIRST_PAUSE_S:
                    _log.info("reports_published_again", newest_slot=self.slot)
                pause_s = FIRST_PAUSE_S

    async def _publish(self, batch: list[SignedReport]) -> None:
        await self._bus.publish(Topic.REPORTS, [(self._deployment, one) for one in batch])
        while self._waiting and self._waiting[0].slot <= batch[-1].slot:
            self._waiting.popleft()
        self._metrics.waiting.set(len(self._waiting))
        if not self._waiting:
            self._came.clear()
        self._store(batch[-1].body)

    def _store(self, body: bytes) -> None:
        if self._path is None:
            return
        part = self._path.with_suffix(".part")
        try:
            part.write_bytes(body)
            part.replace(self._path)
        except OSError as error:
            _log.warning("newest_report_not_stored", path=str(self._path), why=error.strerror)
