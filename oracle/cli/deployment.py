"""The deployment that a configuration names, as signatures and contracts know it."""

from __future__ import annotations

from oracle.config.root import Config
from oracle.model.errors import ConfigError
from oracle.report.digest import deployment_salt


def salt_of(config: Config) -> bytes:
    """Return the 32 bytes that every signature and every contract of the deployment has.

    Raises:
        ConfigError: the configuration names no deployment.
    """
    named = config.deployment
    if named is None:
        raise ConfigError("signing, relaying and its watching need the section 'deployment'")
    governor = bytes.fromhex(named.home_governor[2:])
    return deployment_salt(named.network, governor, named.nonce)
