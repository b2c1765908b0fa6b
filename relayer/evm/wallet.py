"""The wallet that pays: decrypted in memory only, never logged, never written."""

from __future__ import annotations

import json
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from oracle.model.errors import ConfigError


def load_wallet(keystore: Path, password: str) -> LocalAccount:
    """Decrypt an Ethereum keystore file (version 3).

    Raises:
        ConfigError: no such file, not a keystore, or the wrong password.
    """
    try:
        text = keystore.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"keystore {keystore} cannot be read: {error}") from error
    try:
        content = json.loads(text)
        if not isinstance(content, dict):
            raise TypeError("not a JSON object")  # noqa: TRY301 (one message for every malformation)
        key = Account.decrypt(content, password)
    except ValueError as error:
        if "MAC mismatch" in str(error):
            raise ConfigError(
                f"keystore {keystore}: wrong password; check password_file or password_env"
            ) from None
        raise ConfigError(_malformed(keystore, error)) from error
    except (TypeError, KeyError, NotImplementedError) as error:
        raise ConfigError(_malformed(keystore, error)) from error
    wallet: LocalAccount = Account.from_key(key)
    return wallet


def _malformed(keystore: Path, error: Exception) -> str:
    return f"keystore {keystore} is not an Ethereum keystore of version 3: {error}"
