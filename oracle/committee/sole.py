"""Whether another process of the same bus has our keys.

A signing journal guards one folder. A second process with a folder of its own, on another machine
or from a backup, would sign other values for the same slots: here it is refused before it signs.
It is no lease: who signs goes on while the group cannot be reached.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import structlog

from oracle.bus.interface import Bus
from oracle.model.errors import ConfigError, Retryable

GROUP: Final = "signers"
PATIENCE_S: Final = 60.0
"""A process that was killed is in the group for a session more; one that lives stays."""
_RETRY_S: Final = 1.0

_log = structlog.get_logger(__name__)


class _Claim(msgspec.Struct, frozen=True):
    name: str
    keys: tuple[str, ...]
    signs: bool


class SoleSigner:
    """One process's part in the group of those that sign. Its name is new at every start: a copy of
    a folder must not have the name of whom it was copied from."""

    def __init__(self, bus: Bus, keys: Sequence[bytes], *, patience_s: float = PATIENCE_S) -> None:
        self._bus: Final = bus
        self._keys: Final = tuple("0x" + key.hex() for key in keys)
        self._name: Final = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        self._patience_s: Final = patience_s
        self._alone: Final = asyncio.Event()

    async def alone(self) -> None:
        """Wait until nobody else has the keys; nothing may be signed before."""
        await self._alone.wait()

    async def run(self) -> None:
        """Take part until cancelled; a group that cannot be reached is joined again.

        Raises:
            ConfigError: another process has one of the keys, and does not end.
        """
        while True:
            try:
                await self._take_part()
            except Retryable as error:
                _log.warning("group_unreachable", group=GROUP, error=str(error))
            await asyncio.sleep(_RETRY_S)

    async def _take_part(self) -> None:
        async with self._bus.share(GROUP, self._name, self._claim, divide) as sharing:
            ends = time.monotonic() + self._patience_s
            others: dict[str, str] | None = None
            while True:
                share = await sharing.next()
                if share is not None:
                    others = self._others(share)
                if others == {}:
                    self._alone.set()
                elif others and (self._alone.is_set() or time.monotonic() > ends):
                    raise ConfigError(_refused(others))

    def _claim(self) -> bytes:
        return msgspec.json.encode(_Claim(self._name, self._keys, self._alone.is_set()))

    def _others(self, share: bytes) -> dict[str, str]:
        """Return which of our keys another process has, with its name."""
        owners = msgspec.json.decode(share, type=dict[str, str])
        found = {key: owners.get(key, "") for key in self._keys}
        others = {key: name for key, name in found.items() if name != self._name}
        if others and not self._alone.is_set():
            _log.warning("another_process_signs", keys=others, do="end one of the two")
        return others


def divide(claims: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return for each member whose each key is: who signs with it already, else the first."""
    read = sorted(filter(None, map(_read, claims.values())), key=lambda one: one.name)
    owners: dict[str, str] = {}
    for claim in sorted(read, key=lambda one: not one.signs):
        for key in claim.keys:
            owners.setdefault(key, claim.name)
    return dict.fromkeys(claims, msgspec.json.encode(owners))


def _read(claim: bytes) -> _Claim | None:
    """Return a claim; another version's is None, and its member is told that nothing is its own."""
    try:
        return msgspec.json.decode(claim, type=_Claim)
    except msgspec.MsgspecError:
        return None


def _refused(others: Mapping[str, str]) -> str:
    said = ", ".join(f"{key} (process {name or 'unknown'})" for key, name in others.items())
    return (
        f"another process signs with {said}: two would sign two reports for one slot, which is "
        "proof of fraud; end one of the two, and keep the one whose state folder is the member's"
    )
