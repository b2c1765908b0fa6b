"""The EIP-712 digest that members sign: it names the deployment and no chain."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from eth_hash.auto import keccak

_DOMAIN_TYPE: Final = keccak(b"EIP712Domain(string name,string version,bytes32 salt)")
_REPORT_TYPE: Final = keccak(b"Report(bytes32 root,bytes32 inputsRoot,uint32 epoch,uint64 slot)")
_NAME, _VERSION = keccak(b"Plumbline"), keccak(b"1")


def deployment_salt(network: str, home_governor: bytes, nonce: int) -> bytes:
    """Return `keccak256(abi.encode(network, homeGovernor, nonce))`; the governor is 20 bytes."""
    text = network.encode()
    padded = text + bytes(-len(text) % 32)
    head = (96).to_bytes(32, "big") + bytes(12) + home_governor + nonce.to_bytes(32, "big")
    return keccak(head + len(text).to_bytes(32, "big") + padded)


@lru_cache(64)
def domain_separator(salt: bytes) -> bytes:
    """Return the domain separator of the deployment with this salt (32 bytes)."""
    return keccak(_DOMAIN_TYPE + _NAME + _VERSION + salt)


def report_message(domain: bytes, root: bytes, inputs_root: bytes, epoch: int, slot: int) -> bytes:
    """Return the 66 bytes whose keccak256, the digest, each member signs."""
    struct = (
        _REPORT_TYPE + root + inputs_root + epoch.to_bytes(32, "big") + slot.to_bytes(32, "big")
    )
    return b"\x19\x01" + domain + keccak(struct)
