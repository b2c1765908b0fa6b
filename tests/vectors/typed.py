"""The digest of an EIP-712 message as an independent implementation has it."""

from __future__ import annotations

from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data


def digest(salt: bytes, name: str, fields: dict[str, tuple[str, Any]], key: bytes | str) -> bytes:
    """Return what `eth_account` signs with a key for a message of the deployment with this salt.

    Args:
        salt: the domain's.
        name: the message's type.
        fields: type and value of each, by name and in order.
        key: any private key.
    """
    typed = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "salt", "type": "bytes32"},
            ],
            name: [{"name": field, "type": kind} for field, (kind, _) in fields.items()],
        },
        "primaryType": name,
        "domain": {"name": "Plumbline", "version": "1", "salt": salt},
        "message": {field: value for field, (_, value) in fields.items()},
    }
    return bytes(Account.sign_message(encode_typed_data(full_message=typed), key).message_hash)
