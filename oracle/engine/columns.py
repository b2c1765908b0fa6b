"""Tick batches as numpy columns, in the canonical order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from oracle.model.ticks import MISSING, TickBatch

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_POWERS = np.array([float(f"1e{power}") for power in range(129)])
"""Nearest floats, parsed: `pow` may differ by a bit from one processor to another."""

LOWEST, BEYOND = 1e-18, 1e21
"""What a report can carry (docs/report-format.md): prices from LOWEST up to less than BEYOND."""

WIDEST = 100.0
"""Relative figures (confidence, premium) end here, far beyond any that is acted upon."""


class TickColumns(NamedTuple):
    """Ticks of known sources, one row each; missing prices are NaN.

    Rows are in the canonical order (source, event_ns, sequence), so that neither arrival order
    nor the cut into batches can change a mark.
    """

    source: Ints
    sequence: Ints
    event_ns: Ints
    received_ns: Ints
    bid: Floats
    ask: Floats
    last: Floats
    unknown: int
    """Ticks left out because no market uses their source."""


def gather(batches: Iterable[TickBatch], source_at: Mapping[str, int]) -> TickColumns:
    """Join batches into columns; `source_at` numbers the known sources."""
    parts = [_columns(batch, source_at) for batch in batches if len(batch)]
    if not parts:
        none, nan = np.empty(0, np.int64), np.empty(0)
        return TickColumns(none, none, none, none, nan, nan, nan, 0)
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    known = columns[0] >= 0
    columns = [column[known] for column in columns]
    order = np.lexsort((columns[1], columns[2], columns[0]))
    source, sequence, event, received, bid, ask, last = (column[order] for column in columns)
    unknown = int(np.count_nonzero(~known))
    return TickColumns(source, sequence, event, received, bid, ask, last, unknown)


def out_of_range(price: Floats) -> Bools:
    """Return which prices no report can carry; a missing one is not among them."""
    return (price < LOWEST) | (price >= BEYOND)


def _columns(batch: TickBatch, source_at: Mapping[str, int]) -> tuple[npt.NDArray[np.generic], ...]:
    numbers = np.array([source_at.get(name, -1) for name in batch.sources], np.int64)
    exponent = np.frombuffer(batch.exponent, np.int8).astype(np.int64)
    return (
        numbers[np.frombuffer(batch.source_at, "<u2")],
        np.frombuffer(batch.sequence, "<i8"),
        np.frombuffer(batch.event_ns, "<i8"),
        np.frombuffer(batch.received_ns, "<i8"),
        *(
            _float_nearest(np.frombuffer(mantissas, "<i8"), exponent)
            for mantissas in (batch.bid, batch.ask, batch.last)
        ),
    )


def _float_nearest(mantissa: Ints, exponent: Ints) -> Floats:
    """Convert columns of `mantissa * 10**exponent`; NaN where missing.

    Correctly rounded while the mantissa is below 2**53 and the exponent within +-22 (both exact
    floats); beyond that within one unit in the last place.
    """
    power = _POWERS[np.abs(exponent)]
    value = mantissa.astype(np.float64)
    value = np.where(exponent >= 0, value * power, value / power)
    return np.where(mantissa == MISSING, np.nan, value)
