"""How much each place weighs in the median: whole units, shared within an origin, then capped."""

from __future__ import annotations

import math
from typing import Any, Final

from oracle.engine.compiled import compiled
from oracle.engine.quantile import sort_pairs
from oracle.engine.sizes import average_depth, recent_volume
from oracle.engine.spec import Weighting

WEIGHT_UNITS: Final = 720_720
"""Weights are whole numbers of units (divisible by 1 to 16), so that their sums are exact."""

MOST_FACTOR: Final = 8.0
"""Volume or depth multiplies a weight by no more than this, and divides it by no more."""

CAP_ROUNDS: Final = 3
"""Each cap can lift shares above the other; the origins' has the last word."""

_EQUAL: Final = int(Weighting.EQUAL)
_VOLUME: Final = int(Weighting.VOLUME)


@compiled
def origin_peers(tables: Any, rules: Any, first: int, count: int) -> int:
    """Count the priced places of each origin in `work.counts` row 1; return how many have any."""
    peers = tables.work[0].counts[1]
    peers[: rules.all_origins] = 0
    origins = 0
    for at in range(first, first + count):
        if not math.isnan(tables.price[at]):
            origin = tables.place_rules[at].origin
            origins += peers[origin] == 0
            peers[origin] += 1
    return origins


@compiled
def weigh(tables: Any, rules: Any, now_ns: int) -> None:
    """Put the weight of each priced source of a market into `work.counts` row 0, by place."""
    first, count = rules.first, rules.sources
    work = tables.work[0]
    weights = work.counts[0]
    if rules.origins == count:
        for n in range(count):
            weights[n] = tables.place_rules[first + n].weight
    else:
        origin_peers(tables, rules, first, count)
        for n in range(count):
            place = tables.place_rules[first + n]
            weights[n] = place.weight // max(work.counts[1, place.origin], 1)
    if rules.weight_by != _EQUAL:
        _scale(tables, rules, weights, now_ns)
    if rules.origin_cap < 1.0 or rules.group_cap < 1.0:
        for _ in range(CAP_ROUNDS):
            _cap(tables, rules, weights, rules.group_cap, rules.groups, True)
            _cap(tables, rules, weights, rules.origin_cap, rules.origins, False)


@compiled
def _scale(tables: Any, rules: Any, weights: Any, now_ns: int) -> None:
    """Multiply by recent volume or depth over its mean, which is added up in order of size."""
    figures, places = tables.work[0].values[0], tables.work[0].counts[1]
    total, known = 0.0, 0
    for n in range(rules.sources):
        figure = _figure(tables, rules, rules.first + n, now_ns)
        if figure > 0.0:
            figures[known] = figure
            known += 1
    sort_pairs(figures, places, known)
    for n in range(known):
        total += figures[n]
    for n in range(rules.sources):
        figure = _figure(tables, rules, rules.first + n, now_ns)
        factor = 1.0 / MOST_FACTOR
        if figure > 0.0:
            factor = min(max(figure * known / total, 1.0 / MOST_FACTOR), MOST_FACTOR)
        weights[n] = max(int(weights[n] * factor), 1)


@compiled
def _figure(tables: Any, rules: Any, at: int, now_ns: int) -> float:
    if math.isnan(tables.price[at]):
        return 0.0
    source = tables.place_rules[at].source
    own = tables.source_rules[tables.rules_at[source]]
    rest, tau_ns = tables.source_rest[source], float(own.weight_window_ns)
    if rules.weight_by == _VOLUME:
        return recent_volume(rest, now_ns, tau_ns)
    return average_depth(rest, now_ns, tau_ns)


@compiled
def _cap(tables: Any, rules: Any, weights: Any, cap: float, labels: int, by_group: bool) -> None:
    """Hold each label's share of the priced weight within `cap`; labels are origins or groups.

    Labels above the cap are set to it, those that come to lie above it then are too. Where no
    shares can satisfy the cap, all are equal.
    """
    work = tables.work[0]
    sums, targets = work.values[0], work.values[1]
    sums[:labels] = 0.0
    for n in range(rules.sources):
        if not math.isnan(tables.price[rules.first + n]):
            sums[_label(tables, rules, n, by_group)] += float(weights[n])
    capped = _targets(sums, targets, labels, cap)
    if not capped:
        return
    for n in range(rules.sources):
        label = _label(tables, rules, n, by_group)
        if sums[label] > 0.0:
            weights[n] = max(int(weights[n] * (targets[label] / sums[label])), 1)


@compiled
def _targets(sums: Any, targets: Any, labels: int, cap: float) -> bool:
    """Work out each label's weight under the cap; return whether any changes."""
    present, total = 0, 0.0
    for label in range(labels):
        present += sums[label] > 0.0
        total += sums[label]
        targets[label] = sums[label]
    capped = 0
    limit = cap * total
    while True:
        free, above = 0.0, 0
        for label in range(labels):
            if sums[label] > limit:
                above += 1
            else:
                free += sums[label]
        if above == capped:
            break
        capped = above
        if 1.0 - cap * capped <= 0.0 or free <= 0.0:
            for label in range(labels):
                targets[label] = total / present
            return True
        limit = cap * free / (1.0 - cap * capped)
    for label in range(labels):
        targets[label] = min(sums[label], limit)
    return capped > 0


@compiled
def _label(tables: Any, rules: Any, n: int, by_group: bool) -> int:
    place = tables.place_rules[rules.first + n]
    return place.group if by_group else place.origin
