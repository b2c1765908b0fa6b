"""Times as recorders write them, to unix nanoseconds: columns, and one by one.

A number is of seconds, milliseconds, microseconds or nanoseconds by its size: each reads as a time
between the years 1973 and 5138, and no number as two of them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feeds.ticks.columns import Int64s
from feeds.ticks.fields import Place, integers, is_text, one_chunk, refuse_where
from oracle.model.ticks import MISSING

MAX_NS: Final = 2**63 - 1
_UNITS: Final = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))
"""Below the first a number is of units of so many nanoseconds."""

_ALLOWED: Final = "unix s, ms, us or ns, or UTC as 2025-10-10T21:36:00Z"
_ISO: Final = r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(?:Z|\+00:?00| UTC)?"
_ISO_PATTERN: Final = re.compile(_ISO)


COARSER: Final = {"milliseconds": 10**6, "microseconds": 10**3}
_EARLIEST_NS, _LATEST_NS = 1_230_000_000 * 10**9, 2_200_000_000 * 10**9  # 2008 to 2039


def is_of_unit(times_ns: Any, ns_per_unit: int) -> Any:
    """Whether numbers that are given as nanoseconds are times of today in a coarser unit."""
    return (times_ns >= _EARLIEST_NS // ns_per_unit) & (times_ns <= _LATEST_NS // ns_per_unit)


def nanoseconds(batch: Any, name: str, place: Place, *, ns_per_unit: int, unit: str) -> Int64s:
    """Return a column of times in one unit.

    Raises:
        ConfigError: a field is missing, no whole number, or too large.
    """
    allowed = f"a whole number of {unit}"
    times = integers(batch, name, place, allowed=allowed, required=True)
    _bound(np.abs(times) > MAX_NS // ns_per_unit, times, name, place, allowed)
    return times * ns_per_unit


def unix_ns(batch: Any, name: str, place: Place) -> Int64s:
    """Return a column of times: numbers of any unit, ISO 8601 text in UTC, or timestamps.

    Raises:
        ConfigError: a field is missing or none of these.
    """
    column = one_chunk(batch.column(name))
    if pa.types.is_timestamp(column.type):
        refuse_where(pc.is_null(column), column, name, place, _ALLOWED)
        return _timestamps(column, name, place)
    if is_text(column.type) and _holds(column, _ISO):
        refuse_where(pc.is_null(column), column, name, place, _ALLOWED)
        pattern = rf"^{_ISO}$"
        refuse_where(
            pc.invert(pc.match_substring_regex(column, pattern)), column, name, place, _ALLOWED
        )
        plain = pc.replace_substring_regex(column, pattern, r"\1 \2")
        return _timestamps(plain, name, place)
    return _of_any_unit(integers(batch, name, place, allowed=_ALLOWED, required=True), name, place)


def parse_unix_ns(text: str) -> int | None:
    """Read one time as `unix_ns` reads a column of them; None where it is no time."""
    if re.fullmatch(r"\d{1,19}", text):
        number = int(text)
        ns = number * next((unit for below, unit in _UNITS if number < below), 1)
        return ns if 0 < ns <= MAX_NS else None
    match = _ISO_PATTERN.fullmatch(text)
    if match is None:
        return None
    clock, _, fraction = match[2].partition(".")
    try:
        whole = datetime.fromisoformat(f"{match[1]}T{clock}").replace(tzinfo=UTC)
    except ValueError:
        return None
    ns = int(whole.timestamp()) * 10**9 + int(fraction.ljust(9, "0"))
    return ns if 0 < ns <= MAX_NS else None


def _holds(column: Any, pattern: str) -> bool:
    """Whether the first field that is not missing is of a pattern; the others are held to it."""
    first = column.drop_null()[:1]
    return bool(pc.any(pc.match_substring_regex(first, rf"^{pattern}$")).as_py())


def _timestamps(column: Any, name: str, place: Place) -> Int64s:
    try:
        times = pc.cast(pc.cast(column, pa.timestamp("ns")), pa.int64())
    except pa.ArrowInvalid:
        for row, field in enumerate(column.to_pylist()):
            if not isinstance(field, str) or parse_unix_ns(field.replace(" ", "T")) is None:
                place.fault(row, name, str(field), _ALLOWED)
        raise
    result: Int64s = times.to_numpy(zero_copy_only=False)
    return result


def _of_any_unit(times: Int64s, name: str, place: Place) -> Int64s:
    factor = np.select([np.abs(times) < below for below, _ in _UNITS], [u for _, u in _UNITS], 1)
    _bound(times == MISSING, times, name, place, _ALLOWED)
    scaled: Int64s = times * factor.astype(np.int64)
    return scaled


def _bound(bad: Any, times: Int64s, name: str, place: Place, allowed: str) -> None:
    too_large = np.flatnonzero(bad)
    if len(too_large):
        place.fault(int(too_large[0]), name, times[too_large[0]], allowed)
