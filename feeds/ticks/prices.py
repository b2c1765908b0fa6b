"""Columns of decimal text to mantissas and exponents, exactly as `px_exact` reads each."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from feeds.ticks.columns import Int64s
from oracle.model.errors import Rejected
from oracle.model.fixed import px_exact
from oracle.model.ticks import MISSING

FINE, NOT_FINITE, SCALE, MALFORMED = range(4)
REASONS: Final = {NOT_FINITE: "not_finite", SCALE: "scale", MALFORMED: "malformed"}
"""Reasons under which a row is refused. In a table MALFORMED ends the reading instead."""

_PLAIN: Final = r"^-?[0-9]+(\.[0-9]+)?$"
_PLAIN_LENGTH: Final = 18
"""So short a text has a 64-bit mantissa, whatever its digits."""


class PriceColumn(NamedTuple):
    """Prices of one column. Where `fault` is not `FINE` and where there is none: `MISSING`."""

    mantissa: Int64s
    exponent: NDArray[np.int8]
    fault: NDArray[np.uint8]


def parse_prices(text: Any) -> PriceColumn:
    """Parse an Arrow string array; null and empty text are missing prices.

    Plain decimals go column by column; the rest (`1e-7`, `.5`, `nan`) one by one.
    """
    text = text.fill_null("")
    empty = _numpy(pc.equal(pc.utf8_trim_whitespace(text), ""))
    short = pc.less_equal(pc.binary_length(text), _PLAIN_LENGTH)
    plain = pc.and_(short, pc.match_substring_regex(text, _PLAIN))
    safe = pc.if_else(plain, text, "0")
    digits = pc.replace_substring(safe, ".", "", max_replacements=1)
    dot = _numpy(pc.find_substring(safe, "."))
    after_dot = _numpy(pc.binary_length(safe)) - 1 - dot
    column = PriceColumn(
        mantissa=_numpy(pc.cast(digits, pa.int64())).copy(),
        exponent=np.where(dot < 0, 0, -after_dot).astype(np.int8),
        fault=np.zeros(len(text), np.uint8),
    )
    column.mantissa[empty] = MISSING
    for row in np.flatnonzero(~_numpy(plain) & ~empty):
        mantissa, exponent, fault = _parse_one(text[row].as_py())
        column.mantissa[row], column.exponent[row] = mantissa, exponent
        column.fault[row] = fault
    return column


def missing_prices(rows: int) -> PriceColumn:
    """Return a column that no row has."""
    return PriceColumn(
        np.full(rows, MISSING, np.int64), np.zeros(rows, np.int8), np.zeros(rows, np.uint8)
    )


def _parse_one(text: str) -> tuple[int, int, int]:
    try:
        px = px_exact(text)
    except Rejected:
        return MISSING, 0, _why(text)
    return px.mantissa, px.exponent, FINE


def _why(text: str) -> int:
    try:
        number = Decimal("malformed" if "_" in text else text)
    except InvalidOperation:
        return MALFORMED
    return SCALE if number.is_finite() else NOT_FINITE


def _numpy(array: Any) -> NDArray[Any]:
    result: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return result
