"""Section 8: the figures that guard and halt, with their bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from oracle.engine.spec import OFF, BreakerSpec
from oracle.reference.index import Index


@dataclass(frozen=True)
class Figure:
    """One trigger's figure with its bounds; `OFF` is none. NaN is calm and raises nothing."""

    trigger: str
    value: float
    guarded: float = OFF
    halted: float = OFF

    @property
    def bound(self) -> float:
        """The bound that calm is measured by."""
        return self.halted if self.guarded == OFF else self.guarded

    def calm(self, release: float) -> bool:
        """Whether it is below its part of the bound."""
        return self.bound == OFF or not self.value >= release * self.bound


@dataclass(frozen=True)
class Circumstances:
    """What the figures are of, beside the index and its deviations; NaN is missing."""

    mark_bps: float
    missing_ns: float
    stale_ns: float
    troubled_share: float
    """Of the weight, what converts through markets that are not NORMAL."""
    peg_bps: float


def figures(
    rules: BreakerSpec, found: Index, deviations: Sequence[float], now: Circumstances
) -> list[Figure]:
    """Return the triggers' figures: without an index only of what is missing."""
    made = []
    if rules.alarm_sources:
        made.append(Figure("sources", max(rules.alarm_sources - found.sources, 0), 1))
    if rules.alarm_origins:
        made.append(Figure("origins", max(rules.alarm_origins - found.origins, 0), 1))
    made.append(Figure("missing", now.missing_ns, OFF, rules.missing_halted_ns or OFF))
    if math.isnan(found.value):
        return made
    bounds = [(window.guarded_bps, window.halted_bps) for window in rules.deviations]
    made += [
        Figure("deviation", value, *bound) for value, bound in zip(deviations, bounds, strict=True)
    ]
    dispersion = (rules.dispersion_guarded_bps, rules.dispersion_halted_bps)
    made.append(Figure("dispersion", found.dispersion * 1e4, *dispersion))
    confidence = (rules.confidence_guarded_bps, rules.confidence_halted_bps)
    made.append(Figure("confidence", found.conf * 1e4, *confidence))
    made.append(Figure("stale", now.stale_ns, rules.stale_guarded_ns or OFF))
    made.append(Figure("conversion", now.troubled_share, rules.conversion_guarded_share))
    made.append(Figure("mark", now.mark_bps, rules.mark_guarded_bps, rules.mark_halted_bps))
    if rules.peg is not None:
        made.append(Figure("peg", now.peg_bps, rules.peg.guarded_bps))
    return made
