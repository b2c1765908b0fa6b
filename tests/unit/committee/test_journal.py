"""The signing journal: what is on disk, and who may own it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from oracle.bus.memory import MemoryBus
from oracle.committee.journal import Signed, SigningJournal
from oracle.model.errors import ConfigError, Retryable
from tests.unit.committee.test_signing import _attestor

SIGNED = Signed("0xab", 1, 42, 42_000_000, "cd", {0: 7}, b"body")


def test_a_journal_remembers_over_a_restart(tmp_path: Path):
    """What was signed is there for the next process."""
    journal = SigningJournal(tmp_path / "j.json")
    journal.write(SIGNED)
    journal.close()
    assert SigningJournal(tmp_path / "j.json").newest == SIGNED


@pytest.mark.parametrize("text", ["", "{", "{}", '{"epoch":1,"slot":42,"digest":"ab"}'])
def test_a_damaged_journal_stops_the_signer(tmp_path: Path, text):
    """Forgetting what was signed is no option: a person must look."""
    (tmp_path / "j.json").write_text(text)
    with pytest.raises(ConfigError, match="damaged"):
        SigningJournal(tmp_path / "j.json")


def test_two_processes_cannot_own_one_journal(tmp_path: Path):
    """The second signer with the same keys and state does not start."""
    first = SigningJournal(tmp_path / "j.json")
    with pytest.raises(ConfigError, match="in use"):
        SigningJournal(tmp_path / "j.json")
    first.close()
    SigningJournal(tmp_path / "j.json")


def test_a_journal_without_a_folder_is_said(tmp_path: Path):
    """One line, and no traceback, for a path that cannot be."""
    with pytest.raises(ConfigError, match="cannot be opened"):
        SigningJournal(tmp_path / "nowhere" / "j.json")


def test_a_disk_that_takes_nothing_changes_nothing(tmp_path: Path):
    """A write that fails can be tried again, and what was signed before stays."""
    journal = SigningJournal(tmp_path / "j.json")
    journal.write(SIGNED)
    (tmp_path / "j.part").mkdir()
    with pytest.raises(Retryable, match="cannot be written"):
        journal.write(Signed("0xab", 1, 43, 43_000_000, "ef", {0: 8}, b"next"))
    assert journal.newest == SIGNED
    journal.close()
    assert SigningJournal(tmp_path / "j.json").newest == SIGNED


def test_a_signature_is_durable_with_its_folder(tmp_path: Path, monkeypatch):
    """A rename is on disk only when its folder is, so both are synced, the folder last."""
    synced: list[str] = []
    real = os.fsync

    def fsync(file: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{file}").readlink()))
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    SigningJournal(tmp_path / "j.json").write(SIGNED)
    assert synced == [str(tmp_path / "j.part"), str(tmp_path)]


def test_a_journal_of_another_deployment_is_refused():
    """Its slots and times mean nothing here."""
    journal = SigningJournal(None)
    journal.write(SIGNED)
    with pytest.raises(ConfigError, match="of deployment 0xab"):
        _attestor(MemoryBus(), journal=journal)


def test_a_crash_at_any_byte_leaves_the_old_entry_or_the_new(tmp_path: Path):
    """However much of the next entry is there, the file that counts is whole."""
    journal = SigningJournal(tmp_path / "j.json")
    journal.write(SIGNED)
    whole = (tmp_path / "j.json").read_bytes()
    journal.close()
    for length in range(len(whole)):
        (tmp_path / "j.part").write_bytes(whole[:length])
        again = SigningJournal(tmp_path / "j.json")
        assert again.newest == SIGNED
        again.close()
    (tmp_path / "j.json").write_bytes(whole[:-1])  # what a write in place would have left
    with pytest.raises(ConfigError, match="damaged"):
        SigningJournal(tmp_path / "j.json")


def test_a_journal_of_the_release_before_is_read(tmp_path: Path):
    """It had neither view nor proposal, since one process signed for all."""
    (tmp_path / "j.json").write_text(
        '{"deployment":"0xab","epoch":1,"slot":42,"time_ns":42000000,"digest":"cd",'
        '"group_ms":{"0":7},"body":"Ym9keQ=="}'
    )
    assert SigningJournal(tmp_path / "j.json").newest == SIGNED
