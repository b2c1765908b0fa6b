"""Where the archive's bytes are: a folder of this machine, or any store that fsspec reaches.

An object appears whole or not at all. In a folder it is written beside, synced and renamed; other
stores put whole objects.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import uuid4

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from oracle.archive.remote import ServedFiles
from oracle.model.errors import ConfigError, Retryable

_CREDENTIALS: Final = re.compile(r"://[^/]*@")
_SERVED: Final = re.compile(r"https?://")
_TEMPORARY: Final = ".writing"
_LOCK: Final = ".archiver.lock"


class Store:
    """The objects below a path or URL. Its calls block: use a thread.

    `http://` and `https://` are a member's API, which serves its archive to be read.

    Raises:
        ConfigError: the URL has credentials in it, or names a store that is not installed.
    """

    def __init__(self, url: str) -> None:
        if _CREDENTIALS.search(url):
            raise ConfigError(
                "the archive's URL has credentials in it: leave them out, and give them to the "
                "store's library by its environment variables"
            )
        self.url: Final = url
        try:
            made: tuple[Any, str] = (
                (ServedFiles(url), "")
                if _SERVED.match(url)
                else url_to_fs(url, use_listings_cache=False)
            )
        except (ImportError, ValueError) as error:
            raise ConfigError(
                f"archive {url!r} cannot be used: {error}; give a folder, or a URL that fsspec "
                "knows, with its library installed: s3://… (s3fs), gs://… (gcsfs), az://… (adlfs)"
            ) from error
        self.fs, self.root = made[0], made[1].rstrip("/")
        self.local: Final = Path(self.root) if isinstance(self.fs, LocalFileSystem) else None

    def put(self, path: str, data: bytes) -> None:
        """Write an object whole, durable when this returns.

        Raises:
            Retryable: the store did not take it.
        """
        with self._retryable(f"write {path}"):
            if self.local is None:
                self.fs.pipe_file(self.full(path), data)
            else:
                _replace(self.local / path, self.local / _TEMPORARY, data)

    def get(self, path: str) -> bytes:
        """Return an object.

        Raises:
            Retryable: the store did not give it.
        """
        with self._retryable(f"read {path}"):
            data: bytes = self.fs.cat_file(self.full(path))
            return data

    def opened(self, path: str) -> BinaryIO:
        """Return an object to be read piece by piece; who asked closes it.

        Raises:
            Retryable: the store did not give it.
        """
        with self._retryable(f"read {path}"):
            handle: BinaryIO = self.fs.open(self.full(path), "rb")
            return handle

    def size(self, path: str) -> int:
        """Return how many bytes an object has.

        Raises:
            FileNotFoundError: there is none.
            Retryable: the store did not say.
        """
        with self._retryable(f"look at {path}"):
            try:
                return int(self.fs.size(self.full(path)))
            except FileNotFoundError:
                pass
        raise FileNotFoundError(f"the archive has no {path}")

    def get_all(self, paths: Sequence[str]) -> list[bytes]:
        """Return objects, at once where the store can.

        Raises:
            Retryable: the store did not give one of them.
        """
        if self.local is not None or not paths:
            return [self.get(path) for path in paths]
        with self._retryable(f"read {len(paths)} manifests"):
            found: dict[str, bytes] = self.fs.cat([self.full(path) for path in paths])
            return [found[self.full(path)] for path in paths]

    def folders(self, path: str) -> list[str]:
        """Return the names of the folders right below a path; none when it is not there.

        Raises:
            Retryable: the store did not answer.
        """
        with self._retryable(f"list {path or '/'}"):
            try:
                entries = self.fs.ls(self.full(path), detail=True)
            except FileNotFoundError:
                return []
            names = [entry["name"].rstrip("/") for entry in entries if _is_folder(entry)]
            return [name.rsplit("/", 1)[-1] for name in names]

    def files(self, path: str) -> list[str]:
        """Return every object below a path, relative to the archive.

        Raises:
            Retryable: the store did not answer.
        """
        with self._retryable(f"list {path}"):
            found: list[str] = self.fs.find(self.full(path))
            prefix = self.full("").rstrip("/") + "/"
            return sorted(name.removeprefix(prefix) for name in found)

    def full(self, path: str) -> str:
        """Return an object's path in the file system."""
        return f"{self.root}/{path}" if path else self.root

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other archivers of this machine out of a folder while the context lasts.

        Raises:
            Retryable: another one writes here.
        """
        if self.local is None:
            yield
            return
        with self._retryable("lock the archive"):
            self.local.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.local / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Retryable(
                    f"another process writes the archive {self.url}: let one alone do so"
                ) from error
            for left in (self.local / _TEMPORARY).glob("*"):
                left.unlink(missing_ok=True)  # of a process that was killed
            yield
        finally:
            os.close(lock)

    @contextmanager
    def _retryable(self, doing: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # every store's library has errors of its own
            if isinstance(error, (TypeError, AttributeError, NameError)):
                raise
            raise Retryable(f"archive {self.url}: {doing}: {error or type(error).__name__}") from (
                error
            )


def _is_folder(entry: dict[str, Any]) -> bool:
    return bool(entry["type"] == "directory")


def _replace(file: Path, temporary: Path, data: bytes) -> None:
    """Write a file so that after a power cut it is there whole or not at all."""
    temporary.mkdir(parents=True, exist_ok=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    part = temporary / uuid4().hex
    try:
        with part.open("wb") as sink:
            sink.write(data)
            sink.flush()
            os.fsync(sink.fileno())
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    for folder in (file.parent, *list(file.parents)[1:4]):  # new ones must outlive it too
        _sync(folder)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
