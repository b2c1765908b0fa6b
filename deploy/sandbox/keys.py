"""Keys of the sandbox: fresh at every start, encrypted at rest, worth nothing."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Final, NamedTuple

from eth_account import Account

SCRYPT_N: Final = 4096
"""Work factor for a sandbox that starts in a second. Keys worth something take 2**18, geth's
default, which is 64 times the work for us and for whoever steals the file."""

PASSWORD_FILE: Final = "password"  # noqa: S105 - a file name


class SandboxKey(NamedTuple):
    """One key on disk."""

    address: str
    keystore: Path
    password_file: Path


def make_keys(folder: Path, count: int, *, prefix: str = "member") -> list[SandboxKey]:
    """Make `count` random keys under one random password; return them by rising address.

    `folder` becomes 0700, its files 0600: `<prefix>-N.json` (keystore version 3, scrypt) in the
    order returned, and `password`, which an earlier call in this folder may have made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    password_file = folder / PASSWORD_FILE
    if not password_file.exists():
        _write_private(password_file, secrets.token_urlsafe(32))
    password = password_file.read_text()
    accounts = sorted((Account.create() for _ in range(count)), key=lambda a: int(a.address, 16))
    keys = []
    for number, account in enumerate(accounts):
        encrypted = Account.encrypt(account.key, password, kdf="scrypt", iterations=SCRYPT_N)
        keystore = folder / f"{prefix}-{number}.json"
        _write_private(keystore, json.dumps(encrypted))
        keys.append(SandboxKey(account.address, keystore, password_file))
    return keys


def _write_private(path: Path, text: str) -> None:
    """Write a file that never existed with wider rights."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text)
