"""Averages in step time: TWAP over fixed buckets, and the exponential moving average."""

from __future__ import annotations

import math
from typing import Any, Final

from oracle.engine.arithmetic import exponential, logarithm
from oracle.engine.compiled import compiled
from oracle.engine.records import BUCKETS

FIRST_WEIGHT: Final = 1e-3
"""Weight of an EMA's first sample, in time constants: later ones soon outweigh it."""

EXPIRY: Final = 4.0
"""An EMA without a sample for so many time constants is missing."""


@compiled
def advance_twap(rules: Any, state: Any, closed: Any, now_ns: int) -> float:
    """Let the value held so far count until now; return the average, NaN where nothing counts.

    `closed` are the window's closed buckets, shape (BUCKETS, 2): value times ns, and the ns. A
    value that was held through a whole window without a step does not count: nobody looked.
    """
    if state.bucket < 0:
        state.bucket, state.held_ns = now_ns // rules.bucket_ns, now_ns
    slept = now_ns - state.held_ns > rules.window_ns
    if slept or (math.isnan(state.held) and now_ns - state.seen_ns > rules.gap_ns):
        _clear(state, closed, now_ns // rules.bucket_ns)
    else:
        _cover(rules, state, closed, now_ns)
    state.held_ns = now_ns
    if not math.isnan(state.held):
        state.seen_ns = now_ns
    return twap(rules, state)


@compiled
def twap(rules: Any, state: Any) -> float:
    """Return the average as of the last advance, NaN where nothing is covered."""
    covered = state.closed_covered + state.open_covered
    if covered <= 0.0:
        return math.nan
    mean = (state.closed_weighted + state.open_weighted) / covered
    return exponential(mean) if rules.geometric else mean


@compiled
def hold(rules: Any, state: Any, value: float, average: float) -> None:
    """Take the value that holds from the last advance on, NaN for none."""
    if not math.isnan(value) and not math.isnan(average):
        value = min(max(value, average * (1.0 - rules.clamp)), average * (1.0 + rules.clamp))
    state.held = logarithm(value) if rules.geometric and value > 0.0 else value


@compiled
def _cover(rules: Any, state: Any, closed: Any, now_ns: int) -> None:
    """Share the time since the step before among the buckets that it lies in."""
    start_ns, end_ns = state.held_ns, (state.bucket + 1) * rules.bucket_ns
    while True:
        if not math.isnan(state.held):
            elapsed = float(min(end_ns, now_ns) - start_ns)
            state.open_weighted += state.held * elapsed
            state.open_covered += elapsed
        if now_ns < end_ns:
            return
        _close(state, closed)
        start_ns, end_ns = end_ns, end_ns + rules.bucket_ns


@compiled
def _close(state: Any, closed: Any) -> None:
    """Close the bucket at hand, and forget the one of a window ago, which has its place.

    The sums of the closed buckets are kept by adding and taking away, and once a window added up
    anew, so that no rounding outlives a window: it stays below 1e-14 of the window's largest value.
    """
    at, after = state.bucket % BUCKETS, (state.bucket + 1) % BUCKETS
    closed[at, 0], closed[at, 1] = state.open_weighted, state.open_covered
    state.closed_weighted += state.open_weighted - closed[after, 0]
    state.closed_covered += state.open_covered - closed[after, 1]
    closed[after, 0] = closed[after, 1] = 0.0
    state.open_weighted = state.open_covered = 0.0
    state.bucket += 1
    if state.closed_covered == 0.0:
        state.closed_weighted = 0.0  # times are whole numbers: nothing is covered, nothing weighs
    if after == 0:
        state.closed_weighted = state.closed_covered = 0.0
        for each in range(1, BUCKETS):
            state.closed_weighted += closed[each, 0]
            state.closed_covered += closed[each, 1]


@compiled
def _clear(state: Any, closed: Any, bucket: int) -> None:
    closed[:] = 0.0
    state.open_weighted = state.open_covered = 0.0
    state.closed_weighted = state.closed_covered = 0.0
    state.bucket = bucket


@compiled
def add_sample(state: Any, value: float, weight: float, decay: float) -> None:
    """Add one sample to a decayed sum over a decayed weight."""
    state.weighted = state.weighted * decay + value * weight
    state.weight = state.weight * decay + weight


@compiled
def ema(state: Any, value: float, now_ns: int, tau_ns: float) -> float:
    """Take a value where there is one (not NaN); return the average, NaN where none holds.

    `num = num * exp(-t/tau) + x * t`, and the denominator likewise with `t`, the time since the
    sample before. Source: Hyperliquid, robust price indices.
    """
    gap = float(now_ns - state.seen_ns)
    if state.weight > 0.0 and gap > EXPIRY * tau_ns:
        state.weighted = state.weight = 0.0
    if not math.isnan(value):
        if state.weight == 0.0:
            add_sample(state, value, FIRST_WEIGHT, 0.0)
        else:
            add_sample(state, value, gap / tau_ns, exponential(-gap / tau_ns))
        state.seen_ns = now_ns
    return state.weighted / state.weight if state.weight > 0.0 else math.nan
