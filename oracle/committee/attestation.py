"""The loop that signs: at the first complete step of every slot, one report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog
from eth_hash.auto import keccak
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram

from oracle.bus.interface import Bus, Record
from oracle.committee.assemble import leaves_of
from oracle.committee.journal import Signed, SigningJournal
from oracle.committee.signer import Signer
from oracle.model.errors import ConfigError
from oracle.model.messages import Mark, SignedReport, StepManifest, encode
from oracle.model.topics import Topic
from oracle.report.committee import Committee
from oracle.report.report import Leaf, Unsigned, sign_complete

_log = structlog.get_logger(__name__)
_KEPT_STEPS = 64


class Attestor:
    """Signs the newest marks with every key it holds, over one shared view."""

    def __init__(
        self,
        bus: Bus,
        committee: Committee,
        signers: Sequence[Signer],
        markets: Sequence[str],
        slot_ns: int,
        journal: SigningJournal,
        now_ns: Callable[[], int] = time.time_ns,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        """Bind keys to members.

        Raises:
            ConfigError: a key that is no member's, or fewer keys than the threshold.
        """
        self._bus, self._committee, self._slot_ns = bus, committee, slot_ns
        self._journal, self._now_ns = journal, now_ns
        self._signers = _by_member(committee, signers)
        self._markets = frozenset(markets)
        self._newest: dict[str, Mark] = {}
        self._steps: dict[int, StepManifest] = {}
        self._reports = Counter("plumbline_reports_total", "Reports signed", registry=registry)
        self._seconds = Histogram(
            "plumbline_sign_seconds", "From a slot's marks to its report", registry=registry
        )

    async def run(self) -> None:
        """Sign until cancelled."""
        async with self._bus.subscribe(Topic.STEPS, Topic.MARKS) as view:
            while True:
                self._take(await view.take())
                if self._due():
                    await self._attest()

    def _take(self, records: Sequence[Record]) -> None:
        for record in records:
            if isinstance(record.message, StepManifest):
                self._steps[record.message.sequence] = record.message
            elif isinstance(record.message, Mark) and record.message.market in self._markets:
                self._newest[record.message.market] = record.message
        for old in sorted(self._steps)[:-_KEPT_STEPS]:
            del self._steps[old]

    def _due(self) -> bool:
        """Whether all marks of one step are here, and their slot and times are new."""
        if self._newest.keys() != self._markets:
            return False
        step = {mark.sequence for mark in self._newest.values()}
        if len(step) != 1 or next(iter(step)) not in self._steps:
            return False
        return self.is_due(next(iter(self._newest.values())).time_ns)

    def is_due(self, time_ns: int) -> bool:
        """Whether a step at `time_ns` lies in a slot that has no report yet."""
        newest = self._journal.newest
        return newest is None or time_ns // self._slot_ns > newest.slot

    async def _attest(self) -> None:
        marks = list(self._newest.values())
        signed = await self.sign(marks, self._steps[marks[0].sequence])
        await self._bus.publish(Topic.REPORTS, [(signed.deployment, signed)])
        self._reports.inc()

    async def sign(self, marks: Sequence[Mark], step: StepManifest) -> SignedReport:
        """Sign one step's marks, once they are in the journal."""
        with self._seconds.time():
            previous = self._journal.newest
            by_number = {mark.number: mark for mark in marks}
            leaves = leaves_of(by_number, previous.group_ms if previous else {})
            inputs_root, slot = keccak(encode(step)), step.time_ns // self._slot_ns
            report = Unsigned(self._committee.epoch, slot, inputs_root, leaves)
            digest = report.digest(self._committee.salt)
            await self._remember(report, digest, leaves)
            made = [signer.sign(digest) for signer in self._signers.values()]
            signatures = dict(zip(self._signers, await asyncio.gather(*made), strict=True))
        return SignedReport(
            deployment="0x" + self._committee.salt.hex(),
            epoch=report.epoch,
            slot=slot,
            time_ns=step.time_ns,
            signed_ns=self._now_ns(),
            shared_view=len(self._signers) > 1,
            body=sign_complete(report, signatures, self._committee.threshold),
        )

    async def _remember(self, report: Unsigned, digest: bytes, leaves: Sequence[Leaf]) -> None:
        times = {leaf.group: leaf.decoded().time_ms for leaf in leaves}
        signed = Signed(report.epoch, report.slot, digest.hex(), times)
        await asyncio.to_thread(self._journal.write, signed)


def _by_member(committee: Committee, signers: Sequence[Signer]) -> dict[int, Signer]:
    bound: dict[int, Signer] = {}
    for signer in signers:
        if signer.address not in committee.members:
            raise ConfigError(
                f"key 0x{signer.address.hex()} is no member of epoch {committee.epoch}: "
                "add its address to committee.members or remove its keystore"
            )
        bound[committee.members.index(signer.address)] = signer
    if len(bound) < committee.threshold:
        raise ConfigError(
            f"{len(bound)} keys cannot reach the threshold of {committee.threshold}: "
            "one process must hold at least that many while it signs a shared view"
        )
    return dict(sorted(bound.items()))
