"""Who is accused by a proposal that is refused early: its leader, never those that it quotes."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from oracle.bus.memory import MemoryBus
from oracle.committee.evidence.file import EvidenceFile, read
from oracle.committee.evidence.proof import Kind
from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.running.keeping import Keeper
from oracle.committee.running.reports import Reports
from oracle.keys.signer import LocalSigner
from tests.unit.committee.party import T0
from tests.unit.committee.rounds import FIRST, FIRST_BODY, NOW, PARTY, a_member, entry, seen

LEADER = PARTY.rules.leader(T0, 0)


async def _refused(path: Path, proposals: list, certified: bool, now_ms: int) -> list:
    """Let a member judge these proposals one after the other; return what evidence it kept."""
    metrics, file = CommitteeMetrics(CollectorRegistry()), EvidenceFile(path)
    signer = LocalSigner(PARTY.keys[6].secret)
    keeper = Keeper(a_member(), signer, Reports(MemoryBus(), "0x", metrics), file, metrics)
    try:
        for proposed in proposals:
            await keeper.vote(proposed, now_ms)
            if certified:
                await keeper.call(keeper.member.certify, FIRST_BODY)
    finally:
        keeper.close()
        file.close()
    return [(one.kind, one.member) for one in read(path)]


@pytest.mark.parametrize(
    ("certified", "now_ms"), [(False, NOW), (True, NOW), (False, NOW + 60_000), (False, T0 - 900)]
)
async def test_two_proposals_are_evidence_whenever_they_come(tmp_path, certified, now_ms):
    """Also once the slot has its report, and too late or too early to be signed."""
    other = PARTY.proposal(seen(members=(0, 1, 2, 3, 5)))
    found = await _refused(tmp_path / "evidence", [FIRST, other], certified, now_ms)
    assert found == [(Kind.PROPOSAL, LEADER)]


async def test_a_forged_observation_accuses_nobody_it_names(tmp_path):
    """A liar that quotes what nobody signed, in a slot that is done, is itself all it proves."""
    forged = [one.signed(b"\1" * 64) for one in seen(entries=(entry(20_000),))]
    quoting = PARTY.proposal(forged)
    found = await _refused(tmp_path / "evidence", [FIRST, quoting], True, NOW)
    assert found == [(Kind.PROPOSAL, LEADER)]
