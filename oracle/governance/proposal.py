"""A proposal: calls, a description, and the number that follows from both."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final, NamedTuple

from eth_abi.abi import encode
from eth_hash.auto import keccak

from oracle.model.errors import ConfigError

_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_DATA: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
STATES: Final = (
    "pending", "active", "canceled", "defeated", "succeeded", "queued", "expired", "executed",
)  # fmt: skip


class Call(NamedTuple):
    """One call of a proposal."""

    target: str
    """In lower case."""
    value_wei: int
    data: bytes


class Proposal(NamedTuple):
    """What is proposed."""

    calls: tuple[Call, ...]
    description: str
    proposer: str | None = None

    @property
    def number(self) -> int:
        """The proposal's ID, as OpenZeppelin's Governor computes it."""
        inner = encode(
            ["address[]", "uint256[]", "bytes[]", "bytes32"],
            [
                [call.target for call in self.calls],
                [call.value_wei for call in self.calls],
                [call.data for call in self.calls],
                keccak(self.description.encode()),
            ],
        )
        return int.from_bytes(keccak(inner), "big")


def of_parts(
    targets: Any, values: Any, datas: Any, description: str, proposer: str | None = None
) -> Proposal:
    """Return the proposal of Governor's parallel lists.

    Raises:
        ValueError: they are of different lengths.
    """
    calls = tuple(
        Call(target.lower(), value, data)
        for target, value, data in zip(targets, values, datas, strict=True)
    )
    return Proposal(calls, description, proposer)


def read(file: Path) -> Proposal:
    """Read a proposal from JSON: `targets`, `values`, `calldatas`, `description`.

    Raises:
        ConfigError: it cannot be read, or is none.
    """
    try:
        said = json.loads(file.read_text())
        targets = [_match(_ADDRESS, target) for target in said["targets"]]
        datas = [bytes.fromhex(_match(_DATA, data)[2:]) for data in said["calldatas"]]
        values = [_wei(value) for value in said.get("values", [0] * len(targets))]
        return of_parts(targets, values, datas, str(said.get("description", "")))
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{file} is no proposal ({error}): give JSON with targets, values, calldatas (lists of "
            "the same length) and description"
        ) from error


def _match(pattern: re.Pattern[str], text: Any) -> str:
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise ValueError(f"{text!r:.80} is not of the form {pattern.pattern}")
    return text


def _wei(value: Any) -> int:
    wei = int(value)
    if not 0 <= wei < 1 << 256:
        raise ValueError(f"{value!r:.80} wei")
    return wei
