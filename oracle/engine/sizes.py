"""A source's recent volume and depth, from the sizes of its ticks."""

from __future__ import annotations

import math
from typing import Any

from oracle.engine.arithmetic import exponential, float_nearest
from oracle.engine.compiled import compiled


@compiled
def take_sizes(rules: Any, rest: Any, columns: Any, row: int, event_ns: int) -> None:
    """Let a tick's sizes into the source's recent volume and depth."""
    exponent, tau_ns = columns.size_exponent[row], float(rules.weight_window_ns)
    size = _size(columns.last_size, row, exponent)
    if size > 0.0:
        rest.volume = recent_volume(rest, event_ns, tau_ns) + size
        rest.volume_ns = max(event_ns, rest.volume_ns)
    bids, asks = _size(columns.bid_size, row, exponent), _size(columns.ask_size, row, exponent)
    if bids > 0.0 and asks > 0.0:
        rest.depth = average_depth(rest, event_ns, tau_ns)
        rest.standing = min(bids, asks)
        rest.depth_ns = max(event_ns, rest.depth_ns)


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
def _size(column: Any, row: int, exponent: int) -> float:
    return float_nearest(column[row], exponent) if len(column) > 0 else math.nan
