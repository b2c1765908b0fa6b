"""One step over the markets, in the order of conversion. What a step does is all here."""

from __future__ import annotations

import math
from typing import Any, Final

from oracle.engine import breaker, marks
from oracle.engine.averages import advance_twap, hold
from oracle.engine.belief import doubt
from oracle.engine.compiled import compiled, entry
from oracle.engine.funding import premium_of, settle_and_sample
from oracle.engine.index import compute_index
from oracle.engine.legs import gather_legs
from oracle.engine.pricing import price_place
from oracle.engine.records import WIDEST
from oracle.model.validity import Validity

VALID: Final = int(Validity.VALID)
GUARDED: Final = int(Validity.GUARDED)
TOO_UNCERTAIN: Final = int(Validity.TOO_UNCERTAIN)
TOO_VOLATILE: Final = int(Validity.TOO_VOLATILE)
MISSING: Final = int(Validity.MISSING)
HALTED: Final = int(Validity.HALTED)


@entry
def step_markets(tables: Any, rows: Any, now_ns: int) -> None:
    """Step the markets of `rows`, which stand in the order of conversion."""
    for row in rows:
        _step_market(tables, row, now_ns)


@compiled
def _step_market(tables: Any, row: int, now_ns: int) -> None:
    rules, market, mark = tables.market_rules[row], tables.market[row], tables.mark[row]
    slept_ns = now_ns - mark.time_ns
    mark.time_ns = now_ns
    _price_sources(tables, rules, market, now_ns)
    compute_index(tables, rules, mark, now_ns)
    _note_newest(tables, rules, mark, now_ns)
    _average(tables, rules, mark, now_ns)
    breaker.judge_peg(rules, market, mark)
    # Weights are scratch: the share through troubled conversions is taken before the perps' come.
    breaker.measure(tables, rules, market, mark, now_ns)
    _mark(tables, rules, market, tables.basis[row], mark, now_ns)
    breaker.move(tables, rules, market, mark, now_ns, slept_ns)
    _judge(tables, row, rules, mark)
    _fund(rules, tables.funding[row], mark, now_ns)
    if not math.isnan(mark.index):
        market.last_index, market.last_index_ns, market.scale_ns = mark.index, now_ns, now_ns
    _note_reasons(tables, rules)
    if mark.before != mark.state or mark.depeg != 0:
        tables.counted[2, 0] += 1


@compiled
def _price_sources(tables: Any, rules: Any, market: Any, now_ns: int) -> None:
    for at in range(rules.first, rules.first + rules.sources):
        price_place(tables, at, now_ns)
    known = now_ns - market.scale_ns <= rules.scale_memory_ns
    reference = market.last_index if known else math.nan
    doubt(tables, rules, market, rules.first, rules.sources, reference, now_ns)


@compiled
def _note_newest(tables: Any, rules: Any, mark: Any, now_ns: int) -> None:
    """Note the newest event time of the prices that count, and the newest receive time."""
    event_ns = received_ns = 0
    for at in range(rules.first, rules.first + rules.sources):
        if tables.reason[at] == 0:
            place = tables.place_rules[at]
            source = tables.source[place.source]
            quoted = now_ns - source.quote_ns <= place.max_age_ns
            event_ns = max(event_ns, source.quote_ns if quoted else source.last_ns)
            received_ns = max(received_ns, source.received_ns)
    mark.newest_event_ns, mark.newest_received_ns = event_ns, received_ns


@compiled
def _average(tables: Any, rules: Any, mark: Any, now_ns: int) -> None:
    """Take the index into its averages; put its deviations into `work.figures`."""
    figures = tables.work[0].figures
    for n in range(rules.deviations + 1):
        at = rules.first_window + n
        window, state = tables.window_rules[at], tables.window[at]
        average = advance_twap(window, state, tables.buckets[at], now_ns)
        hold(window, state, mark.index, average)
        if n > 0:
            figures[n - 1] = breaker.deviation(mark.index, average)
        else:
            mark.twap = mark.index if math.isnan(average) else average


@compiled
def _mark(tables: Any, rules: Any, market: Any, basis: Any, mark: Any, now_ns: int) -> None:
    gather_legs(tables, rules, market, mark.index, now_ns)
    work = tables.work[0]
    mark.mark = marks.compute(tables, rules, basis, mark.index, mark.twap, work, now_ns)
    premium = premium_of(rules, work, mark.index, mark.mark)
    mark.premium = WIDEST if premium > WIDEST else premium
    work.figures[breaker.MARK_GAP] = abs(mark.mark / mark.index - 1.0)


@compiled
def _judge(tables: Any, row: int, rules: Any, mark: Any) -> None:
    """Give the strictest validity that applies."""
    mark.volatile, figures = -1, tables.work[0].figures
    for n in range(rules.deviations):
        if mark.volatile < 0 and figures[n] >= rules.volatile[n]:
            mark.volatile, mark.volatile_by = n, figures[n]
    if tables.paused_market[row] or mark.state == breaker.HALTED:
        mark.validity = HALTED
    elif math.isnan(mark.index):
        mark.validity = MISSING
    elif mark.volatile >= 0:
        mark.validity = TOO_VOLATILE
    elif mark.conf > rules.max_confidence:
        mark.validity = TOO_UNCERTAIN
    elif mark.state != breaker.NORMAL:
        mark.validity = GUARDED
    else:
        mark.validity = VALID


@compiled
def _fund(rules: Any, funding: Any, mark: Any, now_ns: int) -> None:
    if rules.funding_interval_ns > 0:
        mark.funding = settle_and_sample(rules, funding, mark.premium, now_ns)
        mark.settled_funding = funding.settled


@compiled
def _note_reasons(tables: Any, rules: Any) -> None:
    """Count the places that began to be refused."""
    for at in range(rules.first, rules.first + rules.sources + rules.perps):
        reason, place = tables.reason[at], tables.place[at]
        if reason != place.reason:
            if reason != 0:
                tables.counted[1, reason] += 1
            place.reason = reason
