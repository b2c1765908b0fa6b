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
def advance_twap(rules: Any, state: Any, now_ns: int) -> float:
    """Let the value held so far count until now; return the average, NaN where nothing counts.

    A value that was held through a whole window without a step does not count: nobody looked.
    """
    bucket = now_ns // rules.bucket_ns
    if state.bucket < 0:
        state.bucket, state.held_ns = bucket, now_ns
    slept = now_ns - state.held_ns > rules.window_ns
    if slept or (math.isnan(state.held) and now_ns - state.seen_ns > rules.gap_ns):
        _clear(state, bucket)
    elif bucket == state.bucket:
        if not math.isnan(state.held):
            _cover(state.buckets, bucket, state.held, now_ns - state.held_ns)
    else:
        _turn(rules, state, bucket, now_ns)
    state.held_ns = now_ns
    if not math.isnan(state.held):
        state.seen_ns = now_ns
    return twap(rules, state)


@compiled
def twap(rules: Any, state: Any) -> float:
    """Return the average as of the last advance, NaN where nothing is covered."""
    at = state.bucket % BUCKETS
    covered = state.closed_covered + state.buckets[at, 1]
    if covered <= 0.0:
        return math.nan
    mean = (state.closed_weighted + state.buckets[at, 0]) / covered
    return exponential(mean) if rules.geometric else mean


@compiled
def hold(rules: Any, state: Any, value: float, average: float) -> None:
    """Take the value that holds from the last advance on, NaN for none."""
    if not math.isnan(value) and not math.isnan(average):
        value = min(max(value, average * (1.0 - rules.clamp)), average * (1.0 + rules.clamp))
    state.held = logarithm(value) if rules.geometric and value > 0.0 else value


@compiled
def _turn(rules: Any, state: Any, bucket: int, now_ns: int) -> None:
    """Close the bucket at hand, share the time since the step before among those that follow."""
    buckets = state.buckets
    if not math.isnan(state.held):
        ended_ns = min((state.bucket + 1) * rules.bucket_ns, now_ns)
        _cover(buckets, state.bucket, state.held, ended_ns - state.held_ns)
    for each in range(max(state.bucket, bucket - BUCKETS) + 1, bucket + 1):
        _close(state, each)
        if not math.isnan(state.held):
            start_ns = max(each * rules.bucket_ns, state.held_ns)
            ended_ns = min((each + 1) * rules.bucket_ns, now_ns)
            _cover(buckets, each, state.held, ended_ns - start_ns)
    state.bucket = bucket


@compiled
def _cover(buckets: Any, bucket: int, value: float, elapsed_ns: int) -> None:
    at, elapsed = bucket % BUCKETS, float(elapsed_ns)
    buckets[at, 0] += value * elapsed
    buckets[at, 1] += elapsed


@compiled
def _close(state: Any, bucket: int) -> None:
    """Move on to `bucket`: the one before it is closed, the one a window ago is forgotten.

    The sums of the closed buckets are kept by adding and taking away, and once a window added up
    anew, so that no rounding outlives a window: it stays below 1e-14 of the window's largest value.
    """
    buckets, at, before = state.buckets, bucket % BUCKETS, (bucket - 1) % BUCKETS
    state.closed_weighted += buckets[before, 0] - buckets[at, 0]
    state.closed_covered += buckets[before, 1] - buckets[at, 1]
    buckets[at, 0] = buckets[at, 1] = 0.0
    if state.closed_covered == 0.0:
        state.closed_weighted = 0.0  # times are whole numbers: nothing is covered, nothing weighs
    if at == 0:
        state.closed_weighted = state.closed_covered = 0.0
        for closed in range(1, BUCKETS):
            state.closed_weighted += buckets[closed, 0]
            state.closed_covered += buckets[closed, 1]


@compiled
def _clear(state: Any, bucket: int) -> None:
    state.buckets[:] = 0.0
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
