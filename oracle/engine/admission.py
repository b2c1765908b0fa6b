"""Admission: the newest admissible quote, trade and funding rate of every source."""

from __future__ import annotations

import math
from typing import Any, Final

from oracle.engine.arithmetic import float_nearest
from oracle.engine.compiled import compiled, entry
from oracle.engine.reasons import Reason
from oracle.engine.records import BEYOND, LOWEST
from oracle.engine.sizes import take_depth, take_volume
from oracle.model.ticks import FUNDING_ONE, MISSING

USED: Final = int(Reason.USED)
PAUSED: Final = int(Reason.PAUSED)
EMPTY: Final = int(Reason.EMPTY)
NOT_POSITIVE: Final = int(Reason.NOT_POSITIVE)
OUT_OF_RANGE: Final = int(Reason.OUT_OF_RANGE)
CROSSED: Final = int(Reason.CROSSED)
WIDE_SPREAD: Final = int(Reason.WIDE_SPREAD)
FUTURE: Final = int(Reason.FUTURE)
STALE: Final = int(Reason.STALE)
BACKWARDS: Final = int(Reason.BACKWARDS)
DUPLICATE: Final = int(Reason.DUPLICATE)
UNKNOWN_SOURCE: Final = int(Reason.UNKNOWN_SOURCE)
_MISSING: Final = MISSING
_FUNDING_ONE: Final = float(FUNDING_ONE)


@entry
def in_order(columns: Any, newest: Any) -> bool:
    """Whether the ticks of each source stand in the order (event time, sequence).

    `newest` holds each source's newest of the columns before, two numbers a source.
    """
    for row in range(len(columns.source_at)):
        source = columns.number[columns.source_at[row]]
        if source < 0:
            continue
        event_ns, sequence = columns.event_ns[row], columns.sequence[row]
        if event_ns < newest[source, 0]:
            return False
        if event_ns == newest[source, 0] and sequence < newest[source, 1]:
            return False
        newest[source, 0], newest[source, 1] = event_ns, sequence
    return True


@entry
def admit(inbox: Any, columns: Any, now_ns: int) -> None:
    """Take ticks, those of each source in order; count refusals in `inbox.counted`.

    `inbox` is a `records.Inbox`, `columns` a `columns.TickColumns`.
    """
    sized, funded = len(columns.last_size) > 0, len(columns.funding_e12) > 0
    sized = sized or len(columns.bid_size) > 0
    for row in range(len(columns.source_at)):
        at = columns.number[columns.source_at[row]]
        if at < 0:
            inbox.counted[0, UNKNOWN_SOURCE] += 1
            continue
        exponent = columns.exponent[row]
        bid = float_nearest(columns.bid[row], exponent)
        ask = float_nearest(columns.ask[row], exponent)
        last = float_nearest(columns.last[row], exponent)
        funding = math.nan
        if funded and columns.funding_e12[row] != _MISSING:
            funding = columns.funding_e12[row] / _FUNDING_ONE
        event_ns = columns.event_ns[row]
        rules, state = inbox.source_rules[inbox.rules_at[at]], inbox.source[at]
        rest = inbox.source_rest[at]
        reason = PAUSED
        if not inbox.paused_source[at]:
            reason = _fault(rules, bid, ask, last, funding, event_ns, now_ns)
        if reason == USED:
            sequence = columns.sequence[row]
            if sized:
                if _is_news(bid + ask, event_ns, sequence, state.quote_ns, state.quote_sequence):
                    take_depth(rules, rest, columns, row)
                if _is_news(last, event_ns, sequence, state.last_ns, state.last_sequence):
                    take_volume(rules, rest, columns, row)
            reason = _take(state, rest, bid, ask, last, funding, event_ns, sequence)
            if reason == USED:
                state.received_ns = max(state.received_ns, min(columns.received_ns[row], now_ns))
        elif reason != PAUSED and min(event_ns, now_ns) >= rest.refused_ns:
            # A pause is not kept: once it has ended it is no reason any more. And a tick of the
            # future must not outlast the good ones that come before its time.
            rest.refusal, rest.refused_ns = reason, min(event_ns, now_ns)
        if reason != USED:
            inbox.counted[0, reason] += 1


@compiled
def _fault(  # noqa: PLR0911 - one return a reason, in the order of the page
    rules: Any, bid: float, ask: float, last: float, funding: float, event_ns: int, now_ns: int
) -> int:
    """Return what is wrong with a tick by itself; the first check that fails wins."""
    quoted = not (math.isnan(bid) or math.isnan(ask))
    if not quoted and math.isnan(last) and math.isnan(funding):
        return EMPTY
    if bid <= 0.0 or ask <= 0.0 or last <= 0.0:
        return NOT_POSITIVE
    if bid < LOWEST or ask < LOWEST or last < LOWEST:
        return OUT_OF_RANGE
    if bid >= BEYOND or ask >= BEYOND or last >= BEYOND:
        return OUT_OF_RANGE
    if bid > ask:
        return CROSSED
    if (ask - bid) * 2.0 > (ask + bid) * rules.max_spread:
        return WIDE_SPREAD
    if event_ns > now_ns + rules.max_future_ns:
        return FUTURE
    if event_ns < now_ns - rules.max_age_ns:
        return STALE
    return USED


@compiled
def _take(
    state: Any,
    rest: Any,
    bid: float,
    ask: float,
    last: float,
    funding: float,
    event_ns: int,
    sequence: int,
) -> int:
    """Keep what is newer than what is held of its kind; return why nothing was."""
    reason = BACKWARDS
    if not (math.isnan(bid) or math.isnan(ask)):
        order = _compare(event_ns, sequence, state.quote_ns, state.quote_sequence)
        if order > 0:
            state.bid, state.ask = bid, ask
            state.quote_ns, state.quote_sequence = event_ns, sequence
            reason = USED
        elif order == 0:
            reason = DUPLICATE
    if not math.isnan(last):
        order = _compare(event_ns, sequence, state.last_ns, state.last_sequence)
        if order > 0:
            state.last = last
            state.last_ns, state.last_sequence = event_ns, sequence
            reason = USED
        elif order == 0 and reason != USED:
            reason = DUPLICATE
    if not math.isnan(funding):
        order = _compare(event_ns, sequence, rest.funding_ns, rest.funding_sequence)
        if order > 0:
            rest.funding = funding
            rest.funding_ns, rest.funding_sequence = event_ns, sequence
            reason = USED
        elif order == 0 and reason != USED:
            reason = DUPLICATE
    return reason


@compiled
def _is_news(price: float, event_ns: int, sequence: int, held_ns: int, held_sequence: int) -> bool:
    """Whether a tick has such a price, and a newer one than what is held."""
    return not math.isnan(price) and _compare(event_ns, sequence, held_ns, held_sequence) > 0


@compiled
def _compare(event_ns: int, sequence: int, held_ns: int, held_sequence: int) -> int:
    if event_ns != held_ns:
        return 1 if event_ns > held_ns else -1
    if sequence != held_sequence:
        return 1 if sequence > held_sequence else -1
    return 0
