"""Get the reports that this member missed from those who have them, and publish them in order."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog

from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.peering.peers import Peers
from oracle.committee.running.keeping import Keeper
from oracle.committee.running.rounds import Wanted
from oracle.committee.wire import messages
from oracle.committee.wire.messages import Since, SinceAnswer
from oracle.committee.wire.observation import Last
from oracle.model.errors import Rejected
from oracle.report.report import Report, decode

ROUNDS: Final = 8
"""Answers in a row that are asked for; what is older then stays a gap on this member's bus."""
BROKEN_WORDS: Final = 2
GAP_S: Final = 5.0
"""How long a report waits at most for those before it."""
LEFT_ALONE: Final = 200
"""Rounds of our lead in which such a peer is not asked."""
TURNS: Final = 3
"""How often all peers are asked for a round that is missing here."""
ASKED_EVERY: Final = 0.25
"""Of a slot: so many questions for rounds leave peers room for everything else we ask them."""

_log = structlog.get_logger(__name__)


class CatchUp:
    """Fills gaps. A peer's word is worth nothing here: only what the committee signed is taken."""

    def __init__(
        self, keeper: Keeper, peers: Peers, metrics: CommitteeMetrics, timeout_s: float
    ) -> None:
        self._keeper, self._peers = keeper, peers
        self._metrics, self._timeout_s = metrics, timeout_s
        self._broken: dict[int, int] = {}
        self._asked = 0
        self._filling: Final = asyncio.Lock()

    async def take(self, asker: int, body: bytes) -> None:
        """Publish a report, and before it what was missed since the last one.

        Raises:
            Rejected: it is no report of this committee.
        """
        report = decode(body)
        self._keeper.check(report, body)  # before anybody is asked because of it
        await self._take_after_missed(report, body, asker)

    async def take_own(self, body: bytes) -> None:
        """Publish a report that this member gathered the signatures of, as any other."""
        await self._take_after_missed(decode(body), body, None)

    async def _take_after_missed(self, report: Report, body: bytes, asker: int | None) -> None:
        if self._misses(report):
            async with self._filling:
                await self._fill_before(report, asker)
        await self._keeper.take([body])

    def _misses(self, report: Report) -> bool:
        reports = self._keeper.reports
        newer = 0 <= reports.slot < report.slot
        return newer and report.leaves[0].prev_ms != reports.time_ms

    async def _fill_before(self, report: Report, first: int | None) -> None:
        """Get what is missing before a report: from one peer, if one is given, or else from any.

        Once all have answered but as many as may lie, the gap is everybody's.
        """
        if first is not None and self._misses(report):
            await self._fill(first, report.slot, urgent=True)
        if not self._misses(report):
            return
        others = [number for number in self._peers.numbers if number != first]
        fills = (self._fill(number, report.slot, GAP_S, urgent=True) for number in others)
        waiting = {self._peers.start(fill) for fill in fills}
        wanted = len(others) - self._keeper.rules.faults
        ends, answered = time.monotonic() + GAP_S, 0
        while waiting and answered < wanted and self._misses(report):
            done, waiting = await asyncio.wait(
                waiting, timeout=ends - time.monotonic(), return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                return
            answered += sum(task.result() for task in done)

    def publish_base(self, asker: int) -> None:
        """Publish a report that came as the base of a proposal and never by itself.

        No vote waits for it: what is missing before it may have to be fetched.
        """
        certified = self._keeper.member.chain.certified
        if certified is not None and certified.slot > self._keeper.reports.slot:
            self._peers.start(self.take(asker, certified.body))

    async def ask(self, number: int) -> bool:
        """Ask one peer for everything since the newest report; return whether it answered."""
        return await self._fill(number, None)

    async def ask_all(self) -> None:
        """Ask every peer."""
        await asyncio.gather(*(self.ask(number) for number in self._peers.numbers))

    async def fetch(self, number: int, last: Last) -> None:
        """Ask a peer for the proposal that it says it signed, and for the reports since ours.

        An honest one has the one or the other; who had neither twice is asked no more for a while.
        """
        broken = self._broken.get(number, 0)
        if broken >= BROKEN_WORDS:
            self._broken[number] = broken - 1 if broken > BROKEN_WORDS else 0
            return
        held = await self._held(number, Since(self._keeper.reports.slot, last.digest))
        if held is not None:
            try:
                await self._keeper.take(held.reports)
                if held.proposal:
                    await self._keeper.learn(held.proposal, last.digest)
            except Rejected as error:
                self._refuse(number, error)
        kept = self.has(last)
        self._broken[number] = 0 if kept else broken + 1
        if self._broken[number] == BROKEN_WORDS:
            self._broken[number] += LEFT_ALONE
            _log.warning("peer_shows_not_what_it_signed", peer=number, slot=last.slot)

    def has(self, last: Last) -> bool:
        """Whether what a member says it signed is known here, or certified."""
        chain = self._keeper.member.chain
        return chain.knows(last.digest) or self._keeper.reports.slot >= last.slot

    async def follow_rounds(self) -> None:
        """Get from peers what certified reports were made from, where we did not sign them."""
        rounds = self._keeper.reports.rounds
        while True:
            wanted = await rounds.missing()
            if not await self._find_round(wanted):
                rounds.give_up(wanted)

    async def _find_round(self, wanted: Wanted) -> bool:
        for _ in range(TURNS):
            for _ in self._peers.numbers:
                await asyncio.sleep(self._timeout_s * ASKED_EVERY)
                self._asked += 1
                number = self._peers.numbers[self._asked % len(self._peers.numbers)]
                if await self._gave_round(number, wanted):
                    return True
        return False

    async def _gave_round(self, number: int, wanted: Wanted) -> bool:
        reports = self._keeper.reports
        held = await self._held(number, Since(reports.slot, wanted.digest))
        if held is None or not held.proposal:
            return False
        try:
            await self._keeper.learn_led(held.proposal, wanted.digest)
        except Rejected as error:
            self._refuse(number, error)
            return False
        reports.rounds.found(wanted, held.proposal)
        return True

    async def _fill(
        self,
        number: int,
        before: int | None,
        timeout_s: float | None = None,
        *,
        urgent: bool = False,
    ) -> bool:
        for _ in range(ROUNDS):
            since = Since(self._keeper.reports.slot)
            held = await self._held(number, since, timeout_s, urgent=urgent)
            if held is None:
                return False
            try:
                wanted = [
                    body for body in held.reports if before is None or decode(body).slot < before
                ]
                taken = await self._keeper.take(wanted)
            except Rejected as error:
                self._refuse(number, error)
                return False
            if not taken or len(held.reports) < messages.MOST_REPORTS:
                return True
        return True

    async def _held(
        self, number: int, since: Since, timeout_s: float | None = None, *, urgent: bool = False
    ) -> SinceAnswer | None:
        limit_s = timeout_s or self._timeout_s
        answer = await self._peers.ask(
            number, messages.SINCE, since.encode(), limit_s, urgent=urgent
        )
        if answer is None or not answer.taken:
            return None
        try:
            return SinceAnswer.decode(answer.body)
        except Rejected as error:
            self._refuse(number, error)
            return None

    def _refuse(self, number: int, error: Rejected) -> None:
        self._metrics.refusals.labels("since", "malformed").inc()
        _log.warning("peer_answers_garbage", peer=number, why=str(error))
