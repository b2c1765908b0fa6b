"""Keys that fail and work again: no process ends, no report is lost or passed over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from oracle.bus.interface import Subscription
from oracle.bus.memory import MemoryBus
from oracle.committee.journal import SigningJournal
from oracle.committee.peering.sessions import RETRY_MS, OwnSession
from oracle.committee.shared.attestation import Attestor
from oracle.committee.wire.requests import SESSION_MS
from oracle.keys.signer import LocalSigner
from oracle.model.errors import Retryable
from oracle.model.fixed import Px
from oracle.model.messages import Mark, StepManifest
from oracle.model.topics import Topic
from oracle.model.validity import BreakerState, Validity
from oracle.report.committee import Committee
from oracle.report.report import Report
from tests.unit.committee_node.links import KEYS, MEMBERS, NOW_NS, PATH, SALT
from tests.unit.committee_node.signers import Moody, Together

S = 10**9
COMMITTEE = Committee(SALT, 1, 5, MEMBERS)


class Signing:
    """An attestor of all seven keys, and the bus around it."""

    def __init__(self, committee: Committee = COMMITTEE, **signers: LocalSigner) -> None:
        self.bus, self.registry = MemoryBus(), CollectorRegistry()
        self.signers = [Moody(key.secret) for key in KEYS]
        self.attestor = Attestor(
            self.bus, committee, list(signers.values()) or self.signers, {"X-USD": 0}, S,
            SigningJournal(None), now_ns=lambda: NOW_NS, registry=self.registry,
        )  # fmt: skip

    def set(self, *, well: bool) -> None:
        """Let all keys work, or all but one fail: it observes, and no report has a quorum."""
        for signer in self.signers[1:]:
            signer.well = well

    async def step(self, number: int) -> None:
        """Publish a step of its own slot."""
        time_ns = NOW_NS + number * S
        mark = Mark(
            "X-USD", 0, number, time_ns, Validity.VALID, "", BreakerState.NORMAL, Px(100, 0),
            Px(101, 0), None, 5000, 100, 0, 0, (),
        )  # fmt: skip
        manifest = StepManifest("0", number, time_ns, 1, {}, {}, {})
        await self.bus.publish(Topic.STEPS, [("0", manifest)])
        await self.bus.publish(Topic.MARKS, [("X-USD", mark)])

    async def failed(self, times: int) -> None:
        """Wait until so many reports were not signed."""
        name = "plumbline_report_failures_total"
        async with asyncio.timeout(30):
            while (self.registry.get_sample_value(name) or 0) < times:  # noqa: ASYNC110 - a counter
                await asyncio.sleep(0.002)


@asynccontextmanager
async def _signing(made: Signing | None = None) -> AsyncIterator[tuple[Signing, Subscription]]:
    made = made or Signing()
    async with made.bus.subscribe(Topic.REPORTS) as reader:
        running = asyncio.create_task(made.attestor.run())
        await asyncio.sleep(0)
        try:
            yield made, reader
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def _report(reader: Subscription, committee: Committee = COMMITTEE) -> Report:
    async with asyncio.timeout(30):
        (record,) = await reader.take(limit=1, timeout_s=30)
    return committee.verify(record.message.body)


async def test_a_report_does_not_wait_for_its_round_to_be_signed():
    """Nor the other way round: a vault is asked for both at once."""
    alone = Committee(SALT, 1, 1, MEMBERS[:1])
    async with _signing(Signing(alone, only=Together(KEYS[0].secret))) as (signing, reader):
        await signing.step(0)
        assert (await _report(reader, alone)).slot == NOW_NS // 10**6


async def test_an_attestor_outlives_its_keys_failing():
    """What was in the journal gets out first, once; the slots between stay empty, and no gap."""
    async with _signing() as (signing, reader):
        await signing.step(0)
        first = await _report(reader)
        with capture_logs() as logs:
            signing.set(well=False)
            for number in (1, 2, 3):
                await signing.step(number)
                await signing.failed(number)
            signing.set(well=True)
            await signing.step(4)
            late, newest = await _report(reader), await _report(reader)
            await signing.step(5)
            await _report(reader)
    assert [(report.slot - first.slot) // 1000 for report in (late, newest)] == [1, 4]
    times = [report.leaves[0].decoded().time_ms for report in (first, late)]
    assert [report.leaves[0].prev_ms for report in (late, newest)] == times
    events = [log["event"] for log in logs if not log["event"].startswith("key_")]
    assert events == ["report_not_signed", "reports_signed_again"]


async def test_a_session_is_kept_while_it_cannot_be_renewed():
    """A vault that is away at renewal silences nobody for the half hour that the session has."""
    signer = Moody(KEYS[0].secret)
    own = OwnSession(SALT, signer)
    first = (await own.envelope(MEMBERS[1], PATH, b"", NOW_NS)).session
    signer.well = False
    half_ns = NOW_NS + (SESSION_MS // 2 + 1) * 10**6
    with capture_logs() as logs:
        for n in range(20):
            envelope = await own.envelope(MEMBERS[1], PATH, b"", half_ns + n)
            assert envelope.session == first
    assert signer.asked == 2  # not for every request
    assert [log["event"] for log in logs] == ["session_not_renewed"]
    over_ns = NOW_NS + (SESSION_MS + 1) * 10**6
    with pytest.raises(Retryable):
        await own.envelope(MEMBERS[1], PATH, b"", over_ns)
    signer.well = True
    assert (await own.envelope(MEMBERS[1], PATH, b"", over_ns)).session != first


async def test_a_renewal_that_failed_is_tried_again():
    """Once the vault is back the next session begins well before the old one ends."""
    signer = Moody(KEYS[0].secret)
    own = OwnSession(SALT, signer)
    first = (await own.envelope(MEMBERS[1], PATH, b"", NOW_NS)).session
    half_ns = NOW_NS + (SESSION_MS // 2 + 1) * 10**6
    signer.well = False
    assert (await own.envelope(MEMBERS[1], PATH, b"", half_ns)).session == first
    signer.well = True
    again_ns = half_ns + RETRY_MS * 10**6
    assert (await own.envelope(MEMBERS[1], PATH, b"", again_ns)).session != first


async def test_a_renewal_that_takes_long_holds_nobody_up():
    """While one request waits for the vault, the others go out with the session that lasts."""
    asked, release = asyncio.Event(), asyncio.Event()

    class Slow(Moody):
        async def sign(self, message: bytes) -> bytes:
            if self.asked:
                asked.set()
                await release.wait()
            return await super().sign(message)

    own = OwnSession(SALT, Slow(KEYS[0].secret))
    first = (await own.envelope(MEMBERS[1], PATH, b"", NOW_NS)).session
    half_ns = NOW_NS + (SESSION_MS // 2 + 1) * 10**6
    renewing = asyncio.create_task(own.envelope(MEMBERS[1], PATH, b"", half_ns))
    await asked.wait()
    assert (await own.envelope(MEMBERS[1], PATH, b"", half_ns)).session == first
    release.set()
    assert (await renewing).session != first
