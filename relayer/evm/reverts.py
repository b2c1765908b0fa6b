"""Name what a contract reverted with, by the errors of its ABI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak

from relayer.evm.errors import MAX_REASON

_BUILT_IN: Final = (
    {"name": "Error", "inputs": [{"type": "string"}]},
    {"name": "Panic", "inputs": [{"type": "uint256"}]},
)


class Reverts:
    """The errors of one ABI, and the two that Solidity itself raises."""

    def __init__(self, abi: Sequence[dict[str, Any]]) -> None:
        self._errors: Final[dict[bytes, tuple[str, list[str]]]] = {}
        for error in (*_BUILT_IN, *(item for item in abi if item["type"] == "error")):
            types = [entry["type"] for entry in error["inputs"]]
            signature = f"{error['name']}({','.join(types)})"
            self._errors[keccak(signature.encode())[:4]] = (error["name"], types)

    def name(self, data: bytes) -> str:
        """Return for instance `BadSignature(3)`; the bytes in hex for an error nobody declared."""
        if not data:
            return "no reason given"
        known = self._errors.get(data[:4])
        if known is None:
            return f"unknown error 0x{data[:36].hex()}"
        name, types = known
        try:
            values = decode(types, data[4:])
        except (DecodingError, OverflowError, UnicodeDecodeError):  # see abi.stored_groups
            return name
        return f"{name}({', '.join(map(str, values))})"[:MAX_REASON]
