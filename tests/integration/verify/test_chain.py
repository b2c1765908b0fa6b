"""What the chain stored of the report: by the transaction, by its event, and by its storage."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from oracle.cli.verify_chain import Told, Wanted, ask
from oracle.cli.verify_subject import terms_of
from oracle.report.report import encode
from oracle.verify.findings import Outcome, exit_code
from relayer.evm.abi import group_word_call
from tests.integration.verify.tampering import first_difference, flipped, subject, verified
from tests.integration.verify.test_command import asked, heard
from tests.integration.verify.world import World

pytestmark = pytest.mark.evm


@pytest.fixture(autouse=True)
def _needs_a_chain(world: World) -> None:
    if not world.rpc:
        assert not os.environ.get("CI"), "no anvil: make evm-tools"
        pytest.skip("no anvil")


def told(world: World) -> Told:
    """Ask the chain for the report's transaction, and for its epoch."""
    salt = terms_of(world.config).salt
    return ask(world.config.chains, salt, [Wanted(world.transaction, "anvil")], 1)


def checked(world: World, said: Told) -> list:
    """Check the report against what a chain says; of the members only whether they signed."""
    number = heard(world)[0]
    given = subject(
        world,
        world.archive(number),
        number,
        delivered=said.delivered,
        told=said.epochs,
        receipts=world.archive(0).receipts_of(world.transaction),
        chains=1,
    )
    return verified(given)


def test_a_transaction_is_proven(world: World):
    """By its hash alone: the report is that of its calldata, and what it stored is the report's."""
    made = asked(world, world.transaction)
    assert made["verdict"] == "proven", made
    stored = next(one for one in made["findings"] if one["check"] == "stored on anvil")
    assert "stored groups 0, 1 as the report" in stored["detail"]
    receipts = next(one for one in made["findings"] if one["check"] == "receipts")
    assert receipts["outcome"] == "proven"


def test_another_report_in_the_transaction(world: World):
    """The first field of its calldata that is another is named."""
    said = told(world)
    (delivered,) = said.delivered
    report = world.report
    for field, other in (("slot", report.slot + 1000), ("inputs_root", bytes(32)), ("epoch", 2)):
        body = encode(report._replace(**{field: other}))
        changed = said._replace(delivered=(delivered._replace(body=body),))
        where = f"transaction {world.transaction} on anvil, its calldata: {field}: "
        assert first_difference(checked(world, changed)).startswith(where)
    leaf = report.leaves[0]
    other_leaf = leaf._replace(word=flipped(leaf.word, 31 * 8))
    body = encode(report._replace(leaves=(other_leaf, *report.leaves[1:])))
    changed = said._replace(delivered=(delivered._replace(body=body),))
    assert "its calldata: digest: " in first_difference(checked(world, changed))


def test_another_word_in_the_event(world: World):
    """Group, market and field of the stored word that is not the report's are named."""
    said = told(world)
    (delivered,) = said.delivered
    for byte, named in ((31, "USDT-USD: mantissa"), (4, "time_ms")):
        words = {**delivered.updated, 0: flipped(delivered.updated[0], byte * 8)}
        changed = said._replace(delivered=(delivered._replace(updated=words),))
        difference = first_difference(checked(world, changed))
        assert difference.startswith(f"transaction {world.transaction} on anvil, group 0")
        assert named in difference


def test_another_archived_receipt(world: World):
    """A receipt that says what the chain does not is named by its field."""
    said = told(world)
    (delivered,) = said.delivered
    changed = said._replace(delivered=(delivered._replace(block=delivered.block + 1),))
    difference = first_difference(checked(world, changed))
    assert difference.startswith(f"archived receipt of {world.transaction}: block: ")


def test_another_committee_on_the_chain(world: World):
    """Who is in the contract's committee and not in the configuration's is named."""
    said = told(world)
    ((chain, epoch),) = said.epochs
    members = (*epoch.committee.members[:-1], b"\xff" * 20)
    other = epoch._replace(committee=epoch.committee._replace(members=members))
    findings = checked(world, said._replace(epochs=((chain, other),)))
    assert first_difference(findings).startswith("committee of epoch 1 on anvil: member 6: ")
    other = epoch._replace(committee=epoch.committee._replace(threshold=6))
    findings = checked(world, said._replace(epochs=((chain, other),)))
    assert first_difference(findings).startswith("committee of epoch 1 on anvil: threshold: ")


def test_a_failed_transaction_stored_nothing(world: World):
    """It is said, and differs from nothing."""
    said = told(world)
    (delivered,) = said.delivered
    failed = delivered._replace(succeeded=False, updated={}, held={}, slot=None)
    findings = [f for f in checked(world, said._replace(delivered=(failed,))) if f.number == 2]
    stored = next(f for f in findings if f.what == "stored on anvil")
    assert stored.outcome is Outcome.NOTHING


def _storage(world: World) -> str:
    """Return where the contract keeps the word of group 0: what a call for it reads."""
    call = {"to": world.oracle, "data": "0x" + group_word_call(0).hex()}
    (read,) = world.rpc_call("eth_createAccessList", call, "latest")["accessList"]
    (slot,) = read["storageKeys"]
    return str(slot)


@pytest.fixture
def other_word(world: World) -> Iterator[None]:
    """Storage of which one bit is another, while the test lasts."""
    slot = _storage(world)
    word = world.rpc_call("eth_getStorageAt", world.oracle, slot, "latest")
    padded = bytes.fromhex(word[2:].zfill(64))
    world.rpc_call("anvil_setStorageAt", world.oracle, slot, "0x" + flipped(padded, 31 * 8).hex())
    yield
    world.rpc_call("anvil_setStorageAt", world.oracle, slot, "0x" + padded.hex())


def test_another_word_in_the_contract(world: World, other_word: None):
    """A node whose storage is not what the transaction stored is found out by one bit."""
    findings = checked(world, told(world))
    assert exit_code(findings) == 1
    assert ", group 0: stored word: expected 0x" in first_difference(findings)
