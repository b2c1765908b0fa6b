"""The newest of everything, read from the bus and held in memory: what the API serves."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import structlog
from prometheus_client import Counter

from oracle.api import models
from oracle.api.fanout import Event, Fanout, Stream
from oracle.api.progress import Progress
from oracle.api.render import (
    HeldReport,
    hold,
    render_control,
    render_mark,
    render_receipt,
    render_report,
    staleness,
)
from oracle.bus.interface import Bus, Start, Subscription
from oracle.engine.controls import ControlBook
from oracle.model.errors import Rejected, Retryable
from oracle.model.messages import Control, Mark, Message, Receipt, SignedReport
from oracle.model.topics import Topic

REPORTS_HELD: Final = 4096
RECEIPTS_HELD: Final = 50
RETRY_S: Final = 1.0

_TAKEN = Counter("plumbline_api_records_total", "Records that the API took", ["topic"])
_REFUSED = Counter(
    "plumbline_api_refused_total", "Records that the API does not serve", ["topic", "reason"]
)
_log = structlog.get_logger(__name__)


class Held(NamedTuple):
    """Which report times are held, in ms, both ends included."""

    oldest_ms: int
    newest_ms: int


class LatestView:
    """Reads marks, reports, receipts and controls, and tells open streams of each.

    Every reader sees the whole log: no consumer group. `markets` names the configured markets by
    number; marks of others are counted and not served. `run` must run for anything to be held.
    """

    def __init__(
        self,
        bus: Bus,
        markets: Mapping[str, int],
        *,
        max_age_ms: int = 5_000,
        reports_held: int = REPORTS_HELD,
        clock_ns: Callable[[], int] = time.time_ns,
        progress: Progress | None = None,
        fanout: Fanout | None = None,
    ) -> None:
        self.markets: Final = dict(sorted(markets.items(), key=lambda item: item[1]))
        self.names: Final = {number: name for name, number in self.markets.items()}
        self.max_age_ms: Final = max_age_ms
        self.clock_ns: Final = clock_ns
        self.progress: Final = Progress() if progress is None else progress
        self.fanout: Final = Fanout() if fanout is None else fanout
        self.marks: Final[dict[str, Mark]] = {}
        self.reports: Final[deque[HeldReport]] = deque(maxlen=reports_held)
        self.receipts: Final[dict[str, deque[Receipt]]] = {}
        self.controls: Final = ControlBook()
        self._bus: Final = bus
        self._lost: Final[dict[str, str]] = {
            "api.state": "not read yet",
            "api.tail": "not read yet",
        }

    async def run(self) -> None:
        """Read until cancelled; a lost bus is tried again every second."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._follow("api.state", Start.EARLIEST, Topic.CONTROLS))
            # Marks come anew with every step, and Kafka keeps days of them: begin at the end.
            tail = (Topic.MARKS, Topic.REPORTS, Topic.RECEIPTS)
            loops.create_task(self._follow("api.tail", Start.TAIL, *tail))

    def unready(self) -> list[str]:
        """Return why consumers should not be sent here; nothing when they may."""
        reasons = [f"bus ({loop}): {why}" for loop, why in self._lost.items()]
        now_ns = self.clock_ns()
        for market in self.markets:
            mark = self.marks.get(market)
            why = staleness(mark.time_ns, now_ns, self.max_age_ms) if mark else "no mark yet"
            if why:
                reasons.append(f"{market}: {why}")
        return reasons

    def mark(self, mark: Mark) -> models.Mark:
        """Return a mark as of now."""
        return render_mark(mark, self.clock_ns(), self.max_age_ms)

    def report(self, held: HeldReport) -> models.Report:
        """Return a report as of now."""
        return render_report(held, self.clock_ns(), self.max_age_ms, self.names)

    def held(self) -> Held | None:
        """Return which report times are held."""
        return Held(self.reports[0].time_ms, self.reports[-1].time_ms) if self.reports else None

    def first_after(self, time_ms: int) -> HeldReport | None:
        """Return the first report with `0 < prev < time_ms <= time`; None when it is not held.

        The signed `prev` proves that it is the first of its epoch: none was between, seen here or
        not. An epoch's first report, whose `prev` is 0, is proven to be the first after no time.
        """
        at = bisect_left(self.reports, time_ms, key=lambda held: held.time_ms)
        if at == len(self.reports) or not 0 < self.reports[at].prev_ms < time_ms:
            return None
        return self.reports[at]

    def open_stream(self, market: str | None) -> Stream:
        """Open a stream that begins with what is held now.

        Raises:
            Retryable: too many streams are open.
        """
        names = self.markets if market is None else (market,)
        first = [self._mark_event(self.marks[name]) for name in names if name in self.marks]
        if self.reports:
            first.append(self._report_event(self.reports[-1]))
        in_force = self.controls.in_force(self.clock_ns())
        return self.fanout.open(market, first + [_control_event(control) for control in in_force])

    def apply(self, message: Message) -> None:
        """Take the next message of the log."""
        match message:
            case Mark() if message.market in self.markets:
                self.marks[message.market] = message
                self.fanout.tell(self._mark_event(message))
            case Mark():
                _REFUSED.labels(Topic.MARKS, "unknown_market").inc()
            case SignedReport():
                self._apply_report(message)
            case Receipt():
                held = self.receipts.setdefault(message.chain, deque(maxlen=RECEIPTS_HELD))
                held.appendleft(message)
                self.fanout.tell(
                    Event("receipt", None, lambda: render_receipt(message).model_dump_json())
                )
            case Control():
                self.controls.apply((message,))
                self.fanout.tell(_control_event(message))

    def _apply_report(self, signed: SignedReport) -> None:
        """Hold a report that decodes and is newer than those held: times and epochs rise.

        An epoch that ended may sign on; its reports settle nothing any more.
        """
        try:
            held = hold(signed)
        except Rejected as error:
            _REFUSED.labels(Topic.REPORTS, "malformed").inc()
            _log.warning("report_refused", slot=signed.slot, error=str(error))
            return
        if self.reports and held.time_ms <= self.reports[-1].time_ms:
            _REFUSED.labels(Topic.REPORTS, "not_newer").inc()
            return
        if self.reports and held.report.epoch < self.reports[-1].report.epoch:
            _REFUSED.labels(Topic.REPORTS, "older_epoch").inc()
            return
        self.reports.append(held)
        self.fanout.tell(self._report_event(held))

    def _mark_event(self, mark: Mark) -> Event:
        return Event("mark", mark.market, lambda: self.mark(mark).model_dump_json())

    def _report_event(self, held: HeldReport) -> Event:
        return Event("report", None, lambda: self.report(held).model_dump_json())

    async def _follow(self, loop: str, start: Start, *topics: Topic) -> None:
        try:
            while True:
                try:
                    async with self._bus.subscribe(*topics, start=start) as reader:
                        await self._read(loop, reader)
                except Retryable as error:
                    self._lost[loop] = str(error)
                    self.progress.turned(loop)  # a lost bus is unready, not dead
                    _log.warning("bus_lost", loop=loop, error=str(error))
                    await asyncio.sleep(RETRY_S)
        finally:
            self.progress.ended(loop)

    async def _read(self, loop: str, reader: Subscription) -> None:
        while True:
            records = await reader.take()
            self._lost.pop(loop, None)
            self.progress.turned(loop)
            for record in records:
                _TAKEN.labels(record.topic).inc()
                self.apply(record.message)


def _control_event(control: Control) -> Event:
    return Event("control", None, lambda: render_control(control).model_dump_json())
