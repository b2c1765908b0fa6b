"""A key in memory: it signs what it is given, and is neither copied nor shown."""

from __future__ import annotations

import copy
import pickle

import pytest
from eth_account import Account
from eth_hash.auto import keccak

from oracle.keys.signer import LocalSigner
from oracle.model.errors import ConfigError
from oracle.report.signature import ORDER, recover

SECRET = bytes(range(1, 33))


async def test_it_signs_the_hash_of_the_message():
    """The address is that of another library, and recovers."""
    signer = LocalSigner(SECRET)
    assert signer.address == bytes.fromhex(Account.from_key(SECRET).address[2:])
    assert recover(keccak(b"message"), await signer.sign(b"message")) == signer.address


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_it_is_not_copied(copied):
    """Neither to another process nor to a file."""
    with pytest.raises(TypeError, match="neither copied nor written down"):
        copied(LocalSigner(SECRET))


@pytest.mark.parametrize("secret", [bytes(32), ORDER.to_bytes(32, "big"), b"\x01" * 31])
def test_what_is_no_secret(secret: bytes):
    """Zero, the order, and another length are told without being shown."""
    with pytest.raises(ConfigError, match="a secret must be 32 bytes") as caught:
        LocalSigner(secret)
    assert secret.hex() not in str(caught.value)
