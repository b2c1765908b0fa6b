"""Quantities with their unit: durations (`250ms`, `30s`, `1h`) and ratios (`25bps`, `2%`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field

_NUMBER = r"(\d+(?:\.\d+)?)\s*"
_DURATION_NS = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
}
LONGEST_NS = 366 * _DURATION_NS["d"]
SHORTEST_WINDOW_NS = _DURATION_NS["s"]
_RATIO_BPS = {"bps": Decimal(1), "%": Decimal(100)}
_MOST_BPS = 1_000_000


def duration_ns(value: object) -> int:
    """Read a duration with its unit as integer ns.

    Raises:
        ValueError: no unit, an unknown one, not a whole number of ns, or longer than a year.
    """
    number, unit = _split(value, _DURATION_NS, "duration", "'250ms'")
    ns = number * _DURATION_NS[unit]
    if ns != int(ns):
        raise ValueError(f"duration {value!r} is not a whole number of nanoseconds")
    if ns > LONGEST_NS:
        raise ValueError(f"duration {value!r} is longer than 366d")
    return int(ns)


def ratio_bps(value: object) -> float:
    """Read a ratio with its unit as bps.

    Raises:
        ValueError: no unit, an unknown one, or more than 10000%.
    """
    number, unit = _split(value, _RATIO_BPS, "ratio", "'25bps' or '2%'")
    bps = number * _RATIO_BPS[unit]
    if bps > _MOST_BPS:
        raise ValueError(f"ratio {value!r} is more than 10000%")
    return float(bps)


def _split(
    value: object, units: Mapping[str, object], what: str, example: str
) -> tuple[Decimal, str]:
    match = re.fullmatch(_NUMBER + r"([a-z%]+)", value.strip()) if isinstance(value, str) else None
    if match is None or match[2] not in units:
        raise ValueError(
            f"{what} {value!r} needs a number and a unit of {', '.join(units)}; write {example}"
        )
    return Decimal(match[1]), match[2]


def window_ns(value: object) -> int:
    """Read a duration that is averaged over, as integer ns.

    Raises:
        ValueError: as `duration_ns`, or shorter than a second.
    """
    ns = duration_ns(value)
    if ns < SHORTEST_WINDOW_NS:
        raise ValueError(f"{value!r} is shorter than 1s: nothing is averaged over so little")
    return ns


DurationNs = Annotated[int, BeforeValidator(duration_ns), Field(ge=0)]
PositiveNs = Annotated[int, BeforeValidator(duration_ns), Field(gt=0)]
WindowNs = Annotated[int, BeforeValidator(window_ns)]
RatioBps = Annotated[float, BeforeValidator(ratio_bps), Field(ge=0)]
