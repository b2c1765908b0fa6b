"""Keys of the sandbox: fresh at every start, encrypted at rest, worth nothing."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final, NamedTuple

from eth_account import Account

from oracle.keys.keystore import write_keystore, write_private

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
        write_private(password_file, secrets.token_urlsafe(32))
    password = password_file.read_text()
    accounts = sorted((Account.create() for _ in range(count)), key=lambda a: int(a.address, 16))
    keys = []
    for number, account in enumerate(accounts):
        keystore = folder / f"{prefix}-{number}.json"
        keystore.unlink(missing_ok=True)
        write_keystore(keystore, bytes(account.key), password, SCRYPT_N)
        keys.append(SandboxKey(account.address, keystore, password_file))
    return keys
