"""Evidence on disk: append-only, on disk before it is reported, bounded for each member.

A frame is the length, the first eight bytes of the SHA-256, and the evidence. From the first frame
that does not read, such as one that a crash cut off, all is put aside as `.bad`, never deleted.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from enum import Enum
from errno import ENOSPC
from hashlib import sha256
from io import FileIO
from pathlib import Path
from typing import Final

import structlog

from oracle.committee.evidence.proof import Evidence
from oracle.model.errors import ConfigError, Rejected, Retryable

MEMBER_BYTES: Final = 4 * 2**20
"""Kept of one member: so that one who lies all day hides no other's lie, nor fills the disk."""

_FRAME: Final = struct.Struct(">I8s")
_log = structlog.get_logger(__name__)


class Filed(Enum):
    """What became of a piece of evidence."""

    NEW = "new"
    KNOWN = "known"
    FULL = "full"
    """Proven and counted, but its member's share of the file is used up."""


class EvidenceFile:
    """One process's evidence; a second one may read the file meanwhile."""

    def __init__(self, path: Path, member_bytes: int = MEMBER_BYTES) -> None:
        """Open the file, or make it; of each member and epoch it takes up to `member_bytes`.

        Raises:
            ConfigError: out of reach.
        """
        self._path, self._member_bytes = path, member_bytes
        self._keys: set[tuple[int, int, int, int, int]] = set()
        self._bytes: dict[tuple[int, int], int] = {}
        try:
            end = self._index()
            self._file = path.open("ab", buffering=0)
            self._cut(end)
            _sync_folder(path.parent)
        except OSError as error:
            raise ConfigError(
                f"evidence file {path} cannot be opened ({error.strerror}): mend its folder and "
                "rights"
            ) from error

    def add(self, evidence: Evidence) -> Filed:
        """Keep a verified piece; it is on disk when this returns.

        Raises:
            Retryable: the disk does not take it.
        """
        data = evidence.encode()
        owner = evidence.epoch, evidence.member
        used = self._bytes.get(owner, 0) + _FRAME.size + len(data)
        if evidence.key in self._keys:
            return Filed.KNOWN
        if used > self._member_bytes:
            return Filed.FULL
        end = self._file.tell()
        try:
            _write_all(self._file, _framed(data))
            os.fsync(self._file.fileno())
        except OSError as error:
            self._undo(end)
            raise Retryable(
                f"evidence file {self._path} cannot be written ({error.strerror}): free the disk "
                "or mend its rights"
            ) from error
        self._keys.add(evidence.key)
        self._bytes[owner] = used
        return Filed.NEW

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _index(self) -> int:
        end = 0
        if self._path.exists():
            for evidence, after in _frames(self._path.read_bytes()):
                owner = evidence.epoch, evidence.member
                self._keys.add(evidence.key)
                self._bytes[owner] = self._bytes.get(owner, 0) + after - end
                end = after
        return end

    def _cut(self, end: int) -> None:
        rest = self._path.read_bytes()[end:]
        if not rest:
            return
        aside = self._path.with_suffix(".bad")
        with aside.open("ab") as bad:
            bad.write(rest)
            bad.flush()
            os.fsync(bad.fileno())
        _log.error("evidence_damaged", kept_as=str(aside), bytes=len(rest))
        self._file.truncate(end)
        os.fsync(self._file.fileno())

    def _undo(self, end: int) -> None:
        """Leave no half frame before the next one."""
        try:
            self._file.truncate(end)
        except OSError as error:
            _log.error("evidence_not_cut", path=str(self._path), why=error.strerror)


def read(path: Path) -> list[Evidence]:
    """Return the evidence in a file, oldest first; none when there is no file.

    Raises:
        ConfigError: out of reach.
    """
    try:
        return [evidence for evidence, _ in _frames(path.read_bytes())] if path.exists() else []
    except OSError as error:
        raise ConfigError(f"evidence file {path} cannot be read: {error.strerror}") from error


def _write_all(file: FileIO, data: bytes) -> None:
    written = file.write(data)
    if written != len(data):
        raise OSError(ENOSPC, os.strerror(ENOSPC))


def _framed(data: bytes) -> bytes:
    return _FRAME.pack(len(data), sha256(data).digest()[:8]) + data


def _frames(content: bytes) -> Iterator[tuple[Evidence, int]]:
    """Yield each piece and the offset after it, up to the first that does not read."""
    at = 0
    while at + _FRAME.size <= len(content):
        length, checksum = _FRAME.unpack_from(content, at)
        data = content[at + _FRAME.size : at + _FRAME.size + length]
        if len(data) != length or sha256(data).digest()[:8] != checksum:
            return
        try:
            evidence = Evidence.decode(data)
        except Rejected:
            return
        at += _FRAME.size + length
        yield evidence, at


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
