"""Encrypted key files, and their passwords: Ethereum keystores, version 3."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Final

from eth_account import Account

from oracle.config.keys import KeyConfig
from oracle.keys.signer import LocalSigner
from oracle.model.errors import ConfigError

SCRYPT_N: Final = 2**18
"""geth's: a second and 256 MiB for us at a start, and for whoever stole the file at each guess."""
RECURSION_LIMIT: Final = 1000
"""Python's own. Importing eth_account raises it to 100,000, for a curve we do not use, and a deeply
nested JSON answer of a node or venue would then end the process instead of raising."""

sys.setrecursionlimit(RECURSION_LIMIT)


def decrypt_keystore(path: Path, password: str) -> bytes:
    """Return the 32-byte secret of a keystore file.

    Raises:
        ConfigError: unreadable, not a keystore, or a wrong password. The text names the file and
            never the password or the key.
    """
    try:
        content = json.loads(path.read_text())
        return bytes(Account.decrypt(content, password))
    except OSError as error:
        raise ConfigError(f"cannot read keystore {path}: {error.strerror}") from error
    except ValueError as error:
        if "MAC mismatch" in str(error):
            text = f"wrong password for {path}: check password_file or password_env"
            raise ConfigError(text) from None
        raise ConfigError(f"not a version 3 keystore: {path}") from None
    except (KeyError, TypeError, AttributeError, NotImplementedError):
        raise ConfigError(f"not a version 3 keystore: {path}") from None


def write_keystore(path: Path, secret: bytes, password: str, scrypt_n: int = SCRYPT_N) -> str:
    """Encrypt a secret into a new file that only this user may read; return its address.

    Raises:
        ConfigError: there is such a file already, or it cannot be written.
    """
    content = Account.encrypt(secret, password, kdf="scrypt", iterations=scrypt_n)
    write_private(path, json.dumps(content))
    return f"0x{LocalSigner(secret).address.hex()}"


def write_private(path: Path, text: str) -> None:
    """Write a file that never existed with wider rights, and is on disk when this returns.

    Raises:
        ConfigError: there is such a file already, or it cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise ConfigError(
            f"{path} exists: a key is never written over; name another file"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def password_of(key: KeyConfig) -> str:
    """Return a keystore's password: from a file or the environment, never from an argument.

    Raises:
        ConfigError: the file cannot be read or the variable is not set.
    """
    return password_from(key.password_file, key.password_env, f"keystore {key.keystore}")


def password_from(file: Path | None, variable: str | None, owner: str) -> str:
    """Return the password of `owner`: what the file holds, else the environment's variable.

    Raises:
        ConfigError: the file cannot be read or the variable is not set.
    """
    if file is not None:
        try:
            return file.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ConfigError(f"cannot read password file {file} of {owner}: {why}") from None
    name = variable or ""
    if name not in os.environ:
        raise ConfigError(f"environment variable {name} (password of {owner}) is not set")
    return os.environ[name]
