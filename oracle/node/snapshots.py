"""The engine's state in a file, so that a restart goes on where the last run ended.

Without it averages, breakers, latches and the scale of every market would begin anew with every
restart: the worst moment to forget them is the one in which somebody restarts in a hurry.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import Final

import structlog

from oracle.engine.engine import Engine
from oracle.engine.spec import EngineSpec
from oracle.model.errors import SchemaError

EVERY_NS: Final = 10 * 10**9
"""Step time between two snapshots: what a crash can lose."""

_log = structlog.get_logger(__name__)


class SnapshotFile:
    """One engine's snapshot, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = Lock()

    def save(self, snapshot: bytes) -> None:
        """Replace the file; a crash leaves the old one or the new one. Threads take turns."""
        fresh = self._path.with_suffix(".new")
        with self._turn:
            with fresh.open("wb") as file:
                file.write(snapshot)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)

    def restore(self, spec: EngineSpec, now_ns: int) -> Engine:
        """Return an engine that goes on from the file, or a new one where there is none to use.

        A file that does not decode, or that is of a later time than now, is set aside as `.bad`.
        """
        if not self._path.exists():
            return Engine(spec)
        try:
            engine = Engine(spec, self._path.read_bytes())
            if engine.time_ns <= now_ns:
                _log.info("engine_restored", age_s=(now_ns - engine.time_ns) / 1e9)
                return engine
            why = f"it is {(engine.time_ns - now_ns) / 1e9:.0f} s ahead of the clock"
        except SchemaError as error:
            why = str(error)
        aside = self._path.with_suffix(".bad")
        self._path.replace(aside)
        _log.error(
            "engine_snapshot_unusable",
            why=why,
            kept_as=str(aside),
            advice="averages, breakers and latches start anew: look at the first marks",
        )
        return Engine(spec)
