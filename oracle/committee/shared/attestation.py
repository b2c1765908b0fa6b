"""The loop that signs: at the first complete step of every slot, one report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from oracle.bus.interface import Bus
from oracle.committee.journal import Signed, SigningJournal
from oracle.committee.rounds.median import combine
from oracle.committee.rounds.observing import seen
from oracle.committee.shared.key_set import KeySet
from oracle.committee.steps import Steps, View
from oracle.committee.wire.observation import Last, Observation
from oracle.committee.wire.proposal import Base, Proposal, Proposed
from oracle.keys.signer import Signer
from oracle.model.errors import ConfigError, Retryable
from oracle.model.messages import CertifiedRound, SignedReport
from oracle.model.times import MS_NS
from oracle.model.topics import Topic
from oracle.report.committee import Committee
from oracle.report.report import Unsigned, sign_complete
from oracle.report.signature import COMPACT_BYTES
from oracle.report.word import report_ms

_NOT_SIGNED: Final = bytes(COMPACT_BYTES)

_log = structlog.get_logger(__name__)


class Attestor:
    """Signs the newest marks with every key it holds, over one shared view."""

    def __init__(
        self,
        bus: Bus,
        committee: Committee,
        signers: Sequence[Signer],
        markets: Mapping[str, int],
        slot_ns: int,
        journal: SigningJournal,
        now_ns: Callable[[], int] = time.time_ns,
        registry: CollectorRegistry = REGISTRY,
        shards: int = 1,
        config_hash: bytes = bytes(32),
    ) -> None:
        """Bind keys to members; `config_hash` is what the marks are made by.

        Raises:
            ConfigError: a key that is no member's, fewer keys than the threshold, a slot that
                reports cannot tell apart, or the journal of another deployment.
        """
        if slot_ns < MS_NS or slot_ns % MS_NS:
            raise ConfigError(
                f"committee.slot of {slot_ns} ns: reports carry ms, so give whole ms, at least 1"
            )
        self._bus, self._committee, self._slot_ns = bus, committee, slot_ns
        self._deployment = "0x" + committee.salt.hex()
        self._config_hash = config_hash
        self._journal, self._now_ns = journal, now_ns
        self._keys = KeySet(_by_member(committee, signers), committee.threshold)
        self._steps = Steps(markets, shards)
        self._behind = self._failing = False
        self._unpublished = True
        """What is in the journal may not have got out."""
        self._failures = Counter(
            "plumbline_report_failures_total",
            "Times that a report was not signed or published, to be tried again",
            registry=registry,
        )
        self._reports = Counter("plumbline_reports_total", "Reports signed", registry=registry)
        self._seconds = Histogram(
            "plumbline_sign_seconds", "From a slot's marks to its report", registry=registry
        )
        self._time = Gauge(
            "plumbline_report_timestamp_seconds",
            "Time of the marks in the newest report",
            registry=registry,
        )
        journal.require(self._deployment)

    async def run(self) -> None:
        """Sign until cancelled; begin with what was signed last, which may not have got out.

        Keys, a disk or a bus that fail are tried again at the next step.
        """
        async with self._bus.subscribe(Topic.STEPS, Topic.MARKS) as engines:
            view = None
            while True:
                await self._try(view)
                while (view := self._steps.take(await engines.take())) is None:
                    pass

    async def _try(self, view: View | None) -> None:
        """Sign a view that is due; before it, what is in the journal and did not get out."""
        try:
            if self._unpublished:
                await self._publish_again()
            if view is not None:
                await self._sign_due(view)
        except Retryable as error:
            self._failures.inc()
            if not self._failing:
                _log.error("report_not_signed", why=str(error))
            self._failing = True
        else:
            if self._failing:
                _log.info("reports_signed_again")
            self._failing = False

    async def _sign_due(self, view: View) -> None:
        if not self.is_due(view.time_ns):
            self._notice_clock(view.time_ns)
            return
        self._behind = False
        await self._publish(*await self.sign(view))

    def is_due(self, time_ns: int) -> bool:
        """Whether a step at `time_ns` lies in a slot that has no report yet, and after it."""
        newest = self._journal.newest
        return newest is None or (
            self._slot_of(time_ns) > newest.slot and report_ms(time_ns) > report_ms(newest.time_ns)
        )

    def _slot_of(self, time_ns: int) -> int:
        return report_ms(time_ns - time_ns % self._slot_ns)

    async def sign(self, view: View) -> tuple[SignedReport, CertifiedRound]:
        """Sign one view, once it is in the journal; return the report and what it is made from."""
        with self._seconds.time():
            report, proposal = await self._journalled(view)
            # At once: a key in a vault takes its time.
            signed, made = await asyncio.gather(
                self._report(report, view.time_ns), self._round(proposal, view.time_ns)
            )
        steps = {int(manifest.group): manifest.sequence for manifest in view.manifests}
        return signed, msgspec.structs.replace(made, steps=steps)

    async def _journalled(self, view: View) -> tuple[Unsigned, Proposal]:
        """Return a view's report and the round it is made from, once they are in the journal.

        The round is that of members with engines of their own, with one observation.
        """
        observation = await self._observed(view)
        known_ms = self._group_ms(self._journal.newest)
        prev_ms = max(known_ms.values(), default=0)
        report = combine([observation], 0, prev_ms)
        committee, slot = self._committee, observation.slot
        proposal = Proposal(
            committee.salt, committee.epoch, slot, 0, observation.member, prev_ms, (observation,)
        ).signed(_NOT_SIGNED)
        times = dict.fromkeys(range(len(report.leaves)), observation.time_ms)
        signed = Signed(
            deployment=self._deployment,
            epoch=report.epoch,
            slot=report.slot,
            time_ns=view.time_ns,
            digest=report.digest(committee.salt).hex(),
            group_ms={**known_ms, **times},
            body=report.encode(),
            proposal=Proposed(proposal, Base()).encode(),
        )
        self._unpublished = True
        await asyncio.to_thread(self._journal.write, signed)
        return report, proposal

    async def _observed(self, view: View) -> Observation:
        """Return what the view says as an observation, signed by the first key that works."""
        said = seen(view)
        unsigned = Observation(
            salt=self._committee.salt,
            epoch=self._committee.epoch,
            slot=self._slot_of(view.time_ns),
            view=0,
            member=0,
            time_ns=view.time_ns,
            config_hash=self._config_hash,
            inputs_root=said.inputs_root,
            state_digest=said.state_digest,
            last=Last(),
            words=said.words,
        )
        member, signature = await self._keys.sign_one(
            lambda number: unsigned._replace(member=number).message()
        )
        return unsigned._replace(member=member).signed(signature)

    def _group_ms(self, previous: Signed | None) -> dict[int, int]:
        """Return each group's time in this epoch: its chain begins with it, here as elsewhere."""
        same_epoch = previous is not None and previous.epoch == self._committee.epoch
        return previous.group_ms if previous is not None and same_epoch else {}

    async def _report(self, report: Unsigned, time_ns: int) -> SignedReport:
        signatures = await self._keys.sign(report.message(self._committee.salt))
        return SignedReport(
            deployment=self._deployment,
            epoch=report.epoch,
            slot=report.slot,
            time_ns=time_ns,
            signed_ns=self._now_ns(),
            shared_view=len(self._keys) > 1,
            body=sign_complete(report, signatures, self._committee.threshold),
        )

    async def _round(self, proposal: Proposal, time_ns: int) -> CertifiedRound:
        leader, signature = await self._keys.sign_one(
            lambda number: proposal._replace(leader=number).message()
        )
        data = proposal._replace(leader=leader).signed(signature).encode()
        return CertifiedRound(self._deployment, proposal.epoch, proposal.slot, time_ns, data)

    async def _publish(self, signed: SignedReport, made: CertifiedRound | None) -> None:
        await self._bus.publish(Topic.REPORTS, [(signed.deployment, signed)])
        if made is not None:
            await self._bus.publish(Topic.ROUNDS, [(signed.deployment, made)])
        self._unpublished = False
        self._reports.inc()
        self._time.set(signed.time_ns / 1e9)

    async def _publish_again(self) -> None:
        last = self._journal.newest
        if last is None or last.epoch != self._committee.epoch:
            return  # an epoch that ended takes no more signatures
        report = Unsigned.decode(last.body)
        if report.digest(self._committee.salt).hex() != last.digest:
            raise ConfigError("the signing journal's report is not the one it says was signed")
        signed = await self._report(report, last.time_ns)
        made = None
        if last.proposal:
            made = await self._round(Proposed.decode(last.proposal).proposal, last.time_ns)
        await self._publish(signed, made)

    def _notice_clock(self, time_ns: int) -> None:
        """Say once that marks are older than what was signed: until they are not, nothing is."""
        newest = self._journal.newest
        if newest is None or self._behind or self._slot_of(time_ns) >= newest.slot:
            return
        self._behind = True
        _log.warning(
            "marks_before_last_report",
            behind_s=(newest.time_ns - time_ns) / 1e9,
            hint="a clock went back, or was ahead when it signed: nothing is signed until marks "
            "pass that time",
        )


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
