"""Admission: the newest admissible quote, trade and funding rate of every source."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from oracle.engine.arithmetic import exponential
from oracle.engine.compiled import compiled, entry
from oracle.engine.reasons import Reason
from oracle.engine.records import BEYOND, LOWEST, Floats
from oracle.model.ticks import FUNDING_ONE, MISSING

POWERS: Final[Floats] = np.array([float(f"1e{power}") for power in range(129)])
"""Nearest floats, parsed: `pow` may differ by a bit from one processor to another."""

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
def admit(tables: Any, columns: Any, now_ns: int) -> None:
    """Take ticks, those of each source in order; count refusals in `work.rejected`.

    `columns` is a `columns.TickColumns`.
    """
    sized, funded = len(columns.last_size) > 0, len(columns.funding_e12) > 0
    sized = sized or len(columns.bid_size) > 0
    work = tables.work[0]
    for row in range(len(columns.source_at)):
        at = columns.number[columns.source_at[row]]
        if at < 0:
            work.rejected[UNKNOWN_SOURCE] += 1
            continue
        exponent = columns.exponent[row]
        bid = _float_nearest(columns.bid[row], exponent)
        ask = _float_nearest(columns.ask[row], exponent)
        last = _float_nearest(columns.last[row], exponent)
        funding = math.nan
        if funded and columns.funding_e12[row] != _MISSING:
            funding = columns.funding_e12[row] / _FUNDING_ONE
        event_ns = columns.event_ns[row]
        rules, state, rest = tables.source_rules[at], tables.source[at], tables.source_rest[at]
        reason = PAUSED
        if not tables.paused_source[at]:
            reason = _fault(rules, bid, ask, last, funding, event_ns, now_ns)
        if reason == USED:
            reason = _take(state, rest, bid, ask, last, funding, event_ns, columns.sequence[row])
            if reason == USED:
                state.received_ns = max(state.received_ns, columns.received_ns[row])
                if sized:
                    _weigh(rules, rest, columns, row, event_ns)
        elif reason != PAUSED:
            # A pause is not kept: once it has ended it is no reason any more. And a tick of the
            # future must not outlast the good ones that come before its time.
            rest.refusal, rest.refused_ns = reason, min(event_ns, now_ns)
        if reason != USED:
            work.rejected[reason] += 1


@compiled
def _float_nearest(mantissa: int, exponent: int) -> float:
    """Convert `mantissa * 10**exponent`; NaN where missing.

    Correctly rounded while the mantissa is below 2**53 and the exponent within +-22 (both exact
    floats); beyond that within one unit in the last place.
    """
    if mantissa == _MISSING:
        return math.nan
    power = POWERS[abs(int(exponent))]
    return mantissa * power if exponent >= 0 else mantissa / power


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
def _compare(event_ns: int, sequence: int, held_ns: int, held_sequence: int) -> int:
    if event_ns != held_ns:
        return 1 if event_ns > held_ns else -1
    if sequence != held_sequence:
        return 1 if sequence > held_sequence else -1
    return 0


@compiled
def _weigh(rules: Any, rest: Any, columns: Any, row: int, event_ns: int) -> None:
    """Let a tick's sizes into the source's recent volume and depth."""
    exponent, tau_ns = columns.size_exponent[row], float(rules.weight_window_ns)
    size = _size(columns.last_size, row, exponent)
    if size > 0.0:
        rest.volume = recent_volume(rest, event_ns, tau_ns) + size
        rest.volume_ns = max(event_ns, rest.volume_ns)
    bids, asks = _size(columns.bid_size, row, exponent), _size(columns.ask_size, row, exponent)
    if bids > 0.0 and asks > 0.0:
        rest.depth = average_depth(rest, event_ns, tau_ns)
        rest.standing = min(bids, asks)
        rest.depth_ns = max(event_ns, rest.depth_ns)


@compiled
def recent_volume(rest: Any, now_ns: int, tau_ns: float) -> float:
    """Return the sum of a source's trade sizes, decayed to now."""
    return rest.volume * exponential(-float(max(now_ns - rest.volume_ns, 0)) / tau_ns)


@compiled
def average_depth(rest: Any, now_ns: int, tau_ns: float) -> float:
    """Return a source's depth averaged to now: each size counts for as long as it stood.

    NaN before the first quote with sizes; the first size stands for what was before it.
    """
    if math.isnan(rest.depth):
        return rest.standing
    kept = exponential(-float(max(now_ns - rest.depth_ns, 0)) / tau_ns)
    return rest.depth * kept + rest.standing * (1.0 - kept)


@compiled
def _size(column: Any, row: int, exponent: int) -> float:
    return _float_nearest(column[row], exponent) if len(column) > 0 else math.nan
