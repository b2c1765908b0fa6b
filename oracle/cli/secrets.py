"""Passwords of keystores: from a file or the environment, never from an argument."""

from __future__ import annotations

import os

from oracle.config.deployment import KeyConfig
from oracle.model.errors import ConfigError


def password_of(key: KeyConfig) -> str:
    """Return a keystore's password.

    Raises:
        ConfigError: the file cannot be read or the variable is not set.
    """
    if key.password_file is not None:
        try:
            return key.password_file.read_text().rstrip("\r\n")
        except OSError as error:
            raise ConfigError(
                f"cannot read password file {key.password_file} of keystore {key.keystore}: "
                f"{error.strerror}"
            ) from error
    name = key.password_env or ""
    if name not in os.environ:
        raise ConfigError(f"environment variable {name} (password of {key.keystore}) is not set")
    return os.environ[name]
