"""Where the archive keeps what: parts, the manifests that name them, and their folders. Pure.

    kind=marks/day=2026-11-23/shard=0/part-LOG-BEGIN-END-SHA.parquet
    kind=marks/day=2026-11-23/shard=0/part-LOG-BEGIN-END-SHA.json

BEGIN and END are offsets, LOG and SHA begin the digests of the log's name and of the rows. The
`.json` is the part's manifest, written after it: what no manifest names does not exist.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from oracle.model.errors import SchemaError
from oracle.model.topics import Topic

KINDS: Final = (
    Topic.TICKS,
    Topic.STEPS,
    Topic.MARKS,
    Topic.REPORTS,
    Topic.ROUNDS,
    Topic.RECEIPTS,
    Topic.CONTROLS,
    Topic.AUDIT,
    Topic.SNAPSHOTS,
    Topic.SPECS,
)
"""The topics that are archived."""

LAYOUT_VERSION: Final = 1
MANIFEST: Final = ".json"
_PLACE: Final = re.compile(
    r"kind=([a-z-]+)/day=(\d{4}-\d\d-\d\d)/shard=(\d{1,9})"
    r"/part-([0-9a-f]{12})-(\d{20})-(\d{20})-[0-9a-f]{8}\.(?:parquet|json)",
    re.ASCII,
)


class Place(NamedTuple):
    """What a part's name says of it."""

    kind: str
    day: str
    partition: int
    log_digest: str
    begin_offset: int
    end_offset: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest: one file of rows, and which messages of which log are in it."""

    version: int = LAYOUT_VERSION
    file: str
    """The rows, relative to the archive."""
    kind: Topic
    log: str
    """Offsets count within a log: a topic of Kafka's, or one run of the embedded bus."""
    partition: int
    begin_offset: int
    """The part has all that the log held from here..."""
    end_offset: int
    """... to before here."""
    first_offset: int
    last_offset: int
    """Of the messages inside: between them may be offsets that carry none."""
    messages: int
    rows: int
    size: int
    """In bytes."""
    sha256: str
    schema_version: int
    """Of the messages on the bus when they were archived."""
    min_time_ns: int
    max_time_ns: int
    written_ns: int

    @property
    def manifest(self) -> str:
        """Path of this manifest, relative to the archive."""
        return self.file.removesuffix(".parquet") + MANIFEST

    @property
    def source(self) -> tuple[str, Topic, int]:
        """The log and partition that its offsets belong to."""
        return self.log, self.kind, self.partition


def day_of(time_ns: int) -> str:
    """Return the UTC day of a time, such as `2026-11-23`."""
    return datetime.fromtimestamp(time_ns // 10**9, UTC).strftime("%Y-%m-%d")


def log_digest(log: str) -> str:
    """Return what stands for a log in names."""
    return sha256(log.encode()).hexdigest()[:12]


def file_of(place: Place, digest: str) -> str:
    """Return a part's path, by the SHA-256 of its content: no two that differ share one."""
    kind, day, partition, log, begin, end = place
    name = f"part-{log}-{begin:020d}-{end:020d}-{digest[:8]}.parquet"
    return f"kind={kind}/day={day}/shard={partition}/{name}"


def place_of(path: str) -> Place | None:
    """Return what a part's or manifest's path says; None when it is neither."""
    match = _PLACE.fullmatch(path)
    if match is None:
        return None
    kind, day, partition, log, begin, end = match.groups()
    return Place(kind, day, int(partition), log, int(begin), int(end))


def to_json(part: Part) -> bytes:
    """Encode a manifest."""
    return msgspec.json.encode(part) + b"\n"


def from_json(data: bytes, path: str) -> Part:
    """Decode a manifest.

    Raises:
        SchemaError: damaged, of a newer layout, or naming a file outside the archive's folders.
    """
    try:
        part = msgspec.json.decode(data, type=Part)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SchemaError(
            f"manifest {path} of the archive is damaged ({error}): restore it, or move it away "
            "together with the part beside it"
        ) from error
    if part.version > LAYOUT_VERSION:
        raise SchemaError(
            f"manifest {path} has layout version {part.version}; this release knows up to "
            f"{LAYOUT_VERSION}: upgrade it"
        )
    if place_of(part.file) is None:
        raise SchemaError(f"manifest {path} names {part.file!r}, which is no part of an archive")
    return part
