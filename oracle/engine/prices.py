"""What each place of a table is worth now, in its market's quote currency, or why it is not."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from oracle.engine.book import Book
from oracle.engine.columns import Bools, Floats, Ints, out_of_range
from oracle.engine.layout import Table
from oracle.engine.reasons import Reason


class Edges(NamedTuple):
    """Indexes of all markets so far in this step, as conversion rates."""

    rate: Floats
    """NaN until computed, and where missing."""
    conf: Floats
    """Relative half-width."""
    halted: Bools


class Prices(NamedTuple):
    """Shape (markets, places) each."""

    price: Floats
    """NaN where not admitted."""
    half_width: Floats
    """Relative: half the spread, a basis point at full age, and the conversion's confidence."""
    reason: Ints

    @property
    def admitted(self) -> Bools:
        """Which places have a price."""
        mask: Bools = self.reason == Reason.USED
        return mask


AGE_WIDTH = 1e-4
"""Relative half-width that a price gains by its maximum age."""


def price(table: Table, book: Book, paused: Bools, edges: Edges, now_ns: int) -> Prices:
    """Price every place: the mid while the quote is fresh, else the last trade while that is."""
    at = table.source
    quote_age, last_age = now_ns - book.quote_ns[at], now_ns - book.last_ns[at]
    quoted, traded = quote_age <= table.max_age_ns, last_age <= table.max_age_ns
    bid, ask = book.bid[at], book.ask[at]
    mid = bid + (ask - bid) / 2.0
    native = np.where(quoted, mid, book.last[at])
    half_spread = np.where(quoted, (ask - bid) / (2.0 * mid), 0.0)
    age = np.maximum(np.where(quoted, quote_age, last_age), 0) / table.max_age_ns.clip(min=1)

    converts = table.edge >= 0
    rate = np.where(converts, edges.rate[table.edge], 1.0)
    edge_conf = np.where(converts, edges.conf[table.edge], 0.0)

    value = native * rate
    reason = np.zeros(at.shape, np.int64)
    reason[out_of_range(value)] = Reason.OUT_OF_RANGE
    stale = ~(quoted | traded)
    newest = np.maximum(book.quote_ns[at], book.last_ns[at])
    why = np.where(book.refused_ns[at] > newest, book.refusal[at], Reason.STALE)
    why = np.where((newest < 0) & (book.refused_ns[at] < 0), Reason.NO_DATA, why)
    reason[converts & np.isnan(rate)] = Reason.CONVERSION_MISSING
    reason[converts & edges.halted[table.edge]] = Reason.CONVERSION_HALTED
    reason[stale] = why[stale]
    reason[paused[at]] = Reason.PAUSED
    reason[~table.present] = Reason.NO_DATA
    good = reason == Reason.USED
    half_width = half_spread + AGE_WIDTH * age + edge_conf
    return Prices(np.where(good, value, np.nan), np.where(good, half_width, 0.0), reason)
