"""What others may read of an archive: whole parts and their manifests, of so many days, no more.

Pure but for the store: which paths exist for others is decided by what an archive's own paths look
like, never by joining what was asked to a folder.
"""

from __future__ import annotations

import re
from typing import BinaryIO, Final

from oracle.archive.layout import day_of, place_of
from oracle.archive.store import Store
from oracle.model.errors import Rejected
from oracle.model.topics import Topic

KINDS: Final = (
    Topic.TICKS,
    Topic.STEPS,
    Topic.MARKS,
    Topic.REPORTS,
    Topic.ROUNDS,
    Topic.RECEIPTS,
    Topic.CONTROLS,
    Topic.SNAPSHOTS,
    Topic.SPECS,
)
"""What a proof needs. The audit stays at home."""
OBJECT_BYTES: Final = 256 * 2**20
"""Of a part, at most."""
NAMES: Final = 50_000
"""In one listing, at most."""
_FOLDER: Final = re.compile(
    r"kind=([a-z-]{1,20})(?:/day=(\d{4}-\d\d-\d\d)(?:/shard=\d{1,9})?)?", re.ASCII
)


class ServedArchive:
    """One archive, as its owner lets others read it. Its calls block: use a thread."""

    def __init__(self, store: Store, serve_for_ns: int) -> None:
        self._store: Final = store
        self.serve_for_ns: Final = serve_for_ns

    def folders(self, path: str, now_ns: int) -> list[str]:
        """Return the names of the folders right below a folder of the archive; "" is all of it.

        Raises:
            Rejected: no path of an archive, or of a day or kind that is not served.
            Retryable: the store did not answer.
        """
        if path == "":
            return [f"kind={kind}" for kind in KINDS if self._store.folders(f"kind={kind}")]
        kind, day = self._folder(path, now_ns)
        names = self._store.folders(path)
        if day is not None:
            return names
        return [name for name in names if self._is_served(kind, name.removeprefix("day="), now_ns)]

    def files(self, path: str, now_ns: int) -> list[str]:
        """Return the parts and manifests below a day's folder.

        Raises:
            Rejected: no such path, one that is not served, or too many below it.
            Retryable: the store did not answer.
        """
        _, day = self._folder(path, now_ns)
        if day is None:
            raise Rejected(f"{path!r} has no day: ask for one, such as {path}/day=2026-11-23")
        found = [name for name in self._store.files(path) if place_of(name) is not None]
        if len(found) > NAMES:
            raise Rejected(
                f"{path} has {len(found)} objects, one answer {NAMES} at most: ask for a shard, "
                f"such as {path}/shard=0"
            )
        return found

    def opened(self, path: str, now_ns: int) -> BinaryIO:
        """Return a part or manifest, to be read and closed by who asked.

        Raises:
            Rejected, Retryable: as `size`.
        """
        self.size(path, now_ns)
        return self._store.opened(path)

    def size(self, path: str, now_ns: int) -> int:
        """Return how many bytes a part or manifest has.

        Raises:
            Rejected: no such path, one that is not served, or a part that is too large.
            FileNotFoundError: there is none.
            Retryable: the store did not answer.
        """
        place = place_of(path)
        if place is None:
            raise Rejected(f"{path!r} is no part or manifest of an archive")
        self._require(place.kind, place.day, now_ns)
        size = self._store.size(path)
        if size > OBJECT_BYTES:
            raise Rejected(f"{path} has {size} bytes; one answer has {OBJECT_BYTES} at most")
        return size

    def _folder(self, path: str, now_ns: int) -> tuple[str, str | None]:
        match = _FOLDER.fullmatch(path)
        if match is None:
            raise Rejected(f"{path!r} is no folder of an archive: kind=KIND[/day=DAY[/shard=N]]")
        kind, day = match.groups()
        self._require(kind, day, now_ns)
        return kind, day

    def _require(self, kind: str, day: str | None, now_ns: int) -> None:
        if kind not in set(KINDS):
            raise Rejected(f"kind {kind!r} is not served; served are {', '.join(KINDS)}")
        if day is not None and not self._is_served(kind, day, now_ns):
            raise Rejected(
                f"day {day} is not served: it is longer ago than {self.serve_for_ns / 8.64e13:g} "
                "days; ask who keeps more"
            )

    def _is_served(self, kind: str, day: str, now_ns: int) -> bool:
        """Whether a day is; what an engine computes was told when it began, however long ago."""
        return kind == Topic.SPECS or day >= day_of(max(0, now_ns - self.serve_for_ns))
