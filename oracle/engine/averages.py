"""Averages in step time: TWAP over fixed buckets, and the exponential average of the basis."""

from __future__ import annotations

import numpy as np

from oracle.engine.columns import Floats, Ints

FIRST_WEIGHT = 1e-3
"""Weight of an average's first sample, in time constants: later ones soon outweigh it."""

BUCKETS = 60
"""A window's edge is exact to one sixtieth of it."""


class Twap:
    """Time-weighted average of each market's index over its own window; O(1) a step.

    An index holds from its step until the next. Time without an index is not covered and does
    not count, nor does a whole window without a step: nobody looked.
    """

    def __init__(self, window_ns: Ints) -> None:
        count = len(window_ns)
        self._bucket_ns = np.maximum(window_ns // BUCKETS, 1)
        self._weighted, self._covered = (np.zeros((count, BUCKETS)) for _ in range(2))
        self._bucket = np.full(count, -1)
        self._held = np.full(count, np.nan)
        self._held_ns = 0

    def add(self, value: Floats, now_ns: int) -> Floats:
        """Let the values held so far count until now, take new ones, and return the averages.

        Where nothing is covered that is the new value.
        """
        average = self.advance(now_ns)
        self.hold(value)
        return np.where(np.isnan(average), value, average)

    def hold(self, value: Floats) -> None:
        """Take the values that hold from the last `advance` on."""
        self._held = value.copy()

    def advance(self, now_ns: int) -> Floats:
        """Let the values held so far count until now; return the averages, NaN where none."""
        self._turn(now_ns)
        elapsed = self._elapsed_ns(now_ns) / 1e9
        slept = now_ns - self._held_ns > self._bucket_ns * BUCKETS
        held = np.where(slept, np.nan, self._held)[:, None]
        self._weighted += np.where(np.isnan(held), 0.0, held * elapsed)
        self._covered += np.where(np.isnan(held), 0.0, elapsed)
        self._held_ns = now_ns
        # cumsum adds in a fixed order; a plain sum's order depends on the processor.
        weighted, covered = (
            np.cumsum(part, axis=1)[:, -1] for part in (self._weighted, self._covered)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(covered > 0, weighted / covered, np.nan)

    def _elapsed_ns(self, now_ns: int) -> Ints:
        """Return how much of the time since the step before lies in each bucket."""
        behind = (self._bucket[:, None] - np.arange(BUCKETS)) % BUCKETS
        start_ns = (self._bucket[:, None] - behind) * self._bucket_ns[:, None]
        end_ns = np.minimum(start_ns + self._bucket_ns[:, None], now_ns)
        elapsed: Ints = np.maximum(end_ns - np.maximum(start_ns, self._held_ns), 0)
        return elapsed

    def _turn(self, now_ns: int) -> None:
        """Empty the buckets that left the window since the step before."""
        bucket = now_ns // self._bucket_ns
        passed = np.minimum(bucket - self._bucket, BUCKETS)
        if not passed.any():
            return
        ahead = (np.arange(BUCKETS)[None, :] - self._bucket[:, None] - 1) % BUCKETS
        gone = ahead < passed[:, None]
        self._weighted[gone] = 0.0
        self._covered[gone] = 0.0
        self._bucket = bucket


class Ema:
    """Exponential average per market as a decayed sum over a decayed weight.

    Source: Hyperliquid, robust price indices: `num = num * exp(-t/tau) + x * t`, and likewise the
    denominator with `t`. A gap of more than four time constants starts it anew.
    """

    def __init__(self, tau_ns: Ints) -> None:
        self._tau_ns = tau_ns.astype(np.float64)
        self._numerator, self._denominator = (np.zeros(len(tau_ns)) for _ in range(2))
        self._seen_ns = np.zeros(len(tau_ns), np.int64)

    def add(self, value: Floats, now_ns: int) -> Floats:
        """Take a value where there is one (not NaN); return the averages, NaN where none holds."""
        fresh = ~np.isnan(value)
        gap = (now_ns - self._seen_ns).astype(np.float64)
        expired = gap > 4.0 * self._tau_ns
        self._numerator[expired], self._denominator[expired] = 0.0, 0.0
        first = self._denominator == 0.0
        step = np.where(first, FIRST_WEIGHT, gap / self._tau_ns)
        decay = exp_negative(np.where(first, 0.0, step))
        self._numerator = np.where(fresh, self._numerator * decay + value * step, self._numerator)
        self._denominator = np.where(fresh, self._denominator * decay + step, self._denominator)
        self._seen_ns = np.where(fresh, now_ns, self._seen_ns)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self._denominator > 0, self._numerator / self._denominator, np.nan)


def exp_negative(x: Floats) -> Floats:
    """Return `exp(-x)` for x >= 0 with + - * / only, so that every processor gives the same bits.

    Taylor's polynomial of degree 7 at x / 1024, squared ten times; relative error below 1e-11 for
    x <= 64, and 0 beyond.
    """
    y = np.minimum(x, 64.0) / 1024.0
    term, total = np.ones_like(y), np.ones_like(y)
    for power in range(1, 8):
        term = term * -y / power
        total = total + term
    for _ in range(10):
        total = total * total
    return np.where(x > 64.0, 0.0, total)
