"""The file that says what was deployed where, on disk after each step and before each broadcast.

It holds signed transactions, which anybody may see, and no key.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from oracle.durable import replace_file
from oracle.model.errors import ConfigError, Retryable

VERSION: Final = 1


class Bid(msgspec.Struct, frozen=True):
    """A transaction that was signed for a step; a later one replaces it at a higher fee."""

    hash: str
    raw: str
    max_wei: int
    priority_wei: int | None


class Outcome(msgspec.Struct, frozen=True):
    """The transaction of a step that is in a block."""

    hash: str
    block: int
    gas_used: int
    paid_wei: int
    succeeded: bool = True
    block_hash: str = ""
    """Another one later: the chain dropped the block."""


class AdapterRecord(msgspec.Struct, frozen=True):
    """An adapter. Whatever it was deployed with is part of its address, and never changes."""

    contract: str
    address: str
    creation_code_keccak: str


class StepRecord(msgspec.Struct, frozen=True):
    """One step: the nonce it has, what was signed for it, and what became of it."""

    nonce: int
    bids: tuple[Bid, ...]
    outcome: Outcome | None = None


class Deployed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds."""

    chain: str
    chain_id: int
    contract: str
    address: str
    compiler: str
    creation_code_keccak: str
    parameters: dict[str, Any]
    steps: dict[str, StepRecord] = {}
    adapters: dict[str, AdapterRecord] = {}
    complete: bool = False
    """Everything was read back as it should be, so many blocks deep as the deploy file says."""
    version: int = VERSION


class Record:
    """One chain's file, owned by one process at a time."""

    def __init__(self, path: Path, fresh: Deployed) -> None:
        """Take the file, which is empty or of the same deployment.

        Raises:
            ConfigError: of another deployment (with what differs), in use, damaged or out of reach.
        """
        self.path: Final = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock: Final = os.open(
                path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise ConfigError(f"cannot take record {path}: {error.strerror}") from error
        try:
            self._own()
            found = self._read() or fresh
            _refuse_another(path, found, fresh)
            added = fresh.adapters.keys() - found.adapters.keys()
            self.deployed: Deployed = msgspec.structs.replace(
                found,
                adapters=found.adapters | fresh.adapters,
                complete=found.complete and not added,
            )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the file up."""
        os.close(self._lock)

    def step(self, name: str) -> StepRecord | None:
        """Return what is known of a step."""
        return self.deployed.steps.get(name)

    def write_step(self, name: str, step: StepRecord) -> None:
        """Make a step durable; nothing may be broadcast for it before.

        Raises:
            Retryable: the disk does not take it.
        """
        steps = {**self.deployed.steps, name: step}
        self._write(msgspec.structs.replace(self.deployed, steps=steps, complete=False))

    def drop_step(self, name: str) -> None:
        """Forget a step whose nonce another transaction took.

        Raises:
            Retryable: the disk does not take it.
        """
        steps = {key: step for key, step in self.deployed.steps.items() if key != name}
        self._write(msgspec.structs.replace(self.deployed, steps=steps, complete=False))

    def write_complete(self) -> None:
        """Note that everything is as it should be."""
        if not self.deployed.complete:
            self._write(msgspec.structs.replace(self.deployed, complete=True))

    def _own(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"{self.path} is in use by another 'plumb deploy'") from None

    def _read(self) -> Deployed | None:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Deployed)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"cannot read record {self.path}: {error.strerror}") from error
        except msgspec.MsgspecError as error:
            raise ConfigError(
                f"record {self.path} is damaged ({error}): move it away; what is on the chain is "
                "found again once the wallet has nothing pending"
            ) from error

    def _write(self, deployed: Deployed) -> None:
        content = msgspec.json.format(msgspec.json.encode(deployed), indent=2)
        try:
            replace_file(self.path, content + b"\n")
        except OSError as error:
            raise Retryable(f"record {self.path} cannot be written: {error.strerror}") from error
        self.deployed = deployed


def _refuse_another(path: Path, found: Deployed, wanted: Deployed) -> None:
    known = _flat(msgspec.to_builtins(found))
    asked = _flat(msgspec.to_builtins(wanted))
    differing = [
        f"{name} is {known.get(name)}, the deploy file says {asked.get(name)}"
        for name in sorted(known.keys() | asked.keys())
        if known.get(name) != asked.get(name)
    ]
    differing += [
        f"adapter {name} is at {found.adapters[name].address}, by the deploy file it would be at "
        f"{wanted.adapters[name].address}: it never changes, so give the other one another name"
        for name in sorted(found.adapters.keys() & wanted.adapters.keys())
        if found.adapters[name] != wanted.adapters[name]
    ]
    if differing:
        raise ConfigError(
            f"{path} is the record of another deployment: {'; '.join(differing)}. Restore the "
            "deploy file to continue that one; for one of its own give another --record folder"
        )


def _flat(data: Mapping[str, Any], path: str = "") -> dict[str, str]:
    """Return what must not change, by dotted name."""
    flat: dict[str, str] = {}
    for key, value in data.items():
        if not path and key in ("steps", "complete", "adapters"):
            continue
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{path}{key}.")
        else:
            flat[f"{path}{key}"] = str(value)
    return flat
