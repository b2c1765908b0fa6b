"""Sandbox keys on disk."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from eth_account import Account

from deploy.sandbox.keys import make_keys


def test_keys_open_with_their_password_and_rise_by_address(tmp_path: Path) -> None:
    """Each keystore holds the key of its address, and nothing on disk holds it in the clear."""
    keys = make_keys(tmp_path / "keys", 3)
    numbers = [int(key.address, 16) for key in keys]
    assert numbers == sorted(set(numbers))
    for key in keys:
        secret = Account.decrypt(
            json.loads(key.keystore.read_text()), key.password_file.read_text()
        )
        assert Account.from_key(secret).address == key.address
        assert secret.hex() not in "".join(f.read_text() for f in (tmp_path / "keys").iterdir())


def test_only_the_owner_may_read_them(tmp_path: Path) -> None:
    """The folder is 0700 and every file 0600, also in a folder that was open before."""
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o755)
    make_keys(folder, 1)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_a_second_call_shares_the_password_and_keeps_the_first_keys(tmp_path: Path) -> None:
    """Relayer keys join the committee's folder without making them unreadable."""
    (member,) = make_keys(tmp_path, 1)
    (relayer,) = make_keys(tmp_path, 1, prefix="relayer")
    assert relayer.keystore != member.keystore
    for key in (member, relayer):
        Account.decrypt(json.loads(key.keystore.read_text()), key.password_file.read_text())


def test_a_wrong_password_opens_nothing(tmp_path: Path) -> None:
    """The encryption is real."""
    (key,) = make_keys(tmp_path, 1)
    with pytest.raises(ValueError, match="MAC mismatch"):
        Account.decrypt(json.loads(key.keystore.read_text()), "wrong")
