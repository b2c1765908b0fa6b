"""A shard's newest state in a file, so that a restart goes on where the last run ended.

Without it averages, breakers, latches and the scale of every market would begin anew with every
restart: the worst moment to forget them is the one in which somebody restarts in a hurry.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock

import msgspec

from oracle.bus.shards import Snapshot
from oracle.model.errors import SchemaError


class SnapshotFile:
    """One shard's snapshot, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = Lock()

    def save(self, snapshot: Snapshot) -> None:
        """Replace the file; a crash leaves the old one or the new one. Threads take turns."""
        fresh = self._path.with_suffix(".new")
        with self._turn:
            with fresh.open("wb") as file:
                file.write(msgspec.msgpack.encode(snapshot))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)

    def load(self) -> Snapshot | None:
        """Return what was saved last, if anything.

        Raises:
            SchemaError: the file is damaged.
        """
        if not self._path.exists():
            return None
        try:
            return msgspec.msgpack.decode(self._path.read_bytes(), type=Snapshot)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise SchemaError(f"{self._path.name} does not decode: {error}") from error

    def set_aside(self) -> Path | None:
        """Move the file out of the way, as `.bad`, for whoever wants to know; return where."""
        if not self._path.exists():
            return None
        return self._path.replace(self._path.with_suffix(".bad"))
