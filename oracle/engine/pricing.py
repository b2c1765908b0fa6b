"""What each place is worth now in its market's quote currency, or why it is not."""

from __future__ import annotations

import math
from typing import Any, Final

from oracle.engine.admission import OUT_OF_RANGE, PAUSED, STALE, USED
from oracle.engine.compiled import compiled
from oracle.engine.reasons import Reason
from oracle.engine.records import BEYOND, LOWEST
from oracle.model.validity import BreakerState

AGE_WIDTH: Final = 1e-4
"""Relative half-width that a price gains by its maximum age."""

NO_DATA: Final = int(Reason.NO_DATA)
CONVERSION_MISSING: Final = int(Reason.CONVERSION_MISSING)
CONVERSION_HALTED: Final = int(Reason.CONVERSION_HALTED)
CONVERSION_DEPEGGED: Final = int(Reason.CONVERSION_DEPEGGED)
FROZEN: Final = int(Reason.FROZEN)
HALTED: Final = int(BreakerState.HALTED)


@compiled
def price_place(tables: Any, at: int, now_ns: int) -> None:
    """Price one place: the mid while the quote is fresh, else the last trade while that is."""
    rules = tables.place_rules[at]
    source = tables.source[rules.source]
    quote_age, last_age = now_ns - source.quote_ns, now_ns - source.last_ns
    quoted = quote_age <= rules.max_age_ns
    value, width, reason = math.nan, 0.0, USED
    if tables.paused_source[rules.source]:
        reason = PAUSED
    elif not quoted and last_age > rules.max_age_ns:
        reason = _why_silent(source, tables.source_rest[rules.source])
    else:
        if quoted:
            value = source.bid + (source.ask - source.bid) / 2.0
            width = (source.ask - source.bid) / (2.0 * value)
        else:
            value = source.last
        age = max(quote_age if quoted else last_age, 0)
        width += age * rules.width_per_ns
        if rules.edge >= 0:
            edge = tables.mark[rules.edge]
            reason = _why_unconvertible(tables, rules.edge)
            if reason == USED:
                value *= edge.index
                width += edge.conf
        if reason == USED and not LOWEST <= value < BEYOND:
            reason = OUT_OF_RANGE
    tables.price[at] = value if reason == USED else math.nan
    tables.width[at] = width if reason == USED else 0.0
    tables.reason[at] = reason


@compiled
def conversion_rate(tables: Any, at: int) -> float:
    """Return what a place's native prices are multiplied with; the place has a price."""
    edge = tables.place_rules[at].edge
    return tables.mark[edge].index if edge >= 0 else 1.0


@compiled
def refuse_frozen(tables: Any, rules: Any, market: Any, at: int, now_ns: int) -> None:
    """Refuse a price that has stood still for too long while the market's index moved on."""
    place, own = tables.place_rest[at], tables.place_rules[at]
    source = tables.source[own.source]
    quoted = now_ns - source.quote_ns <= own.max_age_ns
    seen = source.bid + source.ask if quoted else source.last
    if seen != place.seen:
        place.seen, place.changed_ns, place.changed_index = seen, now_ns, market.last_index
    elif math.isnan(place.changed_index):
        place.changed_index = market.last_index
    elif (
        now_ns - place.changed_ns > rules.max_unchanged_ns
        and abs(market.last_index / place.changed_index - 1.0) > rules.unchanged
    ):
        refuse(tables, at, FROZEN)


@compiled
def refuse(tables: Any, at: int, reason: int) -> None:
    """Take a place's price out, by name."""
    tables.price[at], tables.width[at], tables.reason[at] = math.nan, 0.0, reason


@compiled
def _why_silent(source: Any, rest: Any) -> int:
    newest = max(source.quote_ns, source.last_ns)
    if rest.refused_ns > newest:
        return rest.refusal
    return NO_DATA if newest < 0 else STALE


@compiled
def _why_unconvertible(tables: Any, edge: int) -> int:
    if tables.mark[edge].state == HALTED or tables.paused_market[edge]:
        return CONVERSION_HALTED
    if tables.market[edge].depegged:
        return CONVERSION_DEPEGGED
    if math.isnan(tables.mark[edge].index):
        return CONVERSION_MISSING
    return USED
