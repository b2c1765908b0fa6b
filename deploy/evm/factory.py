"""An address that follows from the code: CREATE2 through the deterministic deployment proxy.

The proxy (github.com/Arachnid/deterministic-deployment-proxy) is at one address on nearly every
chain, and takes `salt || creation code`. Whoever deploys the same code with the same constructor
arguments through it gets the same address: running again finds what is there, and nobody can
put anything else there.
"""

from __future__ import annotations

from typing import Final

from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

FACTORY: Final = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
FACTORY_CODE: Final = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035"
    "828234f58015156039578182fd5b8082525050506014600cf3"
)
"""Pinned: whatever else is at that address would make an address of its own choosing."""
NOBODY: Final = "0x" + "00" * 20
SALT: Final = keccak(b"plumbline.oracle")


def address_of(creation: bytes) -> str:
    """Return where the factory puts this code."""
    factory = bytes.fromhex(FACTORY[2:])
    made = keccak(b"\xff" + factory + SALT + keccak(creation))[12:]
    return str(to_checksum_address(made))


def deploying(creation: bytes) -> bytes:
    """Return what to send to the factory."""
    return SALT + creation
