"""Keys, assembly, the signing journal and the attestation loop."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import pytest
from eth_account import Account
from prometheus_client import CollectorRegistry

from oracle.bus.memory import MemoryBus
from oracle.committee.assemble import entry_of, leaves_of
from oracle.committee.attestation import Attestor
from oracle.committee.journal import Signed, SigningJournal
from oracle.committee.signer import LocalSigner, open_keystore
from oracle.model.errors import ConfigError
from oracle.model.fixed import Px
from oracle.model.messages import Mark, SignedReport, StepManifest
from oracle.model.topics import Topic
from oracle.model.validity import BreakerState, Validity
from oracle.report.committee import Committee
from oracle.report.word import Entry
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
    return StepManifest("all", sequence, time_ns, 0, {}, {}, {})


def test_a_keystore_opens_with_its_password(tmp_path: Path):
    """The signer's address is the key's."""
    file = tmp_path / "key.json"
    file.write_text(json.dumps(Account.encrypt(KEYS[0].secret, PASSWORD, iterations=2)))
    assert open_keystore(file, PASSWORD).address == address(KEYS[0])


def test_a_wrong_password_is_said_without_the_password(tmp_path: Path):
    """One line naming the file; never the password or the key."""
    file = tmp_path / "key.json"
    file.write_text(json.dumps(Account.encrypt(KEYS[0].secret, PASSWORD, iterations=2)))
    with pytest.raises(ConfigError, match=r"wrong password for .*key\.json") as raised:
        open_keystore(file, "guess")
    assert "guess" not in str(raised.value)
    assert KEYS[0].secret.hex() not in str(raised.value)


@pytest.mark.parametrize("text", ["{}", "[]", "no json", '{"version": 3}', '{"crypto": 1}'])
def test_what_is_no_keystore_is_said(tmp_path: Path, text):
    """Garbage in a keystore's place is a configuration error."""
    file = tmp_path / "key.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match="not a version 3 keystore"):
        open_keystore(file, PASSWORD)


def test_a_signer_does_not_print_its_key():
    """Neither repr nor str of a signer shows more than the address."""
    signer = LocalSigner(KEYS[0])
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
        (_mark(), Entry(Validity.VALID, Px(101, 0), 5000, 100)),
    ],
)
def test_what_a_report_says_of_a_mark(mark, entry):
    """Without a price, or out of a report's range, an entry carries none."""
    assert entry_of(mark) == entry


def test_a_group_is_as_old_as_its_oldest_mark():
    """No mark is said to be newer than it is; unused numbers read as HALTED."""
    marks = {0: _mark(0, T0), 5: _mark(5, T0), 4: _mark(4, T0 - S)}
    first, second = leaves_of(marks, {1: 77})
    assert first.decoded().time_ms == T0 // 10**6
    assert second.decoded().time_ms == (T0 - S) // 10**6
    assert (first.prev_ms, second.prev_ms) == (0, 77)
    assert first.decoded().entries[3] == Entry(Validity.HALTED)


def test_a_journal_remembers_over_a_restart(tmp_path: Path):
    """What was signed is there for the next process."""
    signed = Signed(1, 42, "ab", {0: 7})
    SigningJournal(tmp_path / "j.json").write(signed)
    assert SigningJournal(tmp_path / "j.json").newest == signed


def test_a_damaged_journal_stops_the_signer(tmp_path: Path):
    """Forgetting what was signed is no option: a person must look."""
    (tmp_path / "j.json").write_text("{")
    with pytest.raises(ConfigError, match="damaged"):
        SigningJournal(tmp_path / "j.json")


def _attestor(bus, committee=COMMITTEE, keys=7, journal: Path | None = None) -> Attestor:
    signers = [LocalSigner(key) for key in KEYS[:keys]]
    return Attestor(
        bus, committee, signers, ["M0-USD", "M1-USD"], S, SigningJournal(journal),
        now_ns=lambda: T0, registry=CollectorRegistry(),
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
    await bus.publish(Topic.STEPS, [("all", _step(sequence, time_ns))])
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


async def test_no_slot_is_signed_twice_over_a_restart(tmp_path: Path):
    """The journal keeps a restarted signer from signing the same slot again."""
    journal = tmp_path / "signed.json"
    for expected in (1, 0):
        made = await _reports(
            lambda bus: _attestor(bus, journal=journal), lambda bus: _publish_step(bus, 1, T0), 1
        )
        assert len(made) == expected
