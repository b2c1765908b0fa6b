"""The EIP-712 messages that members sign on the way to a report, in its own domain.

The types differ from a report's and from each other, so that none is ever taken for another.
"""

from __future__ import annotations

from typing import Final

from eth_hash.auto import keccak

from oracle.report.digest import domain_separator

_OBSERVATION_TYPE: Final = keccak(
    b"Observation(bytes32 contentHash,uint32 epoch,uint64 slot,uint32 view,uint16 member)"
)
_PROPOSAL_TYPE: Final = keccak(
    b"Proposal(bytes32 contentHash,uint32 epoch,uint64 slot,uint32 view,uint16 leader)"
)


def observation_message(
    salt: bytes, content_hash: bytes, epoch: int, slot: int, view: int, member: int
) -> bytes:
    """Return the 66 bytes whose keccak256 a member signs of what it saw."""
    return _message(salt, _OBSERVATION_TYPE, content_hash, epoch, slot, view, member)


def proposal_message(
    salt: bytes, content_hash: bytes, epoch: int, slot: int, view: int, leader: int
) -> bytes:
    """Return the 66 bytes whose keccak256 a leader signs of the observations it chose."""
    return _message(salt, _PROPOSAL_TYPE, content_hash, epoch, slot, view, leader)


def _message(salt: bytes, type_hash: bytes, content_hash: bytes, *numbers: int) -> bytes:
    fields = b"".join(number.to_bytes(32, "big") for number in numbers)
    return b"\x19\x01" + domain_separator(salt) + keccak(type_hash + content_hash + fields)
