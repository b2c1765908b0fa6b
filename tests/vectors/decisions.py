"""What decisions.json holds: decisions of the home chain, and what attesters sign of each.

Written with `eth_account` and `eth_abi`, which share no code with the contracts.
"""

from __future__ import annotations

from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak

_MAX_64, _MAX_256 = 2**64 - 1, 2**256 - 1
_KEY = keccak(b"plumbline test attester 0")
_FIELDS = {
    "homeChainId": "uint256",
    "homeGovernor": "address",
    "target": "address",
    "nonce": "uint64",
    "payloadHash": "bytes32",
    "eta": "uint64",
    "expiresAt": "uint64",
}
_DOMAIN = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
}


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _address(number: int) -> str:
    return _hex(number.to_bytes(20, "big"))


def _types(fields: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in fields.items()]


def _decision(name: str, chain_id: int, numbers: list[int], calls: list[bytes]) -> dict[str, Any]:
    home, governor, target, nonce, eta, expires = numbers
    made = [(_address(n + 1), data) for n, data in enumerate(calls)]
    payload = encode(["(address,bytes)[]"], [made])
    message = {
        "homeChainId": home,
        "homeGovernor": _address(governor),
        "target": _address(target),
        "nonce": nonce,
        "payloadHash": keccak(payload),
        "eta": eta,
        "expiresAt": expires,
    }
    typed = {
        "types": {"EIP712Domain": _types(_DOMAIN), "Decision": _types(_FIELDS)},
        "primaryType": "Decision",
        "domain": {
            "name": "Plumbline governance",
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": _address(target),
        },
        "message": message,
    }
    signed = Account.sign_message(encode_typed_data(full_message=typed), _KEY)
    numbered = {
        key: str(value) if isinstance(value, int) else value for key, value in message.items()
    }
    return {
        "name": name,
        "chainId": str(chain_id),
        **numbered,
        "payloadHash": _hex(keccak(payload)),
        "payload": _hex(payload),
        "digest": _hex(bytes(signed.message_hash)),
        "signature": _hex(bytes(signed.signature)),
    }


def vectors() -> dict[str, Any]:
    """Compute all vectors."""
    greatest = [_MAX_256, 2**160 - 1, 2**160 - 1, _MAX_64, _MAX_64, _MAX_64]
    usual = [1, 0xC0FFEE, 0xFA2, 1, 1_790_000_000, 1_795_000_000]
    return {
        "version": 1,
        "note": "the test key is keccak256 of a fixed sentence and guards nothing",
        "attester": Account.from_key(_KEY).address,
        "decisions": [
            _decision("one call", 10, usual, [b"\x12\x34\x56\x78" + bytes(32)]),
            _decision("another chain", 11, usual, [b"\x12\x34\x56\x78" + bytes(32)]),
            _decision("the next nonce", 10, [*usual[:3], 2, *usual[4:]], [b"\x00"]),
            _decision("several calls", 10, usual, [b"", bytes(range(33)), b"\xff" * 64]),
            _decision("no call", 10, usual, []),
            _decision("greatest of all", _MAX_64, greatest, [b"\x01"]),
        ],
    }
