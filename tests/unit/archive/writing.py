"""Writes an archive directly: messages at given offsets, in parts of a given size."""

from __future__ import annotations

from collections.abc import Sequence

from oracle.archive.layout import Part, day_of, to_json
from oracle.archive.parts import OpenPart, weigh
from oracle.archive.store import Store
from oracle.model.messages import Message
from oracle.model.topics import Topic

LOG = "test.{}"


def write(
    store: Store,
    kind: Topic,
    messages: Sequence[tuple[int, Message]],
    *,
    rows: int = 10**6,
    partition: int = 0,
    log: str | None = None,
    begin: int | None = None,
    now_ns: int = 1,
) -> list[Part]:
    """Write parts of so many messages each; return their manifests."""
    written = []
    at = messages[0][0] if begin is None else begin
    for first in range(0, len(messages), rows):
        some = messages[first : first + rows]
        day = day_of(weigh(kind, some[0][1]).max_time_ns)
        part = OpenPart(log or LOG.format(kind), kind, partition, day, at, 0.0)
        for offset, message in some:
            part.add(offset, message, weigh(kind, message))
        sealed = part.seal(now_ns)
        store.put(sealed.part.file, sealed.data)
        store.put(sealed.part.manifest, to_json(sealed.part))
        written.append(sealed.part)
        at = part.end_offset
    return written
