"""Tables as files that appear whole or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from oracle.model.errors import ConfigError


class WholeFiles:
    """Writes the same rows to files beside each other, by their endings; use as `with`.

    They get their names at the end; left by an exception, what had been written is removed.

    Raises:
        ConfigError: the folder cannot be made or written.
    """

    def __init__(self, schema: pa.Schema, *files: Path) -> None:
        self._schema: Final = schema
        self._files: Final = files
        self._stack: Final = contextlib.ExitStack()
        self._writers: list[Any] = []

    def __enter__(self) -> Self:
        try:
            for file in self._files:
                file.parent.mkdir(parents=True, exist_ok=True)
                self._writers.append(self._stack.enter_context(self._opened(file)))
        except OSError as error:
            self._close(keep=False)
            file, reason = self._files[0], error.strerror or str(error)
            raise ConfigError(f"cannot write {file.stem} to {file.parent}: {reason}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close(keep=kind is None)

    def write(self, columns: Sequence[Any]) -> None:
        """Append rows, given as the schema's columns."""
        arrays = [
            column if isinstance(column, pa.Array) else pa.array(column, field.type)
            for column, field in zip(columns, self._schema, strict=True)
        ]
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        for writer in self._writers:
            writer.write_table(table)

    def _close(self, *, keep: bool) -> None:
        self._stack.close()
        for file in self._files:
            if keep:
                _partial(file).replace(file)
            elif _partial(file).is_file():
                _partial(file).unlink()

    def _opened(self, file: Path) -> Any:
        if file.suffix == ".parquet":
            return pq.ParquetWriter(_partial(file), self._schema, compression="zstd")
        sink = self._stack.enter_context(pa.OSFile(str(_partial(file)), "wb"))
        sink.write((",".join(self._schema.names) + "\n").encode())
        options = pa_csv.WriteOptions(include_header=False)
        return pa_csv.CSVWriter(sink, self._schema, write_options=options)


def named(names: Sequence[str], at: Any, kind: pa.DataType) -> pa.Array:
    """Return a column of `names[at]`, an array of places in it."""
    return pa.array(names, kind).take(pa.array(at))


def _partial(file: Path) -> Path:
    return file.with_name(f".{file.name}.partial")
