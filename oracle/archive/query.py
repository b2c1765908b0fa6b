"""SQL over an archive, by DuckDB: it reads what manifests name, and nothing else of the machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow.fs import LocalFileSystem

from oracle.archive import batches, messages
from oracle.archive.catalogue import Catalogue, Piece
from oracle.archive.layout import KINDS
from oracle.archive.rows import table_in
from oracle.model.errors import Rejected
from oracle.model.topics import Topic

MEMORY: Final = "1GB"
_SHUT: Final[dict[str, str | int | float | list[str]]] = {
    "enable_external_access": False,  # no file, no network, no extension
    "python_enable_replacements": False,  # a table's name is never a variable of ours
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
    "memory_limit": MEMORY,
}
_FOLDERS: Final = pa.schema([("day", pa.string()), ("shard", pa.int32())])
_TIME: Final = {
    Topic.TICKS: "received_ns",
    Topic.RECEIPTS: "received_ns",
    Topic.CONTROLS: "issued_ns",
}
VIEWS: Final = tuple(kind for kind in KINDS if kind not in (Topic.SNAPSHOTS, Topic.SPECS))
"""What can be asked about: the others have nothing but bytes."""
_READS: Final = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}


class Query:
    """A connection with a view a kind of message; use as `with`. Its calls block.

    Raises:
        Rejected: the archive has no part yet.
        Retryable: the store did not answer.
        SchemaError: a manifest is damaged.
    """

    def __init__(
        self, catalogue: Catalogue, *, from_ns: int | None = None, to_ns: int | None = None
    ) -> None:
        found = {kind: catalogue.pieces(kind, from_ns=from_ns, to_ns=to_ns) for kind in VIEWS}
        if not any(found.values()):
            raise Rejected(
                f"the archive {catalogue.store.url} has no part of these times: check the path, "
                "or wait until the first is written"
            )
        self._duck: Final = duckdb.connect(":memory:", config=_SHUT)
        for kind, pieces in found.items():
            self._add_view(catalogue, kind, pieces)
        self._duck.execute("SET lock_configuration = true")

    def __enter__(self) -> Query:
        return self

    def __exit__(self, *raised: object) -> None:
        self._duck.close()

    def run(self, sql: str) -> Answer:
        """Run one SELECT.

        Raises:
            Rejected: it is none, DuckDB refuses it, or it needs more than is allowed.
        """
        try:
            statements = self._duck.extract_statements(sql)
            if len(statements) != 1 or statements[0].type not in _READS:
                raise Rejected("give one SELECT (or EXPLAIN, DESCRIBE, SUMMARIZE): nothing else")
            self._duck.execute(statements[0])
        except duckdb.OutOfMemoryException as error:
            raise Rejected(
                f"the query needs more than {MEMORY} of memory: narrow it by --from and --to, or "
                "select less"
            ) from error
        except duckdb.Error as error:
            raise Rejected(f"the query was refused: {error}") from error
        return Answer(self._duck)

    def _add_view(self, catalogue: Catalogue, kind: Topic, pieces: Sequence[Piece]) -> None:
        schema = pa.unify_schemas([_schema_of(kind), _FOLDERS])
        raw = [_dataset(catalogue, schema, [piece for piece in pieces if piece.is_whole])]
        raw += [_cut(catalogue, schema, piece) for piece in pieces if not piece.is_whole]
        names = [f"{kind}_part_{at}" for at in range(len(raw))]
        for name, rows in zip(names, raw, strict=True):
            self._duck.register(name, rows)
        union = " UNION ALL ".join(f"FROM {name}" for name in names)
        only = "row >= 0" if kind is Topic.TICKS else "true"  # not of a batch without ticks
        self._duck.execute(
            f"CREATE VIEW {kind} AS SELECT {_columns(kind)} FROM ({union}) WHERE {only}"  # noqa: S608 - our own names
        )


class Answer:
    """Rows of a query, as they are fetched."""

    def __init__(self, duck: Any) -> None:
        self._duck: Final = duck
        self.columns: Final[list[str]] = [column[0] for column in duck.description]

    def fetch(self, rows: int) -> list[tuple[Any, ...]]:
        """Return the next rows, so many at most; none at the end.

        Raises:
            Rejected: DuckDB cannot go on.
        """
        try:
            fetched: list[tuple[Any, ...]] = self._duck.fetchmany(rows)
        except duckdb.Error as error:
            raise Rejected(f"the query failed: {error}") from error
        return fetched


def _schema_of(kind: Topic) -> pa.Schema:
    return batches.SCHEMA if kind is Topic.TICKS else messages.schema_of(kind)


def _dataset(catalogue: Catalogue, schema: pa.Schema, pieces: Sequence[Piece]) -> Any:
    """Return the rows of whole parts, read as they are asked for."""
    if not pieces:
        return schema.empty_table()
    store = catalogue.store
    return ds.dataset(
        [store.full(piece.part.file) for piece in pieces],
        schema=schema,
        format="parquet",
        filesystem=LocalFileSystem() if store.local else store.fs,
        partitioning=ds.partitioning(_FOLDERS, flavor="hive"),
        partition_base_dir=store.root,
    )


def _cut(catalogue: Catalogue, schema: pa.Schema, piece: Piece) -> pa.Table:
    """Return what a part has that no part before has."""
    table = table_in(catalogue.store, piece)
    day = piece.part.file.split("/")[1].removeprefix("day=")
    table = table.append_column("day", pa.array([day] * table.num_rows, pa.string()))
    shards = pa.array([piece.part.partition] * table.num_rows, pa.int32())
    return pa.concat_tables(
        [schema.empty_table(), table.append_column("shard", shards)], promote_options="default"
    )


def _columns(kind: Topic) -> str:
    """Return what a view selects: prices as DOUBLE first, then as they were."""
    time_column = _TIME.get(kind, "time_ns")
    chosen = ["day", "shard", f"make_timestamp_ns({time_column}) AS time"]
    exact = [f'"{name}"' for name in _schema_of(kind).names]
    if kind is Topic.TICKS:
        for name in batches.NUMBERS:
            exponent = "size_exponent" if name.endswith("_size") else "exponent"
            chosen.append(_double(name, f"{name}_mantissa", exponent))
    else:
        for name in messages.price_fields(kind):
            mantissa, exponent = name + messages.MANTISSA, name + messages.EXPONENT
            chosen.append(_double(name, mantissa, exponent))
    return ", ".join(chosen + exact)


def _double(name: str, mantissa: str, exponent: str) -> str:
    """Return the nearest double: one division or multiplication by a power that is exact."""
    up, down = f"pow(10, {exponent})", f"pow(10, -{exponent})"
    return (
        f'CASE WHEN {exponent} < 0 THEN {mantissa} / {down} ELSE {mantissa} * {up} END AS "{name}"'
    )
