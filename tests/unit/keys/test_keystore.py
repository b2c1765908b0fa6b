"""Keystores: the right password opens them, and nothing secret is ever said."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from eth_account import Account

from oracle.keys.keystore import RECURSION_LIMIT, decrypt_keystore
from oracle.model.errors import ConfigError

PASSWORD = "correct horse"
SECRET = bytes(range(1, 33))


def test_a_keystore_opens_with_its_password(tmp_path: Path):
    """The secret comes back."""
    file = tmp_path / "key.json"
    file.write_text(json.dumps(Account.encrypt(SECRET, PASSWORD, iterations=2)))
    assert decrypt_keystore(file, PASSWORD) == SECRET


def test_a_wrong_password_is_said_without_the_password(tmp_path: Path):
    """One line naming the file; never the password or the key."""
    file = tmp_path / "key.json"
    file.write_text(json.dumps(Account.encrypt(SECRET, PASSWORD, iterations=2)))
    with pytest.raises(ConfigError, match=r"wrong password for .*key\.json") as raised:
        decrypt_keystore(file, "guess")
    assert "guess" not in str(raised.value)
    assert SECRET.hex() not in str(raised.value)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "1", "no json", '{"version": 3}', '{"crypto": 1}', '{"version": 9}']
)
def test_what_is_no_keystore_is_said(tmp_path: Path, text):
    """Garbage in a keystore's place is a configuration error."""
    file = tmp_path / "key.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match="not a version 3 keystore"):
        decrypt_keystore(file, PASSWORD)


def test_a_keystore_that_is_not_there(tmp_path: Path):
    """The path is named."""
    with pytest.raises(ConfigError, match=r"cannot read keystore .*none\.json"):
        decrypt_keystore(tmp_path / "none.json", PASSWORD)


@pytest.mark.parametrize(
    "modules", ["oracle.cli.stack", "oracle.cli.demo.play", "oracle.cli.replay_chain"]
)
def test_nested_json_cannot_end_the_process(modules: str):
    """With everything imported, a hostile answer raises instead of overflowing the stack."""
    code = (
        f"import {modules}, feeds.evm.uniswap3, json, sys\n"
        f"assert sys.getrecursionlimit() == {RECURSION_LIMIT}\n"
        "try: json.loads('[' * 100_000)\n"
        "except RecursionError: print('raised')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "raised"), done.stderr
