"""Decrypt the key files that a configuration names: Ethereum keystores, version 3."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from eth_account import Account

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
