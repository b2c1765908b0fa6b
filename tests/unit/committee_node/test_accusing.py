"""What a member does with contradictions: all are counted, and a liar fills no log."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from oracle.committee.evidence.file import EvidenceFile, Filed
from oracle.committee.evidence.proof import Evidence
from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.running.accusing import Accuser
from oracle.model.errors import Retryable
from tests.unit.committee.party import SLOT_MS, T0, Party, entry

PARTY = Party(7)


class Moody(EvidenceFile):
    """A file whose disk is sometimes full."""

    full = False

    def add(self, evidence: Evidence) -> Filed:
        """Keep it, or say that there is no room."""
        if self.full:
            raise Retryable("No space left on device")
        return super().add(evidence)


class Watching:
    """An accuser over a file whose members have room for two pieces each."""

    def __init__(self, path: Path | None, member_bytes: int = 1_800) -> None:
        self.registry = CollectorRegistry()
        self.file = Moody(path, member_bytes) if path else None

        async def at_once(work, given):
            return work(given)

        metrics = CommitteeMetrics(self.registry)
        self.accuser = Accuser(PARTY.rules, self.file, metrics, at_once)

    async def lie(self, turn: int, member: int = 2) -> None:
        """Let a member say two things of one slot."""
        slot = T0 + turn * SLOT_MS
        for price in (10_000, 20_000):
            seen = PARTY.observation(member, slot, entries=(entry(price),))
            await self.accuser.note_observations([seen])

    def counted(self, member: int = 2) -> float:
        """Return how many contradictions of a member were counted."""
        labels = {"kind": "observation", "member": str(member)}
        return self.registry.get_sample_value("plumbline_committee_evidence_total", labels) or 0.0


async def test_a_full_share_is_said_once_and_counted_always(tmp_path: Path):
    """Who lies all day fills neither the disk nor the log, and hides no other's lie."""
    watching = Watching(tmp_path / "evidence")
    with capture_logs() as logs:
        for turn in range(30):
            await watching.lie(turn)
        await watching.lie(0, member=1)
    assert [entry["kept"] for entry in logs] == ["new", "new", "full", "new"]
    assert [entry["member"] for entry in logs] == [2, 2, 2, 1]
    assert (watching.counted(), watching.counted(1)) == (30, 1)


async def test_a_disk_that_fails_is_said_once_and_again_when_it_works(tmp_path: Path):
    """The lie is counted and named though it cannot be kept, and kept when it comes again."""
    watching = Watching(tmp_path / "evidence")
    assert watching.file is not None
    with capture_logs() as logs:
        watching.file.full = True
        for turn in range(10):
            await watching.lie(turn)
        watching.file.full = False
        await watching.lie(9)
    assert [entry["kept"] for entry in logs] == ["not_kept", "new"]
    assert "No space left" in logs[0]["why"]
    assert watching.counted() == 11


async def test_without_a_file_a_lie_is_named_once():
    """A member that keeps nothing still says whom it caught."""
    watching = Watching(None)
    with capture_logs() as logs:
        for turn in range(5):
            await watching.lie(turn)
    assert [entry["kept"] for entry in logs] == ["not_kept"]
    assert watching.counted() == 5
