"""Fields of a table: what a column must hold, and what is said where it does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from feeds.ticks.columns import Int64s
from oracle.model.errors import ConfigError
from oracle.model.ticks import MISSING


class Place(NamedTuple):
    """Where a batch begins: the file, and how many rows came before.

    `named` says how the file itself calls a column, for what a person reads.
    """

    file: str
    rows: int
    named: Mapping[str, str] = {}

    def fault(self, row: int, column: str, given: object, allowed: str) -> NoReturn:
        """Raise what a person must mend about one field."""
        raise ConfigError(
            f"{self.file} row {self.rows + row + 1}, column {self.named.get(column, column)}: "
            f"given {given!r}, allowed is {allowed}"
        )


def integers(batch: Any, name: str, place: Place, *, allowed: str, required: bool) -> Int64s:
    """Return a column of integers or of their text as int64; nothing is `MISSING`.

    Raises:
        ConfigError: a field is no 64-bit integer, or is missing where it is `required`.
    """
    column = one_chunk(batch.column(name))
    if not (pa.types.is_integer(column.type) or is_text(column.type) or _is_null(column.type)):
        place.fault(0, name, str(column.type), f"{allowed}, in an integer or text column")
    if is_text(column.type):
        plain = pc.match_substring_regex(column, r"^-?[0-9]{1,18}$|^-?[1-9][0-9]{18}$")
        refuse_where(pc.invert(plain), column, name, place, allowed)
    try:
        numbers = pc.cast(column, pa.int64())
    except pa.ArrowInvalid as error:
        place.fault(0, name, str(error), f"{allowed}, of 64 bits")
    if required:
        refuse_where(pc.is_null(numbers), column, name, place, allowed)
    values: Int64s = numbers.fill_null(MISSING).to_numpy(zero_copy_only=False)
    return values


def one_chunk(column: Any) -> Any:
    """Return a column as one Arrow array."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def refuse_where(bad: Any, column: Any, name: str, place: Place, allowed: str) -> None:
    """Name the first field of `column` where `bad` is true.

    Raises:
        ConfigError: there is one.
    """
    first = pc.index(bad, value=True).as_py()
    if first >= 0:
        place.fault(first, name, column[first].as_py(), allowed)


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_null(kind: Any) -> bool:
    return bool(pa.types.is_null(kind))
