"""Encrypted key files, and their passwords: Ethereum keystores, version 3."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Final

from eth_account import Account

from oracle.config.keys import KeyConfig
from oracle.model.errors import ConfigError

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


def password_of(key: KeyConfig) -> str:
    """Return a keystore's password: from a file or the environment, never from an argument.

    Raises:
        ConfigError: the file cannot be read or the variable is not set.
    """
    if key.password_file is not None:
        try:
            return key.password_file.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ConfigError(
                f"cannot read password file {key.password_file} of keystore {key.keystore}: {why}"
            ) from None
    name = key.password_env or ""
    if name not in os.environ:
        raise ConfigError(f"environment variable {name} (password of {key.keystore}) is not set")
    return os.environ[name]
