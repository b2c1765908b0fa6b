"""Seven members in one process: real HTTP between them, each with a bus and marks of its own."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry

from oracle.bus.memory import MemoryBus
from oracle.committee.evidence.file import EvidenceFile
from oracle.committee.evidence.file import read as read_evidence
from oracle.committee.journal import SigningJournal
from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.peering.http import KeptAlive, NoAnswer, Said
from oracle.committee.peering.transport import Peer
from oracle.committee.rounds.rules import AcceptedConfig, Rules
from oracle.committee.running.node import Files, Node, Seat
from oracle.keys.signer import LocalSigner, Signer
from oracle.model.fixed import Px, float_nearest
from oracle.model.messages import Mark, SignedReport, StepManifest
from oracle.model.topics import Topic
from oracle.model.validity import PRICED, BreakerState, Validity
from oracle.report.committee import Committee
from oracle.report.word import GroupWord
from tests.ports import free_ports
from tests.vectors.generate import address, members

SALT = bytes(range(32))
KEYS = members()
COMMITTEE = Committee(SALT, 1, 5, tuple(address(key) for key in KEYS))
CONFIG = b"\x01" * 32
MARKETS = {"BTC-USD": 0, "ETH-USD": 1}
PRICE_E2 = 6_000_000
"""Honest members see this price, a little apart: member n has it n cents higher."""
SLOT_MS, VIEW_MS = 300, 150
DEADLINE_S = 240.0


@dataclass
class View:
    """What one member's engine says, as a test wants it."""

    price_e2: int
    validity: Validity = Validity.VALID
    running: bool = True
    conf_e8: int = 5_000
    premium_e8: int = 100


@dataclass
class Links:
    """Which members cannot reach which: requests fail, or hang until they time out."""

    ports: dict[int, int]
    cut: set[tuple[int, int]] = field(default_factory=set)
    slow_s: dict[int, float] = field(default_factory=dict)
    """Requests to and from this member take so much longer."""

    def isolate(self, cut_off: Iterable[int]) -> None:
        """Cut some members off from all others, not from each other."""
        away = set(cut_off)
        self.cut = {(a, b) for a in range(7) for b in range(7) if (a in away) != (b in away)}


class LinkHttp:
    """The network as one member has it."""

    def __init__(self, number: int, links: Links) -> None:
        self._number, self._links, self._http = number, links, KeptAlive()
        self._by_port = {port: n for n, port in links.ports.items()}

    async def post(
        self, base: str, path: str, headers: Mapping[str, str], body: bytes, most_bytes: int
    ) -> Said:
        """Pass a request on, or not."""
        to = self._by_port[int(base.rpartition(":")[2])]
        if (self._number, to) in self._links.cut:
            raise NoAnswer("cut by the test")
        slow_s = self._links.slow_s
        await asyncio.sleep(slow_s.get(self._number, 0.0) + slow_s.get(to, 0.0))
        return await self._http.post(base, path, headers, body, most_bytes)

    async def aclose(self) -> None:
        """Close the real connections."""
        await self._http.aclose()


class Running:
    """One member that runs, and what it has published."""

    def __init__(self, number: int, cluster: Cluster, config: bytes) -> None:
        self.number, self._cluster = number, cluster
        self.registry = CollectorRegistry()
        self.bus = MemoryBus()
        self.view = View(PRICE_E2 + number)
        self.offset_ns = 0
        self.reports: list[SignedReport] = []
        folder = cluster.folder / str(number)
        folder.mkdir(exist_ok=True)
        self.evidence_path = folder / "evidence.bin"
        self._journal = SigningJournal(folder / "signed.json")
        self._evidence = EvidenceFile(self.evidence_path)
        signer = cluster.signers.get(number, LocalSigner(KEYS[number].secret))
        peers = [
            Peer(n, COMMITTEE.members[n], f"http://127.0.0.1:{port}")
            for n, port in cluster.links.ports.items()
            if n != number
        ]
        http = LinkHttp(number, cluster.links)
        make = cluster.makers.get(number, Node)
        self.node = make(
            self.bus,
            cluster.rules(config),
            Seat(signer, "127.0.0.1", cluster.links.ports[number], peers, http),
            Files(self._journal, self._evidence, folder / "newest"),
            MARKETS,
            CommitteeMetrics(self.registry),
            self.now_ns,
        )
        self._tasks: list[asyncio.Task[None]] = []

    def now_ns(self) -> int:
        """Return the time by this member's clock."""
        return time.time_ns() + self.offset_ns

    def start(self) -> None:
        """Run the node, its marks, and the reader of its reports."""
        loops = (self.node.run, self._marks, self._read)
        self._tasks = [asyncio.create_task(loop()) for loop in loops]

    async def stop(self) -> None:
        """Stop without any farewell."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._journal.close()
        self._evidence.close()

    def failed(self) -> BaseException | None:
        """Return what ended a loop of this member, if anything did."""
        done = [task for task in self._tasks if task.done() and not task.cancelled()]
        return next((task.exception() for task in done if task.exception()), None)

    async def _marks(self) -> None:
        """Publish a step at the beginning of every view, as a stepper with boundaries does."""
        sequence = 0
        while True:
            left_ns = VIEW_MS * 10**6 - self.now_ns() % (VIEW_MS * 10**6)
            await asyncio.sleep(left_ns / 1e9 + 0.001)
            if not self.view.running:
                continue
            sequence += 1
            now_ns = self.now_ns()
            manifest = StepManifest("0", sequence, now_ns, 1, {0: sequence}, {}, {})
            await self.bus.publish(Topic.STEPS, [("0", manifest)])
            marks = [self._mark(name, number, sequence, now_ns) for name, number in MARKETS.items()]
            await self.bus.publish(Topic.MARKS, [(mark.market, mark) for mark in marks])

    def _mark(self, market: str, number: int, sequence: int, now_ns: int) -> Mark:
        priced = self.view.validity in PRICED
        return Mark(
            market, number, sequence, now_ns, self.view.validity, "", BreakerState.NORMAL,
            Px(self.view.price_e2, -2), Px(self.view.price_e2, -2) if priced else None, None,
            self.view.conf_e8, self.view.premium_e8, now_ns, now_ns, (),
        )  # fmt: skip

    async def _read(self) -> None:
        async with self.bus.subscribe(Topic.REPORTS) as reader:
            while True:
                self.reports += [record.message for record in await reader.take()]

    def words(self, since: int = 0) -> list[GroupWord]:
        """Return the decoded group words of the reports published from the `since`-th on."""
        found = []
        for report in self.reports[since:]:
            decoded = COMMITTEE.verify(report.body)
            found += [leaf.decoded() for leaf in decoded.leaves]
        return found

    def prices_e2(self, since: int = 0) -> list[int | None]:
        """Return every price that was published, None where there was none."""
        return [
            None if entry.price is None else round(float_nearest(entry.price) * 100)
            for word in self.words(since)
            for entry in word.entries[: len(MARKETS)]
        ]

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of a metric over all its series with these labels."""
        return sum(
            sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


class Cluster:
    """Seven members, their network, and what became of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.links = Links(dict(enumerate(free_ports(7))))
        self.members: dict[int, Running] = {}
        self.makers: dict[int, Callable[..., Node]] = {}
        """Makers of nodes that are not honest."""
        self.signers: dict[int, Signer] = {}
        self.configs: tuple[AcceptedConfig, ...] = ()
        """Accepted besides a member's own."""

    def rules(self, config: bytes) -> Rules:
        """Return the rules of one member."""
        return Rules(COMMITTEE, (AcceptedConfig(config), *self.configs), SLOT_MS, VIEW_MS)

    def start(self, *numbers: int, config: bytes = CONFIG) -> None:
        """Start members, anew if they ran before."""
        for number in numbers:
            self.members[number] = Running(number, self, config)
            self.members[number].start()

    async def stop(self, *numbers: int) -> None:
        """Stop members."""
        for number in numbers:
            await self.members[number].stop()

    def published(self, number: int) -> int:
        """Return how many reports a member has published."""
        return len(self.members[number].reports)

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds."""
        ends = time.monotonic() + DEADLINE_S
        while not holds():
            for member in self.members.values():
                if (error := member.failed()) is not None:
                    raise error
            assert time.monotonic() < ends, f"not within {DEADLINE_S} s: {what}"
            await asyncio.sleep(0.02)

    async def more(self, count: int, *numbers: int) -> None:
        """Wait until each of these members has published `count` more reports."""
        wanted = {n: self.published(n) + count for n in numbers}
        await self.until(
            lambda: all(self.published(n) >= least for n, least in wanted.items()),
            f"{count} more reports at {numbers}: {[self.published(n) for n in self.members]}",
        )

    def evidence(self, number: int) -> list[tuple[str, int]]:
        """Return kind and culprit of what a member has kept, each of it verified."""
        found = read_evidence(self.members[number].evidence_path)
        for one in found:
            one.verify(COMMITTEE)
        return [(one.kind.name, one.member) for one in found]


@contextlib.asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Cluster]:
    """Hold a cluster, and stop whatever runs of it at the end."""
    made = Cluster(folder)
    try:
        yield made
    finally:
        for running in made.members.values():
            await running.stop()
