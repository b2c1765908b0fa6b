"""From a key's configuration to its `Signer`."""

from __future__ import annotations

from oracle.config.keys import KeyConfig
from oracle.keys.asking import HeldSigner, Holder
from oracle.keys.keystore import decrypt_keystore, password_of
from oracle.keys.memory import forbid_dumps
from oracle.keys.metrics import KeyMetrics
from oracle.keys.remote import RemoteHolder
from oracle.keys.signer import LocalSigner, Signer
from oracle.model.errors import ConfigError


def open_signer(config: KeyConfig, metrics: KeyMetrics) -> Signer:
    """Return the signer of a key. Reads files; asks nobody else.

    Raises:
        ConfigError: a file, a password or a library is missing or wrong.
    """
    if config.keystore is not None:
        forbid_dumps()
        return LocalSigner(decrypt_keystore(config.keystore, password_of(config)))
    holder: Holder
    if (kms := config.kms) is not None:
        from oracle.keys.kms import KmsHolder  # noqa: PLC0415 - botocore is an extra

        address, timeout_s = bytes.fromhex(kms.address[2:]), kms.timeout / 1e9
        holder = KmsHolder(kms.key_id, kms.region, address, kms.endpoint, timeout_s)
    elif (remote := config.remote) is not None:
        address, timeout_s = bytes.fromhex(remote.address[2:]), remote.timeout / 1e9
        holder = RemoteHolder(remote)
    else:
        raise ConfigError("a key needs one of keystore, kms and remote")
    return HeldSigner(address, holder, timeout_s, metrics)
