"""Which parts an archive has: those that manifests name, each message of the log once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from oracle.archive.layout import MANIFEST, Part, Place, day_of, from_json, log_digest, place_of
from oracle.archive.store import Store
from oracle.model.topics import Topic

_DAY_NS: Final = 86_400 * 10**9
_REMEMBERED: Final = 50_000


class Piece(NamedTuple):
    """A part, or what of it no part before has: two archivers may have written at once."""

    part: Part
    begin_offset: int

    @property
    def is_whole(self) -> bool:
        """Whether all rows of the part count."""
        return self.begin_offset <= self.part.first_offset


class Catalogue:
    """The manifests of a store. Its calls block: use a thread, one at a time."""

    def __init__(self, store: Store) -> None:
        self.store: Final = store
        self._known: Final[dict[str, Part]] = {}

    def pieces(
        self,
        kind: Topic,
        *,
        partition: int | None = None,
        from_ns: int | None = None,
        to_ns: int | None = None,
    ) -> list[Piece]:
        """Return what there is of a kind with times from `from_ns` to before `to_ns`.

        In the order of partition, log and offset; parts of late messages may begin earlier.

        Raises:
            Retryable: the store did not answer.
            SchemaError: a manifest is damaged.
        """
        days = [day for day in self._days(kind) if _overlaps(day, from_ns, to_ns)]
        found = self._pieces(kind, days, lambda place: partition in (None, place.partition))
        return [
            piece
            for piece in found
            if (from_ns is None or piece.part.max_time_ns >= from_ns)
            and (to_ns is None or piece.part.min_time_ns < to_ns)
        ]

    def at_offsets(self, kind: Topic, partition: int, start: int, end: int) -> list[Piece]:
        """Return what has offsets of a partition from `start` to before `end`, of any log.

        Raises:
            Retryable, SchemaError: as `pieces`.
        """
        return self._pieces(
            kind,
            self._days(kind),
            lambda place: (
                place.partition == partition
                and place.begin_offset < end
                and place.end_offset > start
            ),
        )

    def newest_ns(self, kind: Topic) -> int:
        """Return the newest time in a kind's newest day; 0 when it has none.

        Raises:
            Retryable, SchemaError: as `pieces`.
        """
        newest = self._pieces(kind, self._days(kind)[-1:], lambda _: True)
        return max((piece.part.max_time_ns for piece in newest), default=0)

    def others(self, kind: Topic, log: str) -> list[Piece]:
        """Return what there is of a kind from other logs than `log`.

        Raises:
            Retryable, SchemaError: as `pieces`.
        """
        digest = log_digest(log)
        return self._pieces(kind, self._days(kind), lambda place: place.log_digest != digest)

    def ends(self, logs: Mapping[Topic, str]) -> dict[tuple[Topic, int], tuple[int, str]]:
        """Return after which offset each partition of `logs` goes on, and its newest day.

        Raises:
            Retryable: the store did not answer.
        """
        found: dict[tuple[Topic, int], tuple[int, str]] = {}
        for kind, log in logs.items():
            digest = log_digest(log)
            shards = {s for day in self._days(kind) for s in self.store.folders(_folder(kind, day))}
            for day in reversed(self._days(kind)):
                if len([at for at in found if at[0] is kind]) == len(shards):
                    break
                for _, place in self._manifests(kind, day):
                    at = (kind, place.partition)
                    end, newest = found.get(at, (0, day))
                    if place.log_digest == digest and newest == day:
                        found[at] = (max(end, place.end_offset), day)
        return found

    def _pieces(
        self, kind: Topic, days: Iterable[str], wanted: Callable[[Place], bool]
    ) -> list[Piece]:
        named = [
            path for day in days for path, place in self._manifests(kind, day) if wanted(place)
        ]
        return list(each_once(self._read(named)))

    def _days(self, kind: Topic) -> list[str]:
        names = self.store.folders(f"kind={kind}")
        return sorted(name.removeprefix("day=") for name in names if name.startswith("day="))

    def _manifests(self, kind: Topic, day: str) -> Iterator[tuple[str, Place]]:
        for path in self.store.files(_folder(kind, day)):
            place = place_of(path) if path.endswith(MANIFEST) else None
            if place is not None:
                yield path, place

    def _read(self, paths: list[str]) -> list[Part]:
        new = [path for path in paths if path not in self._known]
        if len(self._known) + len(new) > _REMEMBERED:
            self._known.clear()
            new = paths
        for path, data in zip(new, self.store.get_all(new), strict=True):
            self._known[path] = from_json(data, path)
        return [self._known[path] for path in paths]


def each_once(parts: Iterable[Part]) -> Iterator[Piece]:
    """Return parts by partition, log and offset, without what one before has already."""
    ordered = sorted(parts, key=lambda p: (p.partition, p.log, p.begin_offset, -p.end_offset))
    reached: dict[tuple[str, Topic, int], int] = {}
    for part in ordered:
        have = reached.get(part.source, 0)
        if have <= part.last_offset:
            yield Piece(part, max(have, part.begin_offset))
        reached[part.source] = max(have, part.end_offset)


def _folder(kind: Topic, day: str) -> str:
    return f"kind={kind}/day={day}"


def _overlaps(day: str, from_ns: int | None, to_ns: int | None) -> bool:
    """Whether a day's parts may have such times: late ones are filed a day on at most."""
    return (from_ns is None or day >= day_of(max(0, from_ns))) and (
        to_ns is None or day <= day_of(to_ns + _DAY_NS)
    )
