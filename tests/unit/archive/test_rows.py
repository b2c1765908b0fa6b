"""A part that somebody packed a lot into is refused before it is unpacked."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oracle.archive import rows
from oracle.archive.catalogue import Piece
from oracle.archive.store import Store
from oracle.model.errors import SchemaError
from oracle.model.topics import Topic
from tests.unit.archive.samples import manifest
from tests.unit.archive.writing import write


def part_of(store: Store, table: pa.Table, said: int) -> Piece:
    """Return a part with these rows, whose manifest fits the bytes and says so many rows."""
    (part,) = write(store, Topic.STEPS, [(1, manifest(1))])
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    data = sink.getvalue()
    (Path(store.url) / part.file).write_bytes(data)
    return Piece(msgspec.structs.replace(part, sha256=sha256(data).hexdigest(), rows=said), 0)


def test_rows_that_the_manifest_does_not_tell(tmp_path: Path) -> None:
    """The manifest is what a reader goes by."""
    store, table = Store(str(tmp_path)), pa.table({"offset": range(10)})
    assert rows.table_in(store, part_of(store, table, 10)).num_rows == 10
    with pytest.raises(SchemaError, match=r"unpacks to 10 rows of .* says 9 rows"):
        rows.table_in(store, part_of(store, table, 9))


def test_more_rows_than_any_archiver_writes(tmp_path: Path) -> None:
    """A few kB of nulls are refused by what their footer says."""
    store, many = Store(str(tmp_path)), rows.MOST_ROWS + 1
    piece = part_of(store, pa.table({"offset": pa.nulls(many, pa.int64())}), many)
    assert len(store.get(piece.part.file)) < 100_000
    with pytest.raises(SchemaError, match=f"unpacks to {many} rows"):
        rows.table_in(store, piece)


def test_more_bytes_than_any_archiver_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row may be as large as it likes until then."""
    store, big = Store(str(tmp_path)), pa.table({"offset": [1], "data": [bytes(1_000_000)]})
    piece = part_of(store, big, 1)
    assert rows.table_in(store, piece).num_rows == 1
    monkeypatch.setattr(rows, "MOST_BYTES", 1_000_000)
    with pytest.raises(SchemaError, match=r"up to .* of 1000000 bytes are read"):
        rows.table_in(store, piece)
