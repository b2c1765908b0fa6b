"""Rows of a tick file to tick columns: what is wrong with the file, and what no tick can carry.

A zero, negative or crossed price is a tick: the engine judges prices. A row that no tick can
carry is refused and counted under its reason; a field of the wrong type ends the reading.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from feeds.ticks.columns import TickColumns
from feeds.ticks.fields import Place, integers, is_text, one_chunk, refuse_where
from feeds.ticks.prices import MALFORMED, REASONS, PriceColumn, missing_prices, parse_prices
from feeds.ticks.scaling import funding_e12_half_even, share_exponent
from feeds.ticks.times import COARSER, is_of_unit
from oracle.config.markets import SOURCE_PATTERN
from oracle.model.errors import ConfigError
from oracle.model.ticks import MISSING

COLUMNS: Final = ("received_ns", "event_ns", "source", "bid", "ask", "last")
OPTIONAL: Final = ("bid_size", "ask_size", "last_size", "funding")
PRICES: Final = ("bid", "ask", "last")
SIZES: Final = ("bid_size", "ask_size", "last_size")
MAX_SOURCES: Final = 2**16
LATEST_NS: Final = 2**62
"""The engine's time ends there, in the year 2116."""
NANOSECONDS: Final = "a whole number of nanoseconds"
_NUMBER_TYPES: Final[tuple[Callable[[Any], bool], ...]] = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_decimal,
    pa.types.is_floating,
    pa.types.is_integer,
    pa.types.is_null,
)

Refused = Counter[tuple[str, str]]
"""Refused rows by (source, reason)."""


class JudgedRows(NamedTuple):
    """All rows as columns, which of them are ticks, and why the others are not."""

    columns: TickColumns
    kept: NDArray[np.bool_]
    refused: Refused


def judge_rows(
    batch: Any, sources: dict[str, int], place: Place, *, strict: bool = True
) -> JudgedRows:
    """Convert an Arrow batch or table of `COLUMNS`, perhaps with some of `OPTIONAL`.

    `sources` gains the names that are new. The sequence is left 0. A missing event time is the
    receive time. Unless `strict`, a malformed number refuses its row instead of ending the reading.

    Raises:
        ConfigError: a field is not what its column holds.
    """
    received_ns = integers(batch, "received_ns", place, allowed=NANOSECONDS, required=True)
    event_ns = integers(batch, "event_ns", place, allowed=NANOSECONDS, required=False)
    event_ns = np.where(event_ns == MISSING, received_ns, event_ns)
    source_at = _sources(batch, sources, place)
    numbers = {name: _numbers(batch, name, place, strict) for name in (*PRICES, *OPTIONAL)}
    prices = share_exponent({name: numbers[name] for name in PRICES})
    sizes = share_exponent({name: numbers[name] for name in SIZES})
    funding_e12, too_large = funding_e12_half_even(numbers["funding"])

    reason = np.full(len(received_ns), "", object)
    worth = (*prices.mantissas.values(), funding_e12)
    reason[np.logical_and.reduce([column == MISSING for column in worth])] = "no_price"
    reason[too_large] = "malformed_funding"
    reason[sizes.apart] = "size_scale"
    reason[prices.apart] = "scale"
    for column in numbers.values():
        for fault in np.unique(column.fault[column.fault > 0]):
            reason[column.fault == fault] = REASONS[int(fault)]
    early, late = np.minimum(received_ns, event_ns), np.maximum(received_ns, event_ns)
    reason[(early <= 0) | (late >= LATEST_NS)] = "malformed_time"
    for factor in COARSER.values():
        reason[is_of_unit(received_ns, factor)] = "malformed_time"

    names = list(sources)
    bad = np.flatnonzero(reason != "")
    refused = Refused((names[source_at[row]], reason[row]) for row in bad)
    columns = TickColumns(
        source_at=source_at,
        sequence=np.zeros(len(received_ns), np.int64),
        event_ns=event_ns,
        received_ns=received_ns,
        exponent=prices.exponent,
        **prices.mantissas,
        size_exponent=sizes.exponent,
        **sizes.mantissas,
        funding_e12=funding_e12,
    )
    return JudgedRows(columns, reason == "", refused)


def _sources(batch: Any, sources: dict[str, int], place: Place) -> NDArray[np.uint16]:
    column = one_chunk(batch.column("source"))
    allowed = "venue:SYMBOL such as binance:BTC/USDT"
    if not pa.types.is_dictionary(column.type):
        if not is_text(column.type):
            place.fault(0, "source", str(column.type), allowed + " (text column)")
        column = column.dictionary_encode()
    refuse_where(pc.is_null(column), column, "source", place, allowed)
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


def _numbers(batch: Any, name: str, place: Place, strict: bool) -> PriceColumn:
    if name in OPTIONAL and name not in batch.schema.names:
        return missing_prices(len(batch))
    column = one_chunk(batch.column(name))
    allowed = "a decimal number such as 65123.40, or nothing"
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not any(accepts(column.type) for accepts in _NUMBER_TYPES):
        place.fault(0, name, str(column.type), allowed + " (text, decimal, float, integer column)")
    if column.null_count == len(column):
        return missing_prices(len(column))
    # Arrow writes a float as its shortest text that reads back the same, like repr().
    text = pc.cast(column, pa.string())
    numbers = parse_prices(text)
    malformed = np.flatnonzero(numbers.fault == MALFORMED)
    if strict and len(malformed):
        place.fault(int(malformed[0]), name, text[malformed[0]].as_py(), allowed)
    return numbers
