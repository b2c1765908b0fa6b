"""A source's recent volume and depth, from the sizes of its ticks."""

from __future__ import annotations

import math
from typing import Any

from oracle.engine.arithmetic import exponential, float_nearest
from oracle.engine.compiled import compiled


@compiled
def take_volume(rules: Any, rest: Any, columns: Any, row: int) -> None:
    """Let the size of a new trade into the source's recent volume."""
    event_ns, size = columns.event_ns[row], _size(columns.last_size, columns, row)
    if size > 0.0:
        rest.volume = recent_volume(rest, event_ns, float(rules.weight_window_ns)) + size
        rest.volume_ns = event_ns


@compiled
def take_depth(rules: Any, rest: Any, columns: Any, row: int) -> None:
    """Let the smaller size of a new quote stand from now on, and the one before count until now."""
    event_ns = columns.event_ns[row]
    bids, asks = _size(columns.bid_size, columns, row), _size(columns.ask_size, columns, row)
    if bids > 0.0 and asks > 0.0:
        rest.depth = average_depth(rest, event_ns, float(rules.weight_window_ns))
        rest.standing, rest.depth_ns = min(bids, asks), event_ns


@compiled
def recent_volume(rest: Any, now_ns: int, tau_ns: float) -> float:
    """Return the sum of a source's trade sizes, decayed to now."""
    return rest.volume * exponential(-float(max(now_ns - rest.volume_ns, 0)) / tau_ns)


@compiled
def average_depth(rest: Any, now_ns: int, tau_ns: float) -> float:
    """Return a source's depth averaged to now: each size counts for as long as it stood.

    NaN before the first quote with sizes; the first size stands for what was before it.
    """
    if math.isnan(rest.depth):
        return rest.standing
    kept = exponential(-float(max(now_ns - rest.depth_ns, 0)) / tau_ns)
    return rest.depth * kept + rest.standing * (1.0 - kept)


@compiled
def _size(column: Any, columns: Any, row: int) -> float:
    if len(column) == 0:
        return math.nan
    return float_nearest(column[row], columns.size_exponent[row])
