"""Admission: the newest admissible quote and trade of every source."""

from __future__ import annotations

from collections import Counter

import numpy as np

from oracle.engine.columns import Bools, Floats, Ints, TickColumns, out_of_range
from oracle.engine.reasons import Reason

_NEVER = -(2**62)


class Book:
    """State per source, one column a field. A quote and a trade age apart from each other."""

    def __init__(self, max_future_ns: Ints, max_spread_bps: Floats) -> None:
        count = len(max_future_ns)
        self._max_future_ns, self._max_spread_bps = max_future_ns, max_spread_bps
        self.bid, self.ask, self.last = (np.full(count, np.nan) for _ in range(3))
        self.quote_ns, self.last_ns = (np.full(count, _NEVER) for _ in range(2))
        self._quote_sequence, self._last_sequence = (np.full(count, _NEVER) for _ in range(2))
        self.received_ns = np.full(count, _NEVER)
        self.refusal = np.full(count, int(Reason.NO_DATA))
        self.refused_ns = np.full(count, _NEVER)

    def admit(self, ticks: TickColumns, paused: Bools, now_ns: int) -> Counter[Reason]:
        """Take a step's ticks; return how many were refused, by reason.

        `paused` is one flag a source. Of each source's admissible ticks the newest by
        (event_ns, sequence) stays, so cost follows the ticks but state does not.
        """
        reason = self._reasons(ticks, paused, now_ns)
        has_quote = ~(np.isnan(ticks.bid) | np.isnan(ticks.ask))
        has_last = ~np.isnan(ticks.last)
        good = reason == Reason.USED
        quotes = self._newest(ticks, good & has_quote, self.quote_ns, self._quote_sequence)
        trades = self._newest(ticks, good & has_last, self.last_ns, self._last_sequence)
        self._note_order(ticks, good, has_quote, has_last, reason)
        source = ticks.source[quotes]
        self.bid[source], self.ask[source] = ticks.bid[quotes], ticks.ask[quotes]
        self.quote_ns[source], self._quote_sequence[source] = (
            ticks.event_ns[quotes],
            ticks.sequence[quotes],
        )
        source = ticks.source[trades]
        self.last[source] = ticks.last[trades]
        self.last_ns[source], self._last_sequence[source] = (
            ticks.event_ns[trades],
            ticks.sequence[trades],
        )
        for rows in (quotes, trades):
            at = ticks.source[rows]
            self.received_ns[at] = np.maximum(self.received_ns[at], ticks.received_ns[rows])
        self._remember_refusals(ticks, reason, now_ns)
        counts = Counter({Reason(code): int(n) for code, n in enumerate(np.bincount(reason)) if n})
        del counts[Reason.USED]
        if ticks.unknown:
            counts[Reason.UNKNOWN_SOURCE] = ticks.unknown
        return counts

    def _reasons(self, ticks: TickColumns, paused: Bools, now_ns: int) -> Ints:
        """Name what is wrong with each tick by itself; the first check that fails wins."""
        bid, ask, last = ticks.bid, ticks.ask, ticks.last
        with np.errstate(invalid="ignore"):
            spread_bps = (ask - bid) / (ask + bid) * 20_000.0
            checks = (
                (Reason.PAUSED, paused[ticks.source]),
                (Reason.EMPTY, np.isnan(last) & (np.isnan(bid) | np.isnan(ask))),
                (Reason.NOT_FINITE, np.isinf(bid) | np.isinf(ask) | np.isinf(last)),
                (Reason.NOT_POSITIVE, (bid <= 0) | (ask <= 0) | (last <= 0)),
                (Reason.OUT_OF_RANGE, out_of_range(bid) | out_of_range(ask) | out_of_range(last)),
                (Reason.CROSSED, bid > ask),
                (Reason.WIDE_SPREAD, spread_bps > self._max_spread_bps[ticks.source]),
                (Reason.FUTURE, ticks.event_ns > now_ns + self._max_future_ns[ticks.source]),
            )
        reason = np.zeros(len(ticks.source), np.int64)
        for code, failed in reversed(checks):
            reason[failed] = code
        return reason

    def _newest(self, ticks: TickColumns, wanted: Bools, event_ns: Ints, sequence: Ints) -> Ints:
        """Return the last wanted row of each source, where it is newer than what is held."""
        rows = np.flatnonzero(wanted)
        source = ticks.source[rows]
        last_of_source = np.ones(len(rows), np.bool_)
        last_of_source[:-1] = source[1:] != source[:-1]
        rows = rows[last_of_source]
        at = ticks.source[rows]
        newer = (ticks.event_ns[rows] > event_ns[at]) | (
            (ticks.event_ns[rows] == event_ns[at]) & (ticks.sequence[rows] > sequence[at])
        )
        kept: Ints = rows[newer]
        return kept

    def _note_order(
        self, ticks: TickColumns, good: Bools, quote: Bools, trade: Bools, reason: Ints
    ) -> None:
        """Count ticks that bring nothing newer than what is held: late ones and repeats."""
        at = ticks.source
        held_ns = np.where(quote, self.quote_ns[at], self.last_ns[at])
        held_sequence = np.where(quote, self._quote_sequence[at], self._last_sequence[at])
        same = (ticks.event_ns == held_ns) & (ticks.sequence == held_sequence)
        late = (ticks.event_ns < held_ns) | (
            (ticks.event_ns == held_ns) & (ticks.sequence < held_sequence)
        )
        reason[good & (quote | trade) & late] = Reason.BACKWARDS
        reason[good & (quote | trade) & same] = Reason.DUPLICATE

    def _remember_refusals(self, ticks: TickColumns, reason: Ints, now_ns: int) -> None:
        """Keep each source's newest refusal, to say why it has no fresh price.

        A pause is not kept: once it has ended it is no reason any more.
        """
        passing = (Reason.USED, Reason.DUPLICATE, Reason.BACKWARDS, Reason.PAUSED)
        rows = np.flatnonzero(~np.isin(reason, passing))
        last_of_source = np.ones(len(rows), np.bool_)
        last_of_source[:-1] = ticks.source[rows][1:] != ticks.source[rows][:-1]
        rows = rows[last_of_source]
        self.refusal[ticks.source[rows]] = reason[rows]
        # A tick of the future must not outlast the good ones that come before its time.
        self.refused_ns[ticks.source[rows]] = np.minimum(ticks.event_ns[rows], now_ns)
