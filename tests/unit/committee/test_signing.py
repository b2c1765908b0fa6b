"""Keys, assembly, the signing journal and the attestation loop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from eth_hash.auto import keccak
from prometheus_client import CollectorRegistry

from oracle.bus.interface import Start
from oracle.bus.memory import MemoryBus
from oracle.committee.assemble import entry_of
from oracle.committee.journal import SigningJournal
from oracle.committee.rounds.median import combine
from oracle.committee.shared.attestation import Attestor
from oracle.committee.steps import View
from oracle.committee.wire.proposal import Proposal
from oracle.keys.signer import LocalSigner
from oracle.model.errors import ConfigError, Retryable
from oracle.model.fixed import Px
from oracle.model.messages import Mark, SignedReport, StepManifest, committed, encode
from oracle.model.topics import Topic
from oracle.model.validity import BreakerState, Validity
from oracle.report.committee import Committee
from oracle.report.word import LARGEST_CONF_E8, Entry
from tests.vectors.generate import address, members

S = 10**9
T0 = 1_790_000_000 * S
SALT = bytes(range(32))
KEYS = members()
COMMITTEE = Committee(SALT, 1, 5, tuple(address(key) for key in KEYS))
PASSWORD = "correct horse"


def _mark(number: int = 0, time_ns: int = T0, sequence: int = 1, **changes) -> Mark:
    fields = {
        "market": f"M{number}-USD", "number": number, "sequence": sequence, "time_ns": time_ns,
        "validity": Validity.VALID, "reason": "", "state": BreakerState.NORMAL,
        "index": Px(100, 0), "mark": Px(101, 0), "twap": None, "conf_e8": 5000, "premium_e8": 100,
        "newest_event_ns": 0, "newest_received_ns": 0, "sources": (),
    }  # fmt: skip
    return Mark(**(fields | changes))


def _step(sequence: int, time_ns: int) -> StepManifest:
    return StepManifest("0", sequence, time_ns, 0, {}, {}, {})


def _view(*marks: Mark, step: StepManifest) -> View:
    return View(step.time_ns, (step,), marks)


def test_a_signer_does_not_print_its_key():
    """Neither repr nor str of a signer shows more than the address."""
    signer = LocalSigner(KEYS[0].secret)
    assert KEYS[0].secret.hex() not in f"{signer!r}{signer}{vars(signer)}"


def test_a_key_of_no_member_is_refused():
    """A stray keystore is a mistake to be told, not ignored."""
    stranger = Committee(SALT, 1, 4, COMMITTEE.members[1:])
    with pytest.raises(ConfigError, match="is no member of epoch 1"):
        _attestor(MemoryBus(), committee=stranger)


def test_too_few_keys_are_refused():
    """A process that can never reach the threshold says so at once."""
    with pytest.raises(ConfigError, match="4 keys cannot reach the threshold of 5"):
        _attestor(MemoryBus(), keys=4)


@pytest.mark.parametrize(
    ("mark", "entry"),
    [
        (_mark(validity=Validity.HALTED, mark=None), Entry(Validity.HALTED)),
        (_mark(validity=Validity.MISSING, mark=None), Entry(Validity.MISSING)),
        (_mark(mark=Px(1, -30)), Entry(Validity.MISSING)),
        (_mark(mark=Px(1, 22)), Entry(Validity.MISSING)),
        (_mark(conf_e8=-1), Entry(Validity.MISSING)),
        (_mark(conf_e8=None), Entry(Validity.VALID, Px(101, 0), LARGEST_CONF_E8, 100)),
        (_mark(), Entry(Validity.VALID, Px(101, 0), 5000, 100)),
    ],
)
def test_what_a_report_says_of_a_mark(mark, entry):
    """Without a price, or out of a report's range, an entry carries none."""
    assert entry_of(mark) == entry


def _attestor(bus, committee=COMMITTEE, keys=7, journal=None, slot_ns=S) -> Attestor:
    signers = [LocalSigner(key.secret) for key in KEYS[:keys]]
    return Attestor(
        bus, committee, signers, {"M0-USD": 0, "M1-USD": 1}, slot_ns,
        journal or SigningJournal(None), now_ns=lambda: T0, registry=CollectorRegistry(),
    )  # fmt: skip


async def _reports(attestor_of, publish, count: int) -> list[SignedReport]:
    """Run an attestor while `publish` acts; return its first `count` reports, fewer if quiet."""
    bus = MemoryBus()
    taken: list[SignedReport] = []
    async with bus.subscribe(Topic.REPORTS) as reader:
        running = asyncio.create_task(attestor_of(bus).run())
        await asyncio.sleep(0)
        await publish(bus)
        while len(taken) < count and (records := await reader.take(timeout_s=0.5)):
            taken += [record.message for record in records]
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    return taken


async def _publish_step(bus, sequence: int, time_ns: int, numbers=(0, 1)) -> None:
    await bus.publish(Topic.STEPS, [("0", _step(sequence, time_ns))])
    marks = [_mark(number, time_ns, sequence) for number in numbers]
    await bus.publish(Topic.MARKS, [(mark.market, mark) for mark in marks])


async def test_a_complete_step_is_signed_by_a_quorum():
    """The report verifies under the committee, says shared_view, and chains prev_time."""

    async def publish(bus):
        await _publish_step(bus, 1, T0)
        await asyncio.sleep(0.05)
        await _publish_step(bus, 2, T0 + S)

    first, second = await _reports(_attestor, publish, 2)
    assert first.shared_view
    assert COMMITTEE.verify(first.body).leaves[0].prev_ms == 0
    assert COMMITTEE.verify(second.body).leaves[0].prev_ms == T0 // 10**6


async def test_one_report_a_slot():
    """Two steps in one slot give one report."""

    async def publish(bus):
        await _publish_step(bus, 1, T0)
        await asyncio.sleep(0.05)
        await _publish_step(bus, 2, T0 + S // 2)

    assert len(await _reports(_attestor, publish, 2)) == 1


async def test_an_incomplete_step_is_not_signed():
    """A market whose mark is not there yet holds the report back."""

    async def publish(bus):
        await _publish_step(bus, 1, T0, numbers=(0,))

    assert await _reports(_attestor, publish, 1) == []


async def test_no_slot_is_signed_twice_over_a_restart():
    """A restarted signer sends out again what it signed, and signs nothing else for that slot."""
    journal = SigningJournal(None)

    async def later_in_the_slot(bus):
        await _publish_step(bus, 2, T0 + S // 2)

    (first,) = await _reports(
        lambda bus: _attestor(bus, journal=journal), lambda bus: _publish_step(bus, 1, T0), 1
    )
    again = await _reports(lambda bus: _attestor(bus, journal=journal), later_in_the_slot, 2)
    assert [report.body for report in again] == [first.body]


async def test_what_was_journalled_but_not_published_gets_out(tmp_path: Path):
    """Killed between the journal and the bus, a signer leaves no hole that `prev_ms` points to."""
    before = SigningJournal(tmp_path / "signed.json")
    with pytest.raises(TimeoutError):
        await _attestor(_DeadBus(), journal=before).run()
    before.close()
    after = SigningJournal(tmp_path / "signed.json")
    reports = await _reports(
        lambda bus: _attestor(bus, journal=after), lambda bus: _publish_step(bus, 2, T0 + S), 2
    )
    lost, following = (COMMITTEE.verify(report.body) for report in reports)
    assert lost.leaves[0].decoded().time_ms == T0 // 10**6
    assert following.leaves[0].prev_ms == T0 // 10**6


async def test_a_report_that_the_bus_did_not_take_comes_before_the_next(monkeypatch):
    """An outage delays a shared view's report and skips slots; what was signed is never dropped."""
    refused, most = 0, 2

    async def refusing(self, topic, messages, publish=MemoryBus.publish):
        nonlocal refused
        if topic is Topic.REPORTS and refused < most:
            refused += 1
            raise Retryable("no broker")
        await publish(self, topic, messages)

    monkeypatch.setattr(MemoryBus, "publish", refusing)

    async def three_steps(bus):
        async with asyncio.timeout(30):
            for sequence in range(3):
                while refused < sequence:  # noqa: ASYNC110 - nothing tells of a refusal
                    await asyncio.sleep(0)
                await _publish_step(bus, sequence + 1, T0 + sequence * S)

    reports = await _reports(_attestor, three_steps, 2)
    assert [report.time_ns for report in reports] == [T0, T0 + 2 * S]


async def test_an_ended_epoch_is_not_signed_again():
    """What was signed under the epoch before stays as it is, and the next epoch's chain begins: its
    first report says 0, in every group, and the second follows the first."""
    journal = SigningJournal(None)
    await _reports(
        lambda bus: _attestor(bus, journal=journal), lambda bus: _publish_step(bus, 1, T0), 1
    )
    following = COMMITTEE._replace(epoch=2)

    async def publish(bus):
        await _publish_step(bus, 2, T0 + S // 2)  # the slot that the epoch before has signed
        await _publish_step(bus, 3, T0 + S)
        await asyncio.sleep(0.05)
        await _publish_step(bus, 4, T0 + 2 * S)

    reports = await _reports(lambda bus: _attestor(bus, following, journal=journal), publish, 3)
    leaves = [following.verify(report.body).leaves[0] for report in reports]
    assert [leaf.prev_ms for leaf in leaves] == [0, (T0 + S) // 10**6]


async def test_steps_are_told_apart_however_they_interleave():
    """A mark of the next step that comes early neither hides this step nor joins it."""

    async def publish(bus):
        await bus.publish(Topic.MARKS, [("M0-USD", _mark(0, T0 + S, 2, mark=Px(7, 0)))])
        await bus.publish(Topic.MARKS, [(f"M{n}-USD", _mark(n, T0, 1)) for n in (0, 1)])
        await bus.publish(Topic.MARKS, [("M0-USD", _mark(0, T0 + 2 * S, 3))])
        await bus.publish(Topic.STEPS, [("0", _step(2, T0 + S)), ("all", _step(1, T0))])

    (report,) = await _reports(_attestor, publish, 2)
    word = COMMITTEE.verify(report.body).leaves[0].decoded()
    assert word.time_ms == T0 // 10**6
    assert word.entries[0].price == word.entries[1].price


async def test_marks_of_two_engines_are_not_mixed():
    """The same step number of another engine, at another time, completes nothing."""

    async def publish(bus):
        await bus.publish(Topic.STEPS, [("0", _step(1, T0))])
        await bus.publish(Topic.MARKS, [("M0-USD", _mark(0, T0, 1))])
        await bus.publish(Topic.MARKS, [("M1-USD", _mark(1, T0 + 1, 1))])

    assert await _reports(_attestor, publish, 1) == []


@pytest.mark.parametrize(("before_ns", "after_ns"), [(S // 4, S), (S, S // 4)])
async def test_signing_goes_on_over_a_change_of_the_slots_length(before_ns, after_ns):
    """Slots are named by when they begin, so that a longer slot has no smaller number."""
    journal = SigningJournal(None)
    first, _, second = (
        *await _reports(
            lambda bus: _attestor(bus, journal=journal, slot_ns=before_ns),
            lambda bus: _publish_step(bus, 1, T0),
            1,
        ),
        *await _reports(
            lambda bus: _attestor(bus, journal=journal, slot_ns=after_ns),
            lambda bus: _publish_step(bus, 2, T0 + S),
            2,
        ),
    )
    assert (first.slot, second.slot) == (T0 // 10**6, (T0 + S) // 10**6)


async def test_marks_older_than_the_last_report_are_not_signed():
    """After a clock went back within a shorter slot, no group's time goes back with it."""
    journal = SigningJournal(None)
    await _attestor(MemoryBus(), journal=journal).sign(
        _view(_mark(0, T0 + S - 10**6), step=_step(1, T0 + S - 10**6))
    )
    finer = _attestor(MemoryBus(), journal=journal, slot_ns=S // 4)
    assert not finer.is_due(T0 + S // 4)
    assert not finer.is_due(T0 + S - 10**6 + 1)
    assert finer.is_due(T0 + S)


@pytest.mark.parametrize("slot_ns", [1, 999_999, 1_500_000])
def test_a_slot_that_reports_cannot_tell_apart_is_refused(slot_ns):
    """Two reports with one time, or a slot that begins within a millisecond, are no choice."""
    with pytest.raises(ConfigError, match="give whole ms"):
        _attestor(MemoryBus(), slot_ns=slot_ns)


async def test_times_outlive_a_group_that_was_away():
    """A group whose markets were removed and listed again is never 'first' again, and no report is
    passed over."""
    journal = SigningJournal(None)
    prev_ms = []
    for at, numbers in enumerate([(0, 4, 8), (0, 8), (0,), (0, 4, 8)]):
        time_ns = T0 + at * S
        attestor = _attestor(MemoryBus(), journal=journal)
        marks = [_mark(number, time_ns) for number in numbers]
        report, _ = await attestor.sign(_view(*marks, step=_step(at, time_ns)))
        prev_ms.append([leaf.prev_ms for leaf in COMMITTEE.verify(report.body).leaves])
    second, third = (T0 // 10**6, T0 // 10**6 + 1000)
    assert prev_ms == [[0, 0, 0], [second] * 3, [third], [third + 1000] * 3]


class _DeadBus(MemoryBus):
    """A bus with one step to read, that dies when a report comes out."""

    async def publish(self, topic, messages):
        if topic is Topic.REPORTS:
            raise TimeoutError
        await super().publish(topic, messages)

    def subscribe(self, *topics, group=None, start=Start.EARLIEST):
        marks = [("", _mark(n, T0, 1)) for n in (0, 1)]
        for topic, message in (
            (Topic.STEPS, ("", _step(1, T0))),
            *((Topic.MARKS, m) for m in marks),
        ):
            self.logs[topic][0].append(*message)
        return super().subscribe(*topics, start=Start.EARLIEST)


async def test_what_a_report_is_made_from_is_published_with_it():
    """One signed observation, of the step that it names; it alone gives the report again."""
    bus = MemoryBus()
    async with bus.subscribe(Topic.REPORTS, Topic.ROUNDS) as reader:
        running = asyncio.create_task(_attestor(bus).run())
        await asyncio.sleep(0)
        await _publish_step(bus, 7, T0)
        taken = []
        async with asyncio.timeout(30):
            while len(taken) < 2:
                taken += [record.message for record in await reader.take()]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    report, made = taken
    proposal = Proposal.decode(made.proposal)
    (observation,) = proposal.observations
    observation.verify(COMMITTEE.members[observation.member])
    proposal.verify(COMMITTEE.members[proposal.leader])
    unsigned = combine(proposal.observations, 0, proposal.prev_ms)
    assert unsigned.digest(COMMITTEE.salt) == COMMITTEE.verify(report.body).digest(COMMITTEE.salt)
    assert observation.inputs_root == keccak(committed(encode(_step(7, T0))))
    assert (made.slot, made.time_ns, made.steps) == (report.slot, report.time_ns, {0: 7})


class _HalfBus(_DeadBus):
    """A bus that dies between a report and its round."""

    async def publish(self, topic, messages):
        if topic is Topic.ROUNDS:
            raise TimeoutError
        await MemoryBus.publish(self, topic, messages)


async def test_a_round_outlives_a_crash_after_its_report(tmp_path: Path):
    """Killed between the two, the next run publishes both again, the same report as before."""
    half, before = _HalfBus(), SigningJournal(tmp_path / "signed.json")
    with pytest.raises(TimeoutError):
        await _attestor(half, journal=before).run()
    before.close()
    ((out,), _) = half.logs[Topic.REPORTS][0].read(0, 10)
    bus, after = MemoryBus(), SigningJournal(tmp_path / "signed.json")
    async with bus.subscribe(Topic.ROUNDS) as reader:
        running = asyncio.create_task(_attestor(bus, journal=after).run())
        (record,) = await reader.take(timeout_s=30)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    proposal = Proposal.decode(record.message.proposal)
    made = combine(proposal.observations, 0, proposal.prev_ms)
    assert made.digest(COMMITTEE.salt) == COMMITTEE.verify(out.message.body).digest(COMMITTEE.salt)
