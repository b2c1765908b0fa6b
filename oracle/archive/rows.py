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

MOST_ROWS: Final = 2**24
MOST_BYTES: Final = 2**30
"""Of one part, unpacked: some ten times what an archiver puts into one."""
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
        _check_size(pq.read_metadata(io.BytesIO(data)), piece.part)
        return pq.read_table(io.BytesIO(data), filters=wanted)
    except pa.ArrowException as error:
        raise SchemaError(f"{piece.part.file} of the archive: {error}") from error


def _check_size(found: Any, part: Part) -> None:
    """Check that a part unpacks to what its manifest says, and to no more than an archiver writes.

    Raises:
        SchemaError: somebody packed a lot into a little.
    """
    size = sum(found.row_group(at).total_byte_size for at in range(found.num_row_groups))
    if found.num_rows != part.rows or found.num_rows > MOST_ROWS or size > MOST_BYTES:
        raise SchemaError(
            f"{part.file} of the archive unpacks to {found.num_rows} rows of {size} bytes; its "
            f"manifest says {part.rows} rows, and up to {MOST_ROWS} of {MOST_BYTES} bytes are read"
        )


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
