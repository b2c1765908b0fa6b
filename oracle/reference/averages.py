"""Section 6: the TWAP of sixty buckets, and the average that decays."""

from __future__ import annotations

import math

from oracle.engine.spec import OFF, Mean, TwapSpec

BUCKETS = 60
FIRST_PART = 1e-3
"""Weight of a first sample in time constants."""
EXPIRES = 4
"""Time constants without a sample after which an average is missing."""


class Twap:
    """An average over a window of buckets, of a value that holds from step to step."""

    def __init__(self, spec: TwapSpec) -> None:
        self._bucket_ns = max(spec.window_ns // BUCKETS, 1)
        self._window_ns, self._gap_ns = spec.window_ns, spec.gap_ns or spec.window_ns
        self._geometric = spec.mean is Mean.GEOMETRIC
        self._clamp = spec.clamp_bps / 1e4
        self._buckets: dict[int, tuple[float, float]] = {}
        self._held, self._held_ns = math.nan, 0
        self._missing_since_ns: int | None = None

    def step(self, value: float, now_ns: int) -> float:
        """Count what was held until now, hold `value` (NaN: none); return the average before it.

        NaN where nothing is covered.
        """
        self._count(now_ns)
        if self._missing_since_ns is not None and now_ns - self._missing_since_ns > self._gap_ns:
            self._buckets.clear()
        average = self._average()
        if math.isnan(value):
            self._held = math.nan
            if self._missing_since_ns is None:
                self._missing_since_ns = now_ns
        else:
            self._missing_since_ns = None
            if self._clamp < OFF and not math.isnan(average):
                value = _hold(value, average * (1 - self._clamp), average * (1 + self._clamp))
            self._held = math.log(value) if self._geometric else value
        self._held_ns = now_ns
        return average

    def _count(self, now_ns: int) -> None:
        newest = now_ns // self._bucket_ns
        oldest = newest - BUCKETS + 1
        self._buckets = {at: part for at, part in self._buckets.items() if at >= oldest}
        if now_ns - self._held_ns > self._window_ns:
            self._buckets.clear()
            return
        if math.isnan(self._held):
            return
        for at in range(max(self._held_ns // self._bucket_ns, oldest), newest + 1):
            begin_ns = max(at * self._bucket_ns, self._held_ns)
            end_ns = min((at + 1) * self._bucket_ns, now_ns)
            seconds = (end_ns - begin_ns) / 1e9
            weighted, covered = self._buckets.get(at, (0.0, 0.0))
            self._buckets[at] = weighted + self._held * seconds, covered + seconds

    def _average(self) -> float:
        weighted = covered = 0.0
        for part in self._buckets.values():
            weighted, covered = weighted + part[0], covered + part[1]
        if covered <= 0:
            return math.nan
        return math.exp(weighted / covered) if self._geometric else weighted / covered


class Ema:
    """A decayed sum over a decayed weight."""

    def __init__(self, tau_ns: int) -> None:
        self._tau_ns = tau_ns
        self._sum = self._weight = 0.0
        self._sample_ns: int | None = None

    def add(self, value: float, now_ns: int) -> None:
        """Take a sample; NaN is none."""
        if math.isnan(value):
            return
        if self._sample_ns is None or self._expired(now_ns):
            weight = self._tau_ns * FIRST_PART
            self._sum, self._weight = value * weight, weight
        else:
            weight = max(now_ns - self._sample_ns, 0)
            decay = math.exp(-weight / self._tau_ns)
            self._sum = self._sum * decay + value * weight
            self._weight = self._weight * decay + weight
        self._sample_ns = now_ns

    def read(self, now_ns: int) -> float:
        """Return the average, NaN where it is missing."""
        if self._sample_ns is None or self._expired(now_ns):
            return math.nan
        return self._sum / self._weight

    def _expired(self, now_ns: int) -> bool:
        return self._sample_ns is not None and now_ns - self._sample_ns > EXPIRES * self._tau_ns


def _hold(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
