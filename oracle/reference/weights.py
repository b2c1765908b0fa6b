"""Section 4: one say an origin, the figure that multiplies it, and the caps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from oracle.engine.spec import SourceSpec, Weighting, WeightSpec
from oracle.reference.admission import Source

UNITS = 720_720
LEAST, MOST = 1 / 8, 8.0
TURNS = 3
"""One cap can lift shares above the other."""


def units(entries: Sequence[SourceSpec]) -> list[int]:
    """Return the configured weights, shared among the sources of one origin."""
    origins = [entry.origin for entry in entries]
    return [max(round(entry.weight * UNITS), 1) // origins.count(entry.origin) for entry in entries]


def weights(
    entries: Sequence[SourceSpec], rules: WeightSpec, sources: Mapping[str, Source], now_ns: int
) -> list[int]:
    """Return the weights of the admitted places, in whole units."""
    made = units(entries)
    if rules.by is not Weighting.EQUAL:
        factors = _factors([_figure(sources[e.source], rules.by, now_ns) for e in entries])
        made = [max(int(w * factor), 1) for w, factor in zip(made, factors, strict=True)]
    for _ in range(TURNS):
        made = _cap(made, [entry.group for entry in entries], rules.group_cap)
        made = _cap(made, [entry.origin for entry in entries], rules.origin_cap)
    return made


def _figure(source: Source, by: Weighting, now_ns: int) -> float:
    return source.volume_at(now_ns) if by is Weighting.VOLUME else source.depth_at(now_ns)


def _factors(figures: Sequence[float]) -> list[float]:
    """Return each figure over the mean of those that are there, held within the bounds."""
    there = [figure for figure in figures if figure > 0]
    mean = math.fsum(there) / max(len(there), 1)
    return [min(max(f / mean, LEAST), MOST) if f > 0 else LEAST for f in figures]


def _cap(made: list[int], labels: Sequence[str], share: float) -> list[int]:
    """Hold every label's share of the total at or below `share`."""
    totals: dict[str, int] = {}
    for label, weight in zip(labels, made, strict=True):
        totals[label] = totals.get(label, 0) + weight
    if share >= 1 or not totals:
        return made
    if share * len(totals) <= 1:
        limit, capped = sum(totals.values()) / len(totals), set(totals)
    else:
        limit, capped = _water_level(totals, share)
    return [
        max(int(weight * (limit / totals[label])), 1) if label in capped else weight
        for label, weight in zip(labels, made, strict=True)
    ]


def _water_level(totals: Mapping[str, int], share: float) -> tuple[float, set[str]]:
    """Return what the capped labels are set to, and which these are."""
    capped: set[str] = set()
    while True:
        free = sum(total for label, total in totals.items() if label not in capped)
        limit = free * share / (1.0 - share * len(capped))
        above = {label for label, total in totals.items() if total > limit} - capped
        if not above:
            return limit, capped
        capped |= above
