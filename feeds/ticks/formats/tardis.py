"""Trades as Tardis.dev records them: CSV with both clocks in microseconds.

Columns: https://docs.tardis.dev/downloadable-csv-files#trades
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feeds.ticks.rows import Place, integers
from feeds.ticks.symbols import source_of
from feeds.ticks.writer import SCHEMA
from oracle.model.errors import ConfigError

TRADE_COLUMNS: Final = ("exchange", "symbol", "timestamp", "local_timestamp", "price")
_NS_PER_US: Final = 1000


def trades_to_ticks(batch: Any, place: Place) -> Any:
    """Convert a batch of `TRADE_COLUMNS` to ticks with `last`, row for row.

    Raises:
        ConfigError: a field is not what its column holds, or an unknown exchange or symbol.
    """
    nothing = pa.nulls(len(batch), pa.string())
    columns = [
        _nanoseconds(batch, "local_timestamp", place),
        _nanoseconds(batch, "timestamp", place),
        _sources(batch, place),
        nothing,
        nothing,
        pc.cast(batch.column("price"), pa.string()),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _nanoseconds(batch: Any, name: str, place: Place) -> Any:
    unit = "a whole number of microseconds"
    us = integers(batch, name, place, allowed=unit, required=True)
    too_large = np.flatnonzero(np.abs(us) > (2**63 - 1) // _NS_PER_US)
    if len(too_large):
        place.fault(int(too_large[0]), name, us[too_large[0]], unit)
    return pa.array(us * _NS_PER_US)


def _sources(batch: Any, place: Place) -> Any:
    exchange, symbol = (batch.column(name).fill_null("") for name in ("exchange", "symbol"))
    pairs = pc.binary_join_element_wise(exchange, symbol, " ").dictionary_encode()
    names = []
    for pair in pairs.dictionary.to_pylist():
        try:
            names.append(source_of(*pair.split(" ", 1)))
        except ConfigError as error:
            raise ConfigError(f"{place.file}: {error}") from error
    return pa.array(names, pa.string()).take(pairs.indices)
