"""Prices that are not believed: off by a factor, or stepped too far alone."""

from __future__ import annotations

import math
from typing import Any, Final

from oracle.engine.compiled import compiled
from oracle.engine.pricing import refuse, refuse_frozen
from oracle.engine.quantile import median
from oracle.engine.reasons import Reason
from oracle.engine.weights import origin_peers

SCALE_JUMP: Final = int(Reason.SCALE_JUMP)
UNCONFIRMED: Final = int(Reason.UNCONFIRMED)
_ORIGINS_FOR_SCALE: Final = 3


@compiled
def doubt(
    tables: Any, rules: Any, market: Any, first: int, count: int, reference: float, now_ns: int
) -> None:
    """Refuse what is not believed among `count` places of one kind from `first` on.

    `reference` is what their scale is compared with, NaN for nothing. The sources of the index are
    compared with their own median too.
    """
    if rules.max_unchanged_ns > 0:
        for at in range(first, first + count):
            if not math.isnan(tables.price[at]):
                refuse_frozen(tables, rules, market, at, now_ns)
    lowest, highest = math.inf, -math.inf
    for at in range(first, first + count):
        price = tables.price[at]
        if not math.isnan(price):
            lowest, highest = min(lowest, price), max(highest, price)
    if first == rules.first and highest >= lowest * rules.leg_scale:
        _refuse_scale(tables, rules, first, count, _median(tables, rules, first, count))
    if highest >= reference * rules.leg_scale or lowest <= reference / rules.leg_scale:
        _refuse_scale(tables, rules, first, count, reference)
    _confirm(tables, rules, first, count, now_ns)


@compiled
def _median(tables: Any, rules: Any, first: int, count: int) -> float:
    """Return the median of the places' prices; NaN when they are of fewer than three origins."""
    work = tables.work[0]
    values, weights = work.values[0], work.counts[0]
    origins = origin_peers(tables, rules, first, count)
    found = 0
    for at in range(first, first + count):
        if not math.isnan(tables.price[at]):
            place = tables.place_rules[at]
            values[found] = tables.price[at]
            weights[found] = place.weight // max(work.counts[1, place.origin], 1)
            found += 1
    return median(values, weights, found) if origins >= _ORIGINS_FOR_SCALE else math.nan


@compiled
def _refuse_scale(tables: Any, rules: Any, first: int, count: int, reference: float) -> None:
    if math.isnan(reference):
        return
    for at in range(first, first + count):
        ratio = tables.price[at] / reference
        if _beyond(ratio, rules.max_scale) or (
            _beyond(ratio, rules.leg_scale) and _is_leg(tables, rules, ratio)
        ):
            refuse(tables, at, SCALE_JUMP)


@compiled
def _beyond(ratio: float, factor: float) -> bool:
    return ratio >= factor or ratio <= 1.0 / factor


@compiled
def _is_leg(tables: Any, rules: Any, ratio: float) -> bool:
    """Whether a conversion market's price, or its inverse, is that ratio."""
    for edge in tables.edges:
        rate = tables.market[edge].last_index
        if (
            abs(ratio / rate - 1.0) <= rules.leg_tolerance
            or abs(ratio * rate - 1.0) <= rules.leg_tolerance
        ):
            return True
    return False


@compiled
def _confirm(tables: Any, rules: Any, first: int, count: int, now_ns: int) -> None:
    """Refuse steps that no other origin confirms; remember the prices that are believed.

    All are judged before any is refused: who confirms another need not be confirmed himself.
    """
    work, doubted = tables.work[0], 0
    for at in range(first, first + count):
        price, place = tables.price[at], tables.place[at]
        if math.isnan(price):
            continue
        limit = tables.place_rules[at].max_step
        bound = now_ns - place.accepted_ns <= rules.confirm_ns
        stepped = bound and abs(price - place.accepted) > limit * place.accepted
        if stepped and not _confirmed(tables, first, count, at, limit):
            work.counts[1, doubted] = at
            doubted += 1
        else:
            place.accepted, place.accepted_ns = price, now_ns
    for n in range(doubted):
        refuse(tables, work.counts[1, n], UNCONFIRMED)


@compiled
def _confirmed(tables: Any, first: int, count: int, at: int, limit: float) -> bool:
    for other in range(first, first + count):
        if (
            tables.place_rules[other].origin != tables.place_rules[at].origin
            and abs(tables.price[other] - tables.price[at]) <= limit * tables.price[at]
        ):
            return True
    return False
