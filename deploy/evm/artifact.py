"""What the compiler made, and whether a chain has exactly that."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak
from eth_utils.abi import abi_to_signature, get_abi_input_types, get_abi_output_types

from oracle.model.errors import ConfigError, Rejected

FOLDER: Final = Path(__file__).parents[2] / "contracts" / "abi"


@dataclass(frozen=True)
class Artifact:
    """A compiled contract."""

    name: str
    abi: Sequence[dict[str, Any]]
    creation: bytes
    runtime: bytes
    """As deployed, with zeros where the constructor writes immutables."""
    immutables: Sequence[tuple[int, int]]
    """Start and length of each."""
    compiler: str

    @classmethod
    def read(cls, name: str, folder: Path = FOLDER) -> Artifact:
        """Read an exported artifact.

        Raises:
            ConfigError: it is not there, or is none that can be deployed.
        """
        file = folder / f"{name}.json"
        try:
            data = json.loads(file.read_text())
            return cls(
                name,
                data["abi"],
                bytes.fromhex(data["bytecode"][2:]),
                bytes.fromhex(data["deployedBytecode"][2:]),
                [(part["start"], part["length"]) for part in data["immutables"]],
                data["compiler"],
            )
        except OSError as error:
            raise ConfigError(f"cannot read {file}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{file} is no artifact that can be deployed ({error!r}): run 'make contracts'"
            ) from error

    def creation_code(self, arguments: Sequence[object]) -> bytes:
        """Return what a chain runs to make the contract."""
        (constructor,) = (item for item in self.abi if item["type"] == "constructor")
        return self.creation + encode(get_abi_input_types(constructor), arguments)  # type: ignore[arg-type]  # an ABI is JSON to us

    def call(self, function: str, arguments: Sequence[object] = ()) -> bytes:
        """Return the calldata of a function."""
        item = self._function(function)
        selector = keccak(abi_to_signature(item).encode())[:4]  # type: ignore[arg-type]  # as above
        return bytes(selector + encode(get_abi_input_types(item), arguments))  # type: ignore[arg-type]  # as above

    def answer(self, function: str, data: bytes) -> tuple[Any, ...]:
        """Return what a call of a function returned.

        Raises:
            Rejected: that is no answer of this function.
        """
        types = get_abi_output_types(self._function(function))  # type: ignore[arg-type]  # as above
        try:
            return decode(types, data)
        except (DecodingError, UnicodeDecodeError) as error:
            raise Rejected(f"{function} returned {len(data)} bytes that it cannot") from error

    def difference(self, code: bytes) -> str | None:
        """Say how deployed code differs from this contract's, immutables apart, if it does."""
        if len(code) != len(self.runtime):
            return f"{len(code)} bytes of code instead of {len(self.runtime)}"
        masked = bytearray(code)
        for start, length in self.immutables:
            masked[start : start + length] = bytes(length)
        for at, (found, wanted) in enumerate(zip(masked, self.runtime, strict=True)):
            if found != wanted:
                return f"byte {at} of its code is 0x{found:02x} instead of 0x{wanted:02x}"
        return None

    def _function(self, name: str) -> dict[str, Any]:
        (item,) = (item for item in self.abi if item["type"] == "function" and item["name"] == name)
        return item
