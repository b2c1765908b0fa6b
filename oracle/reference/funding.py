"""Section 10: premium samples to a rate."""

from __future__ import annotations

import math

from oracle.engine.spec import FundingSpec, Premium, PremiumWeights
from oracle.reference.index import WIDEST
from oracle.reference.marks import Legs


def premium(kind: Premium, index: float, mark: float, legs: Legs) -> float:
    """Return what a sample compares with the index, relative to it; NaN where it is missing."""
    if kind is Premium.IMPACT and (math.isnan(legs.bid) or math.isnan(legs.ask)):
        return math.nan
    if kind is Premium.IMPACT:
        found = (max(legs.bid - index, 0.0) - max(index - legs.ask, 0.0)) / index
    else:
        found = (legs.mid if kind is Premium.MID else mark) / index - 1
    return WIDEST if found > WIDEST else found


class Funding:
    """The samples of the running interval, and the rate of the last."""

    def __init__(self, spec: FundingSpec) -> None:
        self._spec = spec
        self._samples: list[float] = []
        self._interval, self._slot = -1, -1
        self.settled = math.nan

    def step(self, sample: float, now_ns: int) -> float:
        """Take the slot's first sample; return the running rate."""
        interval, slot = now_ns // self._spec.interval_ns, now_ns // self._spec.sample_ns
        if interval != self._interval:
            self.settled = self._rate() if interval == self._interval + 1 else math.nan
            self._samples, self._interval = [], interval
        if slot != self._slot and not math.isnan(sample):
            self._slot = slot
            self._samples.append(sample)
        return self._rate()

    def _rate(self) -> float:
        if not self._samples:
            return math.nan
        spec, count = self._spec, len(self._samples)
        linear = spec.weights is PremiumWeights.LINEAR
        parts = [float(n) if linear else 1.0 for n in range(1, count + 1)]
        mean = math.fsum(w * p for w, p in zip(parts, self._samples, strict=True)) / sum(parts)
        correction = min(max(spec.interest - mean, -spec.clamp), spec.clamp)
        rate = (mean + correction) * spec.interval_ns / spec.period_ns
        return min(max(rate, -spec.cap), spec.cap)
