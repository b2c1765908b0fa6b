"""An archive's store as it was when it was first asked: nothing is fetched or listed twice."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from oracle.archive.store import Store

MOST_BYTES: Final = 512 * 2**20
"""Of objects that are kept; those used least lately go first."""


class StoreOnce(Store):
    """Keeps what it was given. Parts never change: their names have digests of their bytes."""

    def __init__(self, url: str, most_bytes: int = MOST_BYTES) -> None:
        super().__init__(url)
        self._most_bytes, self._bytes = most_bytes, 0
        self._objects: Final[OrderedDict[str, bytes]] = OrderedDict()
        self._files: Final[dict[str, list[str]]] = {}
        self._folders: Final[dict[str, list[str]]] = {}

    def get(self, path: str) -> bytes:
        """Return an object.

        Raises:
            Retryable: the store did not give it.
        """
        if path not in self._objects:
            self._keep(path, super().get(path))
        self._objects.move_to_end(path)
        return self._objects[path]

    def files(self, path: str) -> list[str]:
        """Return every object below a path, relative to the archive.

        Raises:
            Retryable: the store did not answer.
        """
        if path not in self._files:
            self._files[path] = super().files(path)
        return self._files[path]

    def folders(self, path: str) -> list[str]:
        """Return the names of the folders right below a path.

        Raises:
            Retryable: the store did not answer.
        """
        if path not in self._folders:
            self._folders[path] = super().folders(path)
        return self._folders[path]

    def _keep(self, path: str, data: bytes) -> None:
        self._objects[path] = data
        self._bytes += len(data)
        while self._bytes > self._most_bytes and len(self._objects) > 1:
            self._bytes -= len(self._objects.popitem(last=False)[1])
