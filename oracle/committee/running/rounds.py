"""What certified reports were made from: held for peers, published on this member's own bus.

A report's `inputs_root` commits to its round's signed observations. They are small and few, and
who keeps them can prove years later who said what.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Final, NamedTuple

import structlog

from oracle.bus.interface import Bus
from oracle.bus.retention import MESSAGE_BYTES
from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.wire.proposal import Proposed
from oracle.model.errors import Retryable
from oracle.model.messages import CertifiedRound
from oracle.model.topics import Topic

HELD: Final = 512
"""For peers; and at most for a bus that takes none, and that peers are asked for."""
HELD_BYTES: Final = 16 * 2**20
"""For peers, and for a bus that takes none: more than one message may have on any bus."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 4.0
_SEEN: Final = 64
"""Rounds whose steps are remembered until their report comes."""
_FRAME_BYTES: Final = 4_096

_log = structlog.get_logger(__name__)


class Wanted(NamedTuple):
    """A certified report, by what its round is told from others."""

    epoch: int
    slot: int
    time_ns: int
    digest: bytes


class Rounds:
    """The rounds of the newest certified reports."""

    def __init__(self, bus: Bus, deployment: str, metrics: CommitteeMetrics) -> None:
        self._bus, self._deployment, self._metrics = bus, deployment, metrics
        self._held: Final[OrderedDict[bytes, bytes]] = OrderedDict()
        self._held_bytes = 0
        self._seen: Final[OrderedDict[tuple[int, int], dict[int, int]]] = OrderedDict()
        self._waiting: Final[deque[CertifiedRound]] = deque()
        self._waiting_bytes = 0
        self._missing: Final[deque[Wanted]] = deque(maxlen=HELD)
        self._came, self._lacks = asyncio.Event(), asyncio.Event()

    def saw(self, slot: int, view: int, steps: Mapping[int, int]) -> None:
        """Note which step of each shard this member observed in a round."""
        self._seen[slot, view] = dict(steps)
        if len(self._seen) > _SEEN:
            self._seen.popitem(last=False)

    def held(self, digest: bytes) -> bytes | None:
        """Return the `Proposed` bytes that the report with this digest was made from."""
        return self._held.get(digest)

    def take(self, wanted: Wanted, proposed: bytes | None) -> None:
        """Hold and publish what a certified report was made from; None: peers must be asked."""
        if proposed is None:
            if len(self._missing) == HELD:
                self.give_up(self._missing[0])
            self._missing.append(wanted)
            self._lacks.set()
            return
        if wanted.digest in self._held:
            return
        self._hold(wanted.digest, proposed)
        proposal = Proposed.decode(proposed).proposal
        steps = self._seen.get((proposal.slot, proposal.view), {})
        made = CertifiedRound(
            self._deployment, wanted.epoch, wanted.slot, wanted.time_ns, proposal.encode(), steps
        )
        if len(made.proposal) > MESSAGE_BYTES - _FRAME_BYTES:
            self._metrics.round_lost("too_large")
            return
        self._waiting.append(made)
        self._waiting_bytes += len(made.proposal)
        while len(self._waiting) > HELD or self._waiting_bytes > HELD_BYTES:
            self._pop_waiting()  # the oldest gives way: other members' have it
            self._metrics.round_lost("bus_away")
        self._came.set()

    def _pop_waiting(self) -> None:
        self._waiting_bytes -= len(self._waiting.popleft().proposal)

    def _hold(self, digest: bytes, proposed: bytes) -> None:
        self._held[digest] = proposed
        self._held_bytes += len(proposed)
        while len(self._held) > HELD or self._held_bytes > HELD_BYTES:
            _, old = self._held.popitem(last=False)
            self._held_bytes -= len(old)

    async def missing(self) -> Wanted:
        """Return the oldest that peers must be asked for, as soon as there is one."""
        while not self._missing:
            self._lacks.clear()
            await self._lacks.wait()
        return self._missing[0]

    def found(self, wanted: Wanted, proposed: bytes) -> None:
        """Take what a report was made from: its observations, its leader and its base checked."""
        if wanted in self._missing:
            self._missing.remove(wanted)
        self.take(wanted, proposed)

    def give_up(self, wanted: Wanted) -> None:
        """Ask for a round no more: this member's archive will not have it."""
        if wanted in self._missing:
            self._missing.remove(wanted)
            self._metrics.round_lost("not_found")
            advice = "other members' archives have it"
            _log.warning("round_not_found", slot=wanted.slot, advice=advice)

    async def run(self) -> None:
        """Publish what is taken until cancelled; what the bus does not take is tried again."""
        pause_s = FIRST_PAUSE_S
        while True:
            await self._came.wait()
            batch = list(self._waiting)
            try:
                await self._bus.publish(Topic.ROUNDS, [(self._deployment, one) for one in batch])
            except Retryable as error:
                if pause_s == FIRST_PAUSE_S:
                    _log.error("rounds_not_published", waiting=len(batch), why=str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                continue
            pause_s = FIRST_PAUSE_S
            self._metrics.rounds_published.inc(len(batch))
            published = set(map(id, batch))
            while self._waiting and id(self._waiting[0]) in published:
                self._pop_waiting()
            if not self._waiting:
                self._came.clear()
