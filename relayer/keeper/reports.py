"""The newest reports off the bus, and which of them is the first at or after a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
import structlog

from oracle.bus.interface import Bus, Record, Start
from oracle.model.errors import Rejected, Retryable
from oracle.model.messages import SignedReport
from oracle.model.topics import Topic
from oracle.report.committee import Committee
from oracle.report.report import decode, subset
from oracle.report.word import decode_word
from relayer.tail import Offer, open_offer

KEPT: Final = 2_048
MOST_BYTES: Final = 1 << 20
_RETRY_S: Final = 1.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Shelved:
    """A verified report, with when each group's leaf and the one before it were."""

    offer: Offer
    times: dict[int, tuple[int, int]]
    """Group to (time of the report before, time), in unix ms."""

    def decides(self, group: int, due_ms: int) -> bool:
        """Tell whether it is the first report of a group at or after a time."""
        prev_ms, time_ms = self.times.get(group, (0, 0))
        return 0 < prev_ms < due_ms <= time_ms

    def cut(self, groups: Sequence[int]) -> bytes:
        """Return the report with only these groups."""
        return subset(self.offer.body, sorted(set(groups)))


def shelved(report: SignedReport, committee: Committee) -> Shelved:
    """Verify a report.

    Raises:
        Rejected: not the committee's, or not whole.
    """
    offer = open_offer(report, committee)
    return Shelved(offer, _times(offer.body))


class Shelf:
    """Keeps the last reports that verify; older ones are fetched, if it is said where."""

    def __init__(
        self, bus: Bus, committee: Committee, *, api: str | None = None, timeout_s: float = 5.0
    ) -> None:
        self.newest: Shelved | None = None
        self._bus: Final = bus
        self._committee: Final = committee
        self._kept: Final[deque[Shelved]] = deque(maxlen=KEPT)
        self._arrived: Final = asyncio.Condition()
        self._api: Final = api
        self._timeout_s: Final = timeout_s

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            try:
                async with self._bus.subscribe(Topic.REPORTS, start=Start.TAIL) as reader:
                    while True:
                        await self._take(await reader.take())
            except Retryable as error:
                _log.warning("reports_unreadable", error=str(error))
                await asyncio.sleep(_RETRY_S)

    async def newer_than(self, slot: int, timeout_s: float) -> Shelved | None:
        """Return the newest once its slot is above `slot`; None when the time is out."""
        try:
            async with asyncio.timeout(timeout_s), self._arrived:
                await self._arrived.wait_for(
                    lambda: self.newest is not None and self.newest.offer.slot > slot
                )
        except TimeoutError:
            return None
        return self.newest

    async def first_at(self, group: int, due_ms: int) -> Shelved | None:
        """Return the first report of a group at or after a time; None while there is none."""
        for one in self._kept:
            if one.decides(group, due_ms):
                return one
        newest = self.newest
        if newest is None or newest.times.get(group, (0, 0))[1] < due_ms or self._api is None:
            return None
        return await self._fetched(group, due_ms)

    async def _fetched(self, group: int, due_ms: int) -> Shelved | None:
        """Ask the API for one that is no longer kept; it is verified as any other."""
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                httpx.AsyncClient(timeout=self._timeout_s, trust_env=False) as client,
                client.stream("GET", f"{self._api}/v1/reports/after/{due_ms}") as response,
            ):
                response.raise_for_status()
                one = self._of_answer(await _bounded(response))
        except (TimeoutError, httpx.HTTPError, ValueError, KeyError, TypeError, Rejected) as error:
            _log.warning("report_not_fetched", after_ms=due_ms, error=str(error)[:200])
            return None
        return one if one.decides(group, due_ms) else None

    def _of_answer(self, answer: bytes) -> Shelved:
        said: dict[str, Any] = httpx.Response(200, content=answer).json()
        body = bytes.fromhex(said["body"].removeprefix("0x"))
        report = self._committee.verify(body)
        words = {leaf.group: leaf.word for leaf in report.leaves}
        return Shelved(Offer(report.slot, 0, body, words), _times(body))

    async def _take(self, records: Sequence[Record]) -> None:
        taken = False
        for record in records:
            if not isinstance(record.message, SignedReport):
                continue
            try:
                one = shelved(record.message, self._committee)
            except Rejected as error:
                _log.warning("report_rejected", slot=record.message.slot, error=str(error))
                continue
            self._kept.append(one)
            if self.newest is None or one.offer.slot > self.newest.offer.slot:
                self.newest, taken = one, True
        if taken:
            async with self._arrived:
                self._arrived.notify_all()


async def _bounded(response: httpx.Response) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES} bytes")
    return bytes(body)


def _times(body: bytes) -> dict[int, tuple[int, int]]:
    return {
        leaf.group: (leaf.prev_ms, decode_word(leaf.word).time_ms) for leaf in decode(body).leaves
    }
