"""The legs of a mark: the contract's own book, or the perps' medians in its place."""

from __future__ import annotations

import math
from typing import Any, Final

from oracle.engine.belief import doubt
from oracle.engine.compiled import compiled
from oracle.engine.pricing import conversion_rate, price_place
from oracle.engine.quantile import median
from oracle.engine.weights import origin_peers

_MID: Final = 0
_BID: Final = 1
_ASK: Final = 2
_LAST: Final = 3
_FUNDING: Final = 4


@compiled
def gather_legs(tables: Any, rules: Any, market: Any, index: float, now_ns: int) -> None:
    """Price a market's perps against its index and put the legs into `work`."""
    legs, first, count = tables.work[0], rules.first + rules.sources, rules.perps
    legs.mid = legs.bid = legs.ask = legs.last = legs.funding = legs.others = math.nan
    if count == 0:
        return
    for at in range(first, first + count):
        price_place(tables, at, now_ns)
    doubt(tables, rules, market, first, count, index, now_ns)
    enough = origin_peers(tables, rules, first, count) >= rules.min_perps
    if rules.own >= 0:
        legs.mid = _figure(tables, rules, rules.own, _MID, now_ns)
    elif enough:
        legs.mid = _median(tables, rules, _MID, now_ns)
    if rules.needs_book:
        _gather_book(tables, rules, legs, enough, now_ns)


@compiled
def _gather_book(tables: Any, rules: Any, legs: Any, enough: bool, now_ns: int) -> None:
    """Put the legs that not every method looks at into `legs`."""
    if rules.own >= 0:
        legs.bid = _figure(tables, rules, rules.own, _BID, now_ns)
        legs.ask = _figure(tables, rules, rules.own, _ASK, now_ns)
        legs.last = _figure(tables, rules, rules.own, _LAST, now_ns)
        legs.funding = _figure(tables, rules, rules.own, _FUNDING, now_ns)
    elif enough:
        legs.bid = _median(tables, rules, _BID, now_ns)
        legs.ask = _median(tables, rules, _ASK, now_ns)
        legs.last = _median(tables, rules, _LAST, now_ns)
        legs.funding = _median(tables, rules, _FUNDING, now_ns)
    if enough:
        legs.others = legs.mid if rules.own < 0 else _median(tables, rules, _MID, now_ns)


@compiled
def _median(tables: Any, rules: Any, kind: int, now_ns: int) -> float:
    """Return the weighted median of one figure over the admitted perps, the own one left out."""
    work = tables.work[0]
    values, weights = work.values[0], work.counts[0]
    found = 0
    first = rules.first + rules.sources
    for at in range(first, first + rules.perps):
        if at == rules.own:
            continue
        value = _figure(tables, rules, at, kind, now_ns)
        if not math.isnan(value):
            place = tables.place_rules[at]
            values[found] = value
            weights[found] = place.weight // max(work.counts[1, place.origin], 1)
            found += 1
    return median(values, weights, found)


@compiled
def _figure(tables: Any, rules: Any, at: int, kind: int, now_ns: int) -> float:
    """Return one fresh figure of an admitted perp, converted; NaN where there is none."""
    if math.isnan(tables.price[at]):
        return math.nan
    if kind == _MID:
        return tables.price[at]
    place = tables.place_rules[at]
    source = tables.source[place.source]
    if kind == _FUNDING:
        rest = tables.source_rest[place.source]
        fresh = now_ns - rest.funding_ns <= rules.rate_interval_ns
        return rest.funding if fresh else math.nan
    if kind == _LAST:
        fresh = now_ns - source.last_ns <= place.max_age_ns
        return source.last * conversion_rate(tables, at) if fresh else math.nan
    if now_ns - source.quote_ns > place.max_age_ns:
        return math.nan
    return (source.bid if kind == _BID else source.ask) * conversion_rate(tables, at)
