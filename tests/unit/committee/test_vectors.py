"""The committee's golden vectors: what other implementations must match."""

from __future__ import annotations

import json

import pytest
from eth_hash.auto import keccak

from oracle.committee.evidence.proof import Evidence
from oracle.committee.rounds.median import combine, withheld
from oracle.committee.wire.observation import Observation
from oracle.committee.wire.proposal import Proposal
from oracle.report.committee import Committee
from tests.vectors import committee, generate

VECTORS = json.loads(generate.COMMITTEE_FILE.read_text())
SALT = bytes.fromhex(VECTORS["salt"][2:])
MEMBERS = tuple(bytes.fromhex(member[2:]) for member in VECTORS["members"])


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def test_the_checked_in_file_is_what_the_code_makes():
    """A change of the rules shows up as a changed file, to be seen in review."""
    assert committee.vectors() == VECTORS


@pytest.mark.parametrize("row", VECTORS["observations"], ids=lambda row: row["name"])
def test_observations(row):
    """Content and signature decode to the fields, and are the member's."""
    seen = Observation.decode(_bytes(row["content"]) + _bytes(row["signature"]))
    assert (seen.slot, seen.view, seen.member) == (row["slot"], row["view"], row["member"])
    assert [seen.time_ns, seen.last.slot] == [int(row["time_ns"]), row["last"]["slot"]]
    assert list(seen.words) == [_bytes(word) for word in row["words"]]
    assert keccak(seen.message()) == _bytes(row["digest"])
    seen.verify(MEMBERS[seen.member])


@pytest.mark.parametrize("row", VECTORS["rounds"], ids=lambda row: row["name"])
def test_rounds(row):
    """The observations' bytes alone give the report, in whatever order."""
    seen = [Observation.decode(_bytes(one)) for one in reversed(row["observations"])]
    report = combine(seen, VECTORS["faults"], row["prev_ms"])
    assert [leaf.word for leaf in report.leaves] == [_bytes(word) for word in row["words"]]
    assert report.inputs_root == _bytes(row["inputs_root"])
    assert report.digest(SALT) == _bytes(row["digest"])
    assert withheld(seen, VECTORS["faults"]) == row["withheld"]


@pytest.mark.parametrize("row", VECTORS["proposals"])
def test_proposals(row):
    """A proposal is its leader's."""
    made = Proposal.decode(_bytes(row["proposal"]))
    made.verify(MEMBERS[row["leader"]])
    assert keccak(made.message()) == _bytes(row["digest"])


@pytest.mark.parametrize("row", VECTORS["evidence"])
def test_evidence(row):
    """Anybody can check it from the members' addresses."""
    members = Committee(SALT, VECTORS["epoch"], VECTORS["threshold"], MEMBERS)
    Evidence.decode(_bytes(row["evidence"])).verify(members)
