"""Reads an archive's messages of a time back: what everything else that reads it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, TypeVar

import pyarrow.compute as pc

from oracle.archive.catalogue import Catalogue, Piece
from oracle.archive.rows import messages_in
from oracle.archive.store import Store
from oracle.model.errors import Rejected
from oracle.model.messages import StepManifest
from oracle.model.topics import Topic

_MINUTE_NS: Final = 60 * 10**9
_HOUR_NS: Final = 60 * _MINUTE_NS
LOOK_BACK_NS: Final = (_MINUTE_NS, _HOUR_NS, 24 * _HOUR_NS, 32 * 24 * _HOUR_NS)
"""How far back the newest of something is looked for, further only when nothing was nearer."""

M = TypeVar("M")


class Step(NamedTuple):
    """A step's manifest, and where it was."""

    shard: int
    log: str
    offset: int
    manifest: StepManifest
    schema_version: int
    """Of the messages when they were archived; no digest depends on it."""


class Reader:
    """Reads messages by their times and what they say. Its calls block.

    Every method raises Retryable when the store does not answer, and SchemaError for a manifest or
    a part that is damaged.
    """

    def __init__(self, store: Store) -> None:
        self.store: Final = store
        self.catalogue: Final = Catalogue(store)

    def steps_between(self, shard: int, from_ns: int, to_ns: int) -> list[Step]:
        """Return a shard's steps of times from `from_ns` to before `to_ns`, by time."""
        return sorted(self._steps(shard, from_ns, to_ns), key=lambda step: step.manifest.time_ns)

    def manifest_at(self, shard: int, time_ns: int) -> Step:
        """Return a shard's newest step that is not after a time.

        Raises:
            Rejected: the archive has none in the 32 days before.
        """
        for back_ns in LOOK_BACK_NS:
            steps = self.steps_between(shard, max(0, time_ns - back_ns), time_ns + 1)
            if steps:
                return steps[-1]
        raise Rejected(f"the archive has no step of shard {shard} in the 32 days before {time_ns}")

    def _steps(self, shard: int, from_ns: int, to_ns: int) -> Iterator[Step]:
        pieces = self.catalogue.pieces(Topic.STEPS, partition=shard, from_ns=from_ns, to_ns=to_ns)
        within = _within("time_ns", from_ns, to_ns)
        for part, offset, manifest in self._read(Topic.STEPS, StepManifest, pieces, within):
            yield Step(shard, part.part.log, offset, manifest, part.part.schema_version)

    def _between(
        self, kind: Topic, cls: type[M], at: str, from_ns: int, to_ns: int, only: Any = None
    ) -> list[M]:
        pieces = self.catalogue.pieces(kind, from_ns=from_ns, to_ns=to_ns)
        within = _within(at, from_ns, to_ns)
        read = self._read(kind, cls, pieces, within if only is None else within & only)
        return sorted((message for _, _, message in read), key=lambda m: getattr(m, at))

    def _read(
        self, kind: Topic, cls: type[M], pieces: list[Piece], filters: Any
    ) -> Iterator[tuple[Piece, int, M]]:
        for piece in pieces:
            for offset, message in messages_in(self.store, kind, [piece], filters):
                if isinstance(message, cls):
                    yield piece, offset, message


def log_beside(log: str, kind: Topic, other: Topic) -> str:
    """Return the log of another topic of the same bus."""
    return log.removesuffix(kind) + other if log.endswith(kind) else log


def _within(name: str, from_ns: int, to_ns: int) -> Any:
    return (pc.field(name) >= from_ns) & (pc.field(name) < to_ns)
