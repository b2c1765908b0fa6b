"""One member among its peers: what it is made of, and the loops that run it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

import structlog

from oracle.bus.interface import Bus, Subscription
from oracle.committee.evidence.file import EvidenceFile
from oracle.committee.journal import SigningJournal
from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.peering.gate import Gate
from oracle.committee.peering.http import Http
from oracle.committee.peering.peers import Peers
from oracle.committee.peering.sessions import OwnSession
from oracle.committee.peering.transport import Peer
from oracle.committee.peering.trust import Sessions
from oracle.committee.rounds.member import Member
from oracle.committee.rounds.rules import Rules
from oracle.committee.running.answering import Handlers
from oracle.committee.running.catching_up import CatchUp
from oracle.committee.running.health import HealthWatch
from oracle.committee.running.keeping import Keeper
from oracle.committee.running.leading import Leader
from oracle.committee.running.observer import Observer
from oracle.committee.running.patience import Patience
from oracle.committee.running.reports import Reports
from oracle.committee.steps import Steps
from oracle.keys.signer import Signer
from oracle.listening import Keys, serving
from oracle.model.errors import ConfigError, Rejected
from oracle.model.topics import Topic
from oracle.report.word import GROUP_SIZE

LISTEN_KEYS: Final = Keys("committee.listen", "committee.listen")
LOOK_S: Final = 0.25
REQUESTS_A_SLOT: Final = 12
"""What one honest peer may need of us, with views, fetches and repeats."""

_log = structlog.get_logger(__name__)


class Seat(NamedTuple):
    """A member's place: its key, where it listens, where the others do."""

    signer: Signer
    host: str
    port: int
    peers: Sequence[Peer]
    """All other members."""
    http: Http | None = None
    """What carries requests to them; by default the network."""


class Files(NamedTuple):
    """What a member keeps on disk; what is None is not kept."""

    journal: SigningJournal
    evidence: EvidenceFile | None
    newest: Path | None


class Node:
    """Runs a member over a bus that carries its own engine's steps and marks."""

    leader_class: ClassVar[type[Leader]] = Leader
    keeper_class: ClassVar[type[Keeper]] = Keeper
    observer_class: ClassVar[type[Observer]] = Observer

    def __init__(
        self,
        bus: Bus,
        rules: Rules,
        seat: Seat,
        files: Files,
        markets: Mapping[str, int],
        metrics: CommitteeMetrics,
        now_ns: Callable[[], int] = time.time_ns,
        shards: int = 1,
    ) -> None:
        """Take the seat.

        Raises:
            ConfigError: the key is no member's, the rules are unsafe, or the journal another's.
        """
        self._bus, self._rules, self._seat, self._now_ns = bus, rules, seat, now_ns
        committee = rules.committee
        number = _number(rules, seat.signer.address)
        started_ms = now_ns() // 10**6
        member = Member(number, rules, files.journal, started_ms)
        salt, own = "0x" + committee.salt.hex(), OwnSession(committee.salt, seat.signer)
        sessions = Sessions(committee.salt, committee.members)
        self.reports: Final = Reports(bus, salt, metrics, files.newest, now_ns)
        self._keeper = self.keeper_class(member, seat.signer, self.reports, files.evidence, metrics)
        self.peers: Final = Peers(seat.peers, own, sessions, metrics, now_ns, seat.http)
        self._catch_up = CatchUp(self._keeper, self.peers, metrics, rules.slot_ms / 1e3)
        patience = Patience(rules, self.reports, started_ms)
        leader = self.leader_class(
            self._keeper, self.peers, self._catch_up, patience, metrics, now_ns
        )
        self.health: Final = HealthWatch(self._keeper, self.peers, metrics, started_ms)
        self._observer = self.observer_class(
            self._keeper, self.peers, leader, patience, self.health, metrics
        )
        groups = max(markets.values()) // GROUP_SIZE + 1
        handlers = Handlers(self._keeper, leader, self._catch_up, metrics, groups, now_ns)
        self._gate = Gate(
            committee.members,
            own,
            sessions,
            handlers.routes(),
            lambda: self.health.reasons(self._now_ms()),
            metrics,
            max(20.0, REQUESTS_A_SLOT * 1e3 / rules.slot_ms),
            now_ns,
        )
        self._steps = Steps(markets, shards, rules.view_ms * 10**6)

    @property
    def number(self) -> int:
        """Our place among the members."""
        return self._keeper.member.number

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            ConfigError: the port is taken.
            Retryable: the bus was lost.
        """
        try:
            async with (
                serving(
                    self._gate, self._seat.host, self._seat.port, LISTEN_KEYS, limit=None
                ) as at,
                self._bus.subscribe(Topic.STEPS, Topic.MARKS) as engines,
            ):
                _log.info("member_listening", member=self.number, url=at.url)
                await self._restore()
                await _first_ended(
                    self._follow(engines),
                    self._look(),
                    self.reports.run(),
                    self.reports.rounds.run(),
                    self._catch_up.follow_rounds(),
                )
        finally:
            await self.peers.aclose()
            self._keeper.close()

    async def _follow(self, engines: Subscription) -> None:
        while True:
            view = self._steps.take(await engines.take())
            if view is not None:
                await self._observer.step(view)

    async def _restore(self) -> None:
        """Go on from the newest report of the run before, and from what the others have."""
        stored = self.reports.stored()
        if stored is not None:
            try:
                await self._keeper.take([stored])
            except Rejected as error:
                _log.warning("newest_report_unusable", why=str(error))
        self.peers.start(self._catch_up.ask_all())

    async def _look(self) -> None:
        """Account for slots; ask one peer after the other while reports do not come."""
        turn = 0
        while True:
            await asyncio.sleep(LOOK_S)
            now_ms = self._now_ms()
            self.health.look(now_ms)
            if now_ms - self.reports.taken_ns // 10**6 > 3 * self._rules.slot_ms:
                numbers = self.peers.reachable
                if numbers:
                    turn += 1
                    self.peers.start(self._catch_up.ask(numbers[turn % len(numbers)]))

    def _now_ms(self) -> int:
        return self._now_ns() // 10**6


async def _first_ended(*loops: Coroutine[Any, Any, None]) -> None:
    """Run loops until one ends, and raise what it raised; the others are cancelled."""
    running = [asyncio.create_task(loop) for loop in loops]
    try:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()
    finally:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _number(rules: Rules, address: bytes) -> int:
    members = rules.committee.members
    if address not in members:
        raise ConfigError(
            f"key 0x{address.hex()} is no member of epoch {rules.committee.epoch}: add its address "
            "to committee.members or give another keystore"
        )
    return members.index(address)
