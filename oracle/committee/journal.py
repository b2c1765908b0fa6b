"""What this process has signed, on disk before any signature leaves it.

After a restart no slot is signed twice: two values for one time would be evidence of fraud.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from oracle.model.errors import ConfigError


class Signed(msgspec.Struct, frozen=True):
    """The newest signature: its slot, digest, and the time of each group (unix ms)."""

    epoch: int
    slot: int
    digest: str
    group_ms: dict[int, int]


class SigningJournal:
    """One small file, replaced atomically. Without a path it forgets: for tests and replays."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.newest: Signed | None = self._read()

    def _read(self) -> Signed | None:
        if self._path is None or not self._path.exists():
            return None
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Signed)
        except msgspec.MsgspecError as error:
            raise ConfigError(
                f"signing journal {self._path} is damaged ({error}): restore it, or remove it only "
                "if this key has signed nothing for an hour"
            ) from error

    def write(self, signed: Signed) -> None:
        """Make `signed` durable; returns once it is."""
        if self._path is not None:
            part = self._path.with_suffix(".part")
            with part.open("wb") as file:
                file.write(msgspec.json.encode(signed))
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        self.newest = signed
