"""Reads parts back: as tables, checked against their manifests, and as messages."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from oracle.archive import batches, messages
from oracle.archive.catalogue import Piece
from oracle.archive.layout import Part
from oracle.archive.store import Store
from oracle.model.errors import SchemaError
from oracle.model.messages import Message
from oracle.model.topics import Topic

DAMAGED: Final = "is not what its manifest says: restore it from a copy of the archive"


def table_in(store: Store, piece: Piece, filters: Any = None) -> pa.Table:
    """Return the rows of a piece; `filters` is an expression over its columns.

    Raises:
        Retryable: the store did not give the part.
        SchemaError: the part is damaged.
    """
    data = checked(store, piece.part)
    wanted = filters
    if not piece.is_whole:
        later = pc.field("offset") >= piece.begin_offset
        wanted = later if filters is None else filters & later
    try:
        return pq.read_table(io.BytesIO(data), filters=wanted)
    except pa.ArrowException as error:
        raise SchemaError(f"{piece.part.file} of the archive: {error}") from error


def checked(store: Store, part: Part) -> bytes:
    """Return a part's bytes.

    Raises:
        Retryable: the store did not give the part.
        SchemaError: the bytes are not those that were written.
    """
    data = store.get(part.file)
    if sha256(data).hexdigest() != part.sha256:
        raise SchemaError(f"{part.file} of the archive {DAMAGED}")
    return data


def messages_in(
    store: Store, kind: Topic, pieces: Iterable[Piece], filters: Any = None
) -> Iterator[tuple[int, Message]]:
    """Return the messages of pieces with their offsets, in their order.

    Raises:
        Retryable, SchemaError: as `table_in`.
    """
    for piece in pieces:
        table = table_in(store, piece, filters)
        if kind is Topic.TICKS:
            yield from batches.batches_of(table)
        else:
            yield from messages.messages_of(kind, table)
