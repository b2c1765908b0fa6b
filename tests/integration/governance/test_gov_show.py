"""`plumb gov show` against real contracts on a real node."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oracle.governance.fields import FIELDS
from oracle.governance.proposal import Proposal
from oracle.risk.layout import FIELDS as LAYOUT
from oracle.risk.layout import Scope
from tests.integration.governance.conftest import DAY_S, Site, listing
from tests.unit.relayer.words import COMMITTEE

pytestmark = [pytest.mark.evm, pytest.mark.asyncio(loop_scope="module")]
MAINTENANCE = LAYOUT[Scope.MARKET]["maintenance_0_bps"].code
INITIAL = LAYOUT[Scope.MARKET]["initial_0_bps"].code
RAISE = [(0, 0, INITIAL, 480), (0, 0, MAINTENANCE, 240)]


def raise_margins(site: Site) -> Proposal:
    """Both margins of bitcoin's first bracket, up by a fifth."""
    data = site.data("RiskParameters", "change", RAISE)
    return site.proposal(("RiskParameters", data), description="More margin\n\x1b[2Jfor BTC")


def saved(site: Site, proposal: Proposal) -> str:
    """Write a proposal as a file."""
    file = site.folder / "proposal.json"
    calls = proposal.calls
    file.write_text(
        json.dumps(
            {
                "targets": [call.target for call in calls],
                "values": [str(call.value_wei) for call in calls],
                "calldatas": ["0x" + call.data.hex() for call in calls],
                "description": proposal.description,
            }
        )
    )
    return str(file)


def texts(said: dict[str, Any]) -> list[str]:
    """Return the lines that say what a proposal does."""
    return [act["text"] for act in said["acts"]]


async def test_a_change_is_said_in_words_with_whom_it_touches(
    site: Site, traders: dict[str, int]
) -> None:
    """Old and new values come from the chain, and the node itself judges the accounts."""
    proposal = raise_margins(site)
    await site.propose(proposal)
    said = await site.shown(str(proposal.number))
    assert texts(said) == [
        "market BTC-USD (number 0): initial margin of bracket 0: 4.00 % -> 4.80 %",
        "market BTC-USD (number 0): maintenance margin of bracket 0: 2.00 % -> 2.40 %",
    ]
    assert said["warnings"] == 0
    assert said["voting"]["state"] == "pending"
    assert said["voting"]["quorum"] is None
    affected = said["affected"]
    assert affected["accounts"] == 3
    assert affected["refused"] is None
    assert affected["below_initial"] == {
        "now": 1, "then": 2, "newly": [hex(traders["tight"])],
    }  # fmt: skip
    assert affected["below_maintenance"] == {
        "now": 0, "then": 1, "newly": [hex(traders["weak"])],
    }  # fmt: skip


async def test_people_read_it_as_text(site: Site) -> None:
    """What a stranger wrote moves no cursor, and the votes are told with their quorum."""
    proposal = raise_margins(site)
    await site.propose(proposal)
    addresses = ["--governor", site.at("PlumbGovernor"), "--engine", site.at("PerpEngine")]
    text = await site.show(hex(proposal.number), *addresses)
    assert "maintenance margin of bracket 0: 2.00 % -> 2.40 %" in text
    assert "\x1b" not in text
    assert "\\x1b[2Jfor BTC" in text
    assert "quorum not known yet" in text
    assert "below maintenance margin" in text


async def test_a_proposal_is_followed_through_its_states(site: Site) -> None:
    """Votes, the queue and the time of execution are the governor's own."""
    proposal = raise_margins(site)
    await site.propose(proposal)
    number = str(proposal.number)
    await site.node.advance(DAY_S + 1)
    await site.do("PlumbGovernor", "castVote", proposal.number, 1)
    voting = (await site.shown(number))["voting"]
    assert voting["state"] == "active"
    assert voting["in_favour"] == 10_000_000 * 10**18
    assert voting["quorum"] == 400_000 * 10**18
    await site.node.advance(5 * DAY_S)
    assert (await site.shown(number))["voting"]["state"] == "succeeded"
    w3 = site.node.w3
    lists = (
        [w3.to_checksum_address(call.target) for call in proposal.calls],
        [0],
        [call.data for call in proposal.calls],
        w3.keccak(text=proposal.description),
    )
    await site.do("PlumbGovernor", "queue", *lists)
    voting = (await site.shown(number))["voting"]
    assert voting["state"] == "queued"
    block = await w3.eth.get_block("latest")
    assert voting["eta_s"] == block["timestamp"] + 2 * DAY_S
    await site.node.advance(2 * DAY_S)
    await site.do("PlumbGovernor", "execute", *lists)
    said = await site.shown(number)
    assert said["voting"]["state"] == "executed"
    assert texts(said)[1].endswith("2.40 % -> 2.40 % (as it is)")
    assert "TooSoon" in said["affected"]["refused"]


async def test_a_step_too_large_is_said_before_anybody_votes(site: Site) -> None:
    """The node executes it in a block that it only imagines, and tells why it would fail."""
    data = site.data("RiskParameters", "change", [(0, 0, MAINTENANCE, 5000)])
    said = await site.shown(saved(site, site.proposal(("RiskParameters", data))))
    assert said["voting"] is None
    assert said["affected"]["refused"].endswith(
        "StepTooLarge: MAINTENANCE_0_BPS would go from 200 to 5,000: one step is at most 40"
    )
    assert said["affected"]["below_initial"]["then"] is None


async def test_a_rotation_names_who_joins_and_who_leaves(site: Site) -> None:
    """Members are compared with those on the chain; new numbers are named."""
    w3 = site.node.w3
    old = [w3.to_checksum_address(member) for member in COMMITTEE.members]
    joins = w3.to_checksum_address("0x" + "ff" * 20)
    data = site.data(
        "MarkOracle", "setCommittee", 2, [*old[1:], joins], 5, 0,
        [(9, b"DOGE-USD".ljust(32, b"\0")), (4, bytes(32))],
    )  # fmt: skip
    lines = texts(await site.shown(saved(site, site.proposal(("MarkOracle", data)))))
    assert lines == [
        "rotates the committee: epoch 2, 5 of 7 sign",
        "threshold: 5 of 7, epoch 1 -> 5 of 7",
        f"joins: {joins.lower()}",
        f"leaves: {old[0].lower()}",
        "the epoch before is valid no longer: at once",
        "market number 9 means DOGE-USD",
        "retires market number 4",
    ]


async def test_a_listing_names_every_field(site: Site) -> None:
    """All of the new market's numbers are there, with units."""
    changes = [(0, 4, field, value) for _, _, field, value in listing(Scope.MARKET, "BTC-USD", 4)]
    data = site.data("RiskParameters", "list", 0, 4, changes)
    lines = texts(await site.shown(saved(site, site.proposal(("RiskParameters", data)))))
    assert lines[0] == "lists market SOL-USD (number 4), with"
    assert len(lines) == 1 + len(changes)
    assert "open interest cap of one side: 10,000,000 USD" in lines
    assert "longest time that one accrual of funding covers: 6 h" in lines


async def test_what_is_not_understood_is_shown_raw_and_loud(site: Site) -> None:
    """Unknown functions, other contracts' parameters, changed modules: each a warning."""
    stranger = site.node.w3.to_checksum_address("0x" + "ab" * 20)
    change = site.data("RiskParameters", "change", RAISE)
    module = site.data("Vault", "setModule", stranger, 3)
    proposal = site.proposal(
        ("RiskParameters", bytes.fromhex("deadbeef01")),
        ("RiskParameters", change + b"\0"),
        ("Vault", change),
        ("Vault", module),
    )
    said = await site.shown(saved(site, proposal))
    loud = [act["text"] for act in said["acts"] if act["warning"]]
    assert loud[0].startswith("UNKNOWN CALL")
    assert loud[1] == "0xdeadbeef01"
    assert loud[3] == f"0x{change.hex()}00"
    assert loud[4] == f"{site.at('Vault').lower()} IS NOT THE RISK CONTRACT OF THIS DEPLOYMENT"
    assert loud[5].startswith(f"names {stranger.lower()} the liquidator of the vault")
    assert "? -> 4.80 %" in texts(said)[4]


async def test_a_file_needs_no_governor_and_no_engine(site: Site) -> None:
    """What is then not known is said, with what to add."""
    text = await site.show(saved(site, raise_margins(site)))
    assert "Not proposed to the governor" in text
    assert "add --engine ADDRESS" in text
    assert "initial margin of bracket 0: 4.00 % -> 4.80 %" in text


async def test_what_is_asked_wrongly_is_refused_in_a_line(site: Site) -> None:
    """An ID without a governor, an unknown ID, no address, another chain, a missing file."""
    governor = ["--governor", site.at("PlumbGovernor")]
    assert "add --governor" in await site.show("7", code=1)
    assert "has no proposal 7" in await site.show("7", *governor, code=1)
    assert "mend chain_id" in await site.show("7", *governor, "--chain-id", "1", code=1)
    assert "is no address" in await site.show("7", "--governor", "0x12", code=1)
    assert "cannot read" in await site.show("absent.json", code=1)
    file = site.folder / "bad.json"
    file.write_text('{"targets": ["0x12"], "calldatas": []}')
    assert "is no proposal" in await site.show(str(file), code=1)


async def test_every_field_is_named_as_the_contract_names_it(site: Site) -> None:
    """The one Python copy of the fields' names is what `rule` says, for each that has a rule."""
    risk = site.contracts["RiskParameters"]
    for (scope, number), field in FIELDS.items():
        rule = await risk.functions.rule(scope, number).call()
        assert rule[0].rstrip(b"\0").decode().lower() == field.name
    assert len(FIELDS) == 28 + 13 + 28
