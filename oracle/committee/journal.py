"""What this process has signed, on disk before any signature leaves it.

After a restart no slot is signed twice: two values for one time would be evidence of fraud. Nor is
one lost: what was on disk but perhaps not out is signed and published again, byte for byte, since
the next report's `prev_ms` names it.
"""

from __future__ import annotations

import fcntl
import os
import weakref
from collections.abc import Callable
from pathlib import Path

import msgspec

from oracle.durable import replace_file
from oracle.model.errors import ConfigError, Retryable


class Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest report that was signed."""

    deployment: str
    epoch: int
    slot: int
    time_ns: int
    digest: str
    group_ms: dict[int, int]
    """The last time of every group signed in this epoch (unix ms), also of those not in it now."""
    body: bytes
    """The report's wire format, with no signers."""
    view: int = 0
    proposal: bytes = b""
    """What its leader asked to sign, so that any member can finish it; a shared view's has one
    observation. Empty where a release before wrote it."""


class SigningJournal:
    """One small file, replaced atomically, and owned by one process at a time.

    Without a path it forgets: for tests and replays.
    """

    def __init__(self, path: Path | None) -> None:
        """Take the file.

        Raises:
            ConfigError: another process has it, or it is damaged or out of reach.
        """
        self._path = path
        self._release: Callable[[], object] = _nothing_owned
        try:
            if path is not None:
                self._own(path)
            self.newest: Signed | None = self._read()
        except OSError as error:
            raise ConfigError(
                f"signing journal {path} cannot be opened ({error.strerror}): mend its folder and "
                "rights"
            ) from error

    def _own(self, path: Path) -> None:
        lock = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        self._release = weakref.finalize(self, os.close, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"signing journal {path} is in use: one key in two processes would sign two "
                "reports for one slot; stop the other, or give this one keys and state of its own"
            ) from None

    def require(self, deployment: str) -> None:
        """Check that what was signed, if anything, was for this deployment.

        Raises:
            ConfigError: it was for another, where its slots and times mean nothing.
        """
        if self.newest is not None and self.newest.deployment != deployment:
            raise ConfigError(
                f"the signing journal is of deployment {self.newest.deployment}, the "
                f"configuration's is {deployment}: give each deployment a state folder and keys "
                "of its own"
            )

    def close(self) -> None:
        """Give the file up; nothing may be written after."""
        self._release()

    def _read(self) -> Signed | None:
        if self._path is None or not self._path.exists():
            return None
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Signed)
        except msgspec.MsgspecError as error:
            raise ConfigError(
                f"signing journal {self._path} is damaged ({error}): restore it, or remove it only "
                "if this key has signed nothing for an hour; without it the next report says "
                "prev_ms 0"
            ) from error

    def write(self, signed: Signed) -> None:
        """Make `signed` durable; returns once it is.

        Raises:
            Retryable: the disk does not take it; nothing may be signed.
        """
        if self._path is not None:
            try:
                replace_file(self._path, msgspec.json.encode(signed))
            except OSError as error:
                raise Retryable(
                    f"signing journal {self._path} cannot be written ({error.strerror}): nothing "
                    "is signed until it can; free the disk or mend its rights"
                ) from error
        self.newest = signed


def _nothing_owned() -> None:
    """Give up no lock: there is none without a path."""
