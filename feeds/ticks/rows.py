"""Rows of a tick file to tick columns: what is wrong with the file, and what no tick can carry.

A zero, negative or crossed price is a tick: the engine judges prices. A row that no tick can
carry is refused and counted under its reason; a field of the wrong type ends the reading.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, NamedTuple, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from feeds.ticks.columns import Int64s, TickColumns
from feeds.ticks.prices import MALFORMED, REASONS, PriceColumn, parse_prices
from oracle.config.markets import SOURCE_PATTERN
from oracle.model.errors import ConfigError
from oracle.model.ticks import MISSING

COLUMNS: Final = ("received_ns", "event_ns", "source", "bid", "ask", "last")
PRICES: Final = ("bid", "ask", "last")
MAX_SOURCES: Final = 2**16
_NS: Final = "a whole number of nanoseconds"
_PRICE_TYPES: Final[tuple[Callable[[Any], bool], ...]] = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_decimal,
    pa.types.is_floating,
    pa.types.is_integer,
    pa.types.is_null,
)

Refused = Counter[tuple[str, str]]
"""Refused rows by (source, reason)."""


class Place(NamedTuple):
    """Where a batch begins: the file, and how many rows came before."""

    file: str
    rows: int

    def fault(self, row: int, column: str, given: object, allowed: str) -> NoReturn:
        """Raise what a person must mend about one field."""
        raise ConfigError(
            f"{self.file} row {self.rows + row + 1}, column {column}: given {given!r}, "
            f"allowed is {allowed}"
        )


class JudgedRows(NamedTuple):
    """All rows as columns, which of them are ticks, and why the others are not."""

    columns: TickColumns
    kept: NDArray[np.bool_]
    refused: Refused


def judge_rows(batch: Any, sources: dict[str, int], place: Place) -> JudgedRows:
    """Convert an Arrow batch or table of `COLUMNS`; `sources` gains the names that are new.

    The sequence is left 0. A missing event time is the receive time.

    Raises:
        ConfigError: a field is not what its column holds.
    """
    received_ns = integers(batch, "received_ns", place, allowed=_NS, required=True)
    event_ns = integers(batch, "event_ns", place, allowed=_NS, required=False)
    event_ns = np.where(event_ns == MISSING, received_ns, event_ns)
    source_at = _sources(batch, sources, place)
    prices = {name: _prices(batch, name, place) for name in PRICES}
    exponent, shared, too_wide = _share_exponent(prices)

    reason = np.full(len(received_ns), "", object)
    reason[np.logical_and.reduce([column == MISSING for column in shared.values()])] = "no_price"
    reason[too_wide] = "scale"
    for column in prices.values():
        for fault, name in REASONS.items():
            reason[column.fault == fault] = name
    reason[(received_ns <= 0) | (event_ns <= 0)] = "malformed_time"

    names = list(sources)
    bad = np.flatnonzero(reason != "")
    refused = Refused((names[source_at[row]], reason[row]) for row in bad)
    zeros = np.zeros(len(received_ns), np.int64)
    columns = TickColumns(source_at, zeros, event_ns, received_ns, exponent, **shared)
    return JudgedRows(columns, reason == "", refused)


def integers(batch: Any, name: str, place: Place, *, allowed: str, required: bool) -> Int64s:
    """Return a column of integers or of their text as int64; nothing is `MISSING`.

    Raises:
        ConfigError: a field is no 64-bit integer, or is missing where it is `required`.
    """
    column = _one_chunk(batch.column(name))
    if not (pa.types.is_integer(column.type) or _is_text(column.type) or _is_null(column.type)):
        place.fault(0, name, str(column.type), f"{allowed}, in an integer or text column")
    if _is_text(column.type):
        plain = pc.match_substring_regex(column, r"^-?[0-9]{1,18}$|^-?[1-9][0-9]{18}$")
        _refuse_where(pc.invert(plain), column, name, place, allowed)
    try:
        numbers = pc.cast(column, pa.int64())
    except pa.ArrowInvalid as error:
        place.fault(0, name, str(error), f"{allowed}, of 64 bits")
    if required:
        _refuse_where(pc.is_null(numbers), column, name, place, allowed)
    values: Int64s = numbers.fill_null(MISSING).to_numpy(zero_copy_only=False)
    return values


def _sources(batch: Any, sources: dict[str, int], place: Place) -> NDArray[np.uint16]:
    column = _one_chunk(batch.column("source"))
    allowed = "venue:SYMBOL such as binance:BTC/USDT"
    if not pa.types.is_dictionary(column.type):
        if not _is_text(column.type):
            place.fault(0, "source", str(column.type), allowed + " (text column)")
        column = column.dictionary_encode()
    _refuse_where(pc.is_null(column), column, "source", place, allowed)
    at = column.indices.to_numpy(zero_copy_only=False)
    names = column.dictionary.to_pylist()
    for number, name in enumerate(names):
        if not isinstance(name, str) or not SOURCE_PATTERN.fullmatch(name):
            rows = np.flatnonzero(at == number)
            if len(rows):
                place.fault(int(rows[0]), "source", name, allowed)
            continue
        sources.setdefault(name, len(sources))
    if len(sources) > MAX_SOURCES:
        raise ConfigError(f"{place.file}: more than {MAX_SOURCES} sources in all files together")
    numbers = np.array([sources.get(name, 0) for name in names], np.uint16)
    return numbers[at] if len(names) else np.zeros(len(column), np.uint16)


def _prices(batch: Any, name: str, place: Place) -> PriceColumn:
    column = _one_chunk(batch.column(name))
    allowed = "a decimal number such as 65123.40, or nothing"
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not any(accepts(column.type) for accepts in _PRICE_TYPES):
        place.fault(0, name, str(column.type), allowed + " (text, decimal, float, integer column)")
    # Arrow writes a float as its shortest text that reads back the same, like repr().
    text = pc.cast(column, pa.string())
    prices = parse_prices(text)
    malformed = np.flatnonzero(prices.fault == MALFORMED)
    if len(malformed):
        place.fault(int(malformed[0]), name, text[malformed[0]].as_py(), allowed)
    return prices


def _share_exponent(
    prices: dict[str, PriceColumn],
) -> tuple[NDArray[np.int8], dict[str, Int64s], NDArray[np.bool_]]:
    """Bring the prices of each row to one exponent; say where 64 bits do not hold them."""
    highest = np.int8(np.iinfo(np.int8).max)
    exponent = np.minimum.reduce(
        [np.where(p.mantissa == MISSING, highest, p.exponent) for p in prices.values()]
    )
    exponent = np.where(exponent == highest, np.int8(0), exponent).astype(np.int8)
    shared, too_wide = {}, np.zeros(len(exponent), np.bool_)
    powers = 10 ** np.arange(19, dtype=np.int64)
    for name, column in prices.items():
        present = column.mantissa != MISSING
        shift = np.where(present, column.exponent.astype(np.int64) - exponent, 0)
        power = powers[np.minimum(shift, 18)]
        mantissa = np.where(present, column.mantissa, 0)
        limit = (2**63 - 1) // power
        too_wide |= (mantissa != 0) & ((shift > 18) | (np.abs(mantissa) > limit))
        shared[name] = np.where(present, mantissa * np.where(too_wide, 1, power), MISSING)
    return exponent, shared, too_wide


def _one_chunk(column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _refuse_where(bad: Any, column: Any, name: str, place: Place, allowed: str) -> None:
    first = pc.index(bad, value=True).as_py()
    if first >= 0:
        place.fault(first, name, column[first].as_py(), allowed)


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_null(kind: Any) -> bool:
    return bool(pa.types.is_null(kind))
