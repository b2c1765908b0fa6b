"""Evidence: what proves that a member spoke twice, who notices, and how it is kept."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from oracle.committee.evidence.file import EvidenceFile, Filed, read
from oracle.committee.evidence.proof import Evidence, Kind, ReportVote
from oracle.committee.evidence.witness import ROUNDS_KEPT, Witness
from oracle.model.errors import ConfigError, Rejected, Retryable
from tests.unit.committee.party import SALT, SLOT_MS, T0, Party, entry

PARTY = Party(7)


def _vote(member: int, root: int, slot: int = T0) -> ReportVote:
    unsigned = ReportVote(1, slot, bytes([root]) * 32, b"i" * 32, b"")
    return unsigned._replace(signature=PARTY.sign(member, unsigned.message(SALT)))


def _observations(slot: int = T0, member: int = 2) -> Evidence:
    witness = Witness(PARTY.committee)
    assert witness.observation(PARTY.observation(member, slot)) is None
    found = witness.observation(PARTY.observation(member, slot, entries=(entry(20_000),)))
    assert found is not None
    return found


def _proposals() -> Evidence:
    witness = Witness(PARTY.committee)
    seen = [PARTY.observation(number) for number in range(6)]
    assert witness.proposal(PARTY.proposal(seen[:5]).proposal) is None
    found = witness.proposal(PARTY.proposal(seen[1:]).proposal)
    assert found is not None
    return found


def _signatures() -> Evidence:
    witness = Witness(PARTY.committee)
    assert witness.vote(3, _vote(3, 1)) is None
    found = witness.vote(3, _vote(3, 2))
    assert found is not None
    return found


ALL = [_observations(), _proposals(), _signatures()]


@pytest.mark.parametrize("found", ALL, ids=lambda found: found.kind.name)
def test_two_words_of_one_member_are_evidence(found):
    """It comes back from its bytes, and proves itself by them alone."""
    again = Evidence.decode(found.encode())
    assert again == found
    again.verify_alone()
    again.verify(PARTY.committee)
    accused = {Kind.OBSERVATION: 2, Kind.PROPOSAL: PARTY.rules.leader(T0, 0), Kind.SIGNATURE: 3}
    assert (again.member, again.slot, again.view) == (accused[found.kind], T0, 0)


def test_the_same_twice_is_no_evidence():
    """Also with another signature of the same: signing again is no lie."""
    witness, seen = Witness(PARTY.committee), PARTY.observation(2)
    proposal = PARTY.proposal([PARTY.observation(number) for number in range(5)]).proposal
    for _ in range(2):
        assert witness.observation(seen) is None
        assert witness.observation(seen.signed(b"\2" * 64)) is None
        assert witness.proposal(proposal) is None
        assert witness.vote(2, _vote(2, 1)) is None


def test_different_rounds_and_members_are_no_evidence():
    """A member may say something else in each round."""
    witness = Witness(PARTY.committee)
    for number in (1, 2):
        for slot in (T0, T0 + SLOT_MS):
            for view in (0, 1):
                assert witness.observation(PARTY.observation(number, slot, view)) is None
            assert witness.vote(number, _vote(number, number, slot)) is None


def test_which_came_first_makes_no_difference():
    """So that two members keep the same bytes."""
    one, two = PARTY.observation(2), PARTY.observation(2, entries=(entry(20_000),))
    here, there = Witness(PARTY.committee), Witness(PARTY.committee)
    here.observation(one)
    there.observation(two)
    assert here.observation(two) == there.observation(one)


def test_a_witness_remembers_so_many_rounds_and_no_more():
    """A liar cannot fill its memory."""
    witness = Witness(PARTY.committee)
    for at in range(ROUNDS_KEPT + 1):
        witness.vote(2, _vote(2, 1, T0 + at * SLOT_MS))
    assert witness.vote(2, _vote(2, 2, T0)) is None
    assert witness.vote(2, _vote(2, 2, T0 + ROUNDS_KEPT * SLOT_MS)) is not None


def _changes() -> list[tuple[Evidence, str]]:
    seen, made, votes = ALL
    stranger = PARTY.observation(2).signed(PARTY.observation(1).signature).encode()
    return [
        (seen._replace(second=seen.first), "the same"),
        (seen._replace(member=1), "another round or member"),
        (seen._replace(slot=T0 + SLOT_MS), "another round or member"),
        (seen._replace(view=1), "another round or member"),
        (seen._replace(second=PARTY.observation(2, T0, 1).encode()), "another round or member"),
        (seen._replace(second=stranger), "not signed"),
        (seen._replace(salt=bytes(32)), "deployment 0x00"),
        (seen._replace(epoch=2), "epoch 2"),
        (seen._replace(members=PARTY.committee.members[:6]), "list of 6 members is not"),
        (seen._replace(member=7), "member 7 of 7"),
        (made._replace(second=made.first), "the same"),
        (made._replace(second=seen.first), "proposal"),
        (votes._replace(second=_vote(4, 9).encode()), "not signed"),
        (votes._replace(slot=T0 + SLOT_MS), "not signed"),
        (votes._replace(view=1), "another round"),
        (votes._replace(first=votes.first[:-1]), "two roots"),
    ]


@pytest.mark.parametrize(("changed", "why"), _changes())
def test_what_proves_nothing_is_refused(changed, why):
    """Nobody is accused by bytes that its key did not sign."""
    with pytest.raises(Rejected, match=why):
        changed.verify(PARTY.committee)


def test_a_past_epochs_evidence_still_proves_itself():
    """Its list outlives the configuration; one that lacks the accused proves nothing."""
    past = PARTY.committee
    found = Evidence.decode(_observations().encode())
    with pytest.raises(Rejected, match="epoch 1"):
        found.verify(past._replace(epoch=2, members=past.members[1:]))
    found.verify_alone()
    assert found.address == past.members[2]
    for fewer in ((), past.members[:2]):
        with pytest.raises(Rejected, match=f"member 2 of {len(fewer)}"):
            found._replace(members=fewer).verify_alone()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "bytes"),
        (b"\x01" + ALL[0].encode()[1:], "version 1"),
        (b"\x02\x04" + ALL[0].encode()[2:], "kind 4"),
        (ALL[0].encode()[:-1], "bytes"),
        (ALL[0].encode() + b"\0", "bytes"),
        (ALL[0]._replace(members=PARTY.committee.members[::-1]).encode(), "rising"),
        (ALL[0]._replace(members=tuple(bytes([n]) * 20 for n in range(33))).encode(), "33 members"),
    ],
)
def test_malformed_evidence_is_refused(data, why):
    """Each with what was found."""
    with pytest.raises(Rejected, match=why):
        Evidence.decode(data)


def test_evidence_is_kept_once_and_over_a_restart(tmp_path: Path):
    """In the order in which it was found."""
    file = EvidenceFile(tmp_path / "evidence")
    assert [file.add(found) for found in (*ALL, ALL[0])] == [Filed.NEW] * 3 + [Filed.KNOWN]
    file.close()
    again = EvidenceFile(tmp_path / "evidence")
    assert again.add(ALL[1]) is Filed.KNOWN
    assert again.add(_observations(T0 + SLOT_MS)) is Filed.NEW
    assert read(tmp_path / "evidence")[:3] == ALL
    assert len(read(tmp_path / "evidence")) == 4


def test_no_file_is_no_evidence(tmp_path: Path):
    """Nothing was found yet."""
    assert read(tmp_path / "evidence") == []


def test_evidence_is_on_disk_when_it_is_kept(tmp_path: Path, monkeypatch):
    """The file is synced at every piece, and its folder when it is made."""
    synced: list[str] = []
    real = os.fsync

    def fsync(file: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{file}").readlink()))
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    file = EvidenceFile(tmp_path / "evidence")
    file.add(ALL[0])
    file.add(ALL[0])
    assert synced == [str(tmp_path), str(tmp_path / "evidence")]


@pytest.mark.parametrize("left", [1, 11, 12, 13, 200, -1])
def test_a_piece_that_a_crash_cut_is_put_aside(tmp_path: Path, left):
    """What was kept before is there, and what is found after is kept."""
    path = tmp_path / "evidence"
    file = EvidenceFile(path)
    file.add(ALL[0])
    whole = path.stat().st_size
    file.add(ALL[1])
    file.close()
    end = whole + left if left > 0 else path.stat().st_size + left
    os.truncate(path, end)
    again = EvidenceFile(path)
    assert read(path) == [ALL[0]]
    assert (tmp_path / "evidence.bad").stat().st_size == end - whole
    assert again.add(ALL[1]) is Filed.NEW
    assert read(path) == ALL[:2]


def test_a_damaged_piece_does_not_hide_what_comes_after(tmp_path: Path):
    """It is put aside with all that follows, and found again is kept again."""
    path = tmp_path / "evidence"
    file = EvidenceFile(path)
    for found in ALL:
        file.add(found)
    file.close()
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    again = EvidenceFile(path)
    assert read(path) == []
    assert (tmp_path / "evidence.bad").read_bytes() == bytes(data)
    assert again.add(ALL[2]) is Filed.NEW


def test_a_member_that_lies_all_day_fills_its_own_share_only(tmp_path: Path):
    """What is found of others is kept as before."""
    file = EvidenceFile(tmp_path / "evidence", 1_800)
    kept = [file.add(_observations(T0 + at * SLOT_MS)) for at in range(5)]
    assert kept == [Filed.NEW] * 2 + [Filed.FULL] * 3
    assert file.add(_observations(member=1)) is Filed.NEW
    file.close()
    assert EvidenceFile(tmp_path / "evidence", 1_800).add(_observations(T0 - SLOT_MS)) is Filed.FULL


def test_a_disk_that_takes_nothing_is_said(tmp_path: Path, monkeypatch):
    """Half a piece is cut off again, and the next one is whole."""
    path = tmp_path / "evidence"
    file = EvidenceFile(path)
    real = os.fsync

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Retryable, match="No space left"):
        file.add(ALL[0])
    monkeypatch.setattr(os, "fsync", real)
    assert path.stat().st_size == 0
    assert file.add(ALL[0]) is Filed.NEW
    assert read(path) == [ALL[0]]


def test_a_file_without_a_folder_is_said(tmp_path: Path):
    """One line, and no traceback, for a path that cannot be."""
    with pytest.raises(ConfigError, match="cannot be opened"):
        EvidenceFile(tmp_path / "nowhere" / "evidence")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / "folder")
