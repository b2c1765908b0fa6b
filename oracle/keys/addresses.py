"""The address of a key, without opening it."""

from __future__ import annotations

import json
import re

from oracle.config.keys import KeyConfig
from oracle.keys.keystore import decrypt_keystore, password_of
from oracle.keys.signer import LocalSigner
from oracle.model.errors import ConfigError


def address_of(config: KeyConfig) -> str:
    """Return a key's address, 0x-prefixed in lower case.

    A keystore says it beside the encrypted key; one that leaves it out has to be decrypted.

    Raises:
        ConfigError: the keystore cannot be read, or has no address and cannot be opened.
    """
    if config.kms is not None:
        return config.kms.address.lower()
    if config.remote is not None:
        return config.remote.address.lower()
    if config.keystore is None:
        raise ConfigError("a key needs one of keystore, kms and remote")
    try:
        content = json.loads(config.keystore.read_text())
        said = str(content.get("address", "")).lower().removeprefix("0x")
    except OSError as error:
        raise ConfigError(f"cannot read keystore {config.keystore}: {error.strerror}") from error
    except (ValueError, AttributeError):
        raise ConfigError(f"not a version 3 keystore: {config.keystore}") from None
    if re.fullmatch("[0-9a-f]{40}", said):
        return f"0x{said}"
    return f"0x{LocalSigner(decrypt_keystore(config.keystore, password_of(config))).address.hex()}"
