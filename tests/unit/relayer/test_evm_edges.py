"""Small parts of the EVM side: names of reverts, words of refusals, keystores."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from relayer.evm.abi import stored_groups
from relayer.evm.errors import MAX_REASON, NodeError, SendRefusal, send_refusal_of
from relayer.evm.reverts import Reverts

ABI: list[dict[str, Any]] = [
    {"type": "error", "name": "BadSignature", "inputs": [{"type": "uint256"}]},
    {"type": "function", "name": "update", "inputs": []},
]


ENDLESS = encode(["uint256"] * 2, [32, 2**255])
"""Bytes that say to be longer than any memory."""


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (keccak(b"BadSignature(uint256)")[:4] + encode(["uint256"], [3]), "BadSignature(3)"),
        (keccak(b"BadSignature(uint256)")[:4] + b"cut", "BadSignature"),
        (keccak(b"Error(string)")[:4] + encode(["string"], ["paused"]), "Error(paused)"),
        (keccak(b"Panic(uint256)")[:4] + encode(["uint256"], [17]), "Panic(17)"),
        (keccak(b"Error(string)")[:4] + encode(["bytes"], [b"\xff"]), "Error"),
        (
            keccak(b"Error(string)")[:4] + encode(["string"], ["x" * 10**5]),
            "Error(" + "x" * (MAX_REASON - 6),
        ),
        (keccak(b"Error(string)")[:4] + ENDLESS, "Error"),
        (b"\x01\x02\x03\x04", "unknown error 0x01020304"),
        (b"", "no reason given"),
    ],
)
def test_reverts_have_names(data: bytes, name: str) -> None:
    """As the contract declared them; what nobody declared is shown as bytes."""
    assert Reverts(ABI).name(data) == name


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ("already known", SendRefusal.KNOWN),
        ("transaction already imported", SendRefusal.KNOWN),
        ("nonce too low: next nonce 5, tx nonce 3", SendRefusal.SPENT),
        ("replacement transaction underpriced", SendRefusal.UNDERPRICED),
        ("transaction underpriced: tip needed 1", SendRefusal.UNDERPRICED),
        ("insufficient funds for gas * price + value", SendRefusal.POOR),
        ("Insufficient funds for gas", SendRefusal.POOR),
        ("header not found", SendRefusal.OTHER),
    ],
)
def test_refusals_are_told_by_their_words(words: str, refusal: SendRefusal) -> None:
    """The words are those of geth, Nethermind, Erigon and anvil."""
    assert (
        send_refusal_of(NodeError("home", "eth_sendRawTransaction", {"message": words})) is refusal
    )


def test_stored_groups_of_an_update() -> None:
    """The event packs group and word; anything else stores nothing."""
    packed = b"".join(group.to_bytes(2, "big") + bytes(32) for group in (0, 3, 1023))

    assert stored_groups(encode(["uint64", "bytes"], [7, packed])) == (0, 3, 1023)
    assert stored_groups(b"") == ()
    assert stored_groups(encode(["uint256"] * 3, [7, 64, 2**255])) == ()
