"""What a tick must be to be admitted, and how its refusal is named."""

from __future__ import annotations

import numpy as np
import pytest

from oracle.engine.book import Book
from oracle.engine.columns import TickColumns
from oracle.engine.reasons import Reason
from oracle.model.messages import Control
from oracle.model.ticks import Tick
from tests.engine_builders import T0, S, batch, engine, market, only, quote, reasons, source, trade

A, B, C = "a:X/USD", "b:X/USD", "c:X/USD"


def _engine():
    return engine([market("X-USD", [source(A), source(B), source(C)])])


def _step(made, *ticks: Tick, at_s: float = 1.0):
    return made.step(batch(*ticks) if ticks else [], [], T0 + int(at_s * S))


@pytest.mark.parametrize(
    ("tick", "reason"),
    [
        (trade(A, "0"), "not_positive"),
        (trade(A, "-5"), "not_positive"),
        (quote(A, "101", "100"), "crossed"),
        (quote(A, "90", "110"), "wide_spread"),
        (trade(A, "100", at_s=4.0), "future"),
        (Tick(A, 1, T0, T0, bid=quote(A, "1", "1").bid), "empty"),
    ],
)
def test_a_bad_tick_is_refused_by_name(tick, reason):
    """Each defect has its own name, in the counts and beside the source it silenced."""
    made = _engine()
    marks = _step(made, tick, trade(B, "100"), trade(C, "100"))
    assert marks.rejected == {reason: 1}
    assert reasons(only(marks))[A] == reason


def test_infinite_prices_are_refused():
    """No batch can say infinity, and a book that is given one refuses it all the same."""
    book = Book(np.array([2 * S]), np.array([200.0]))
    at, nan = np.array([T0]), np.array([np.nan])
    ticks = TickColumns(np.array([0]), np.array([1]), at, at, nan, nan, np.array([np.inf]), 0)
    assert book.admit(ticks, np.array([False]), T0) == {Reason.NOT_FINITE: 1}


def test_a_source_of_no_market_is_counted():
    """Ticks nobody asked for are counted, not lost."""
    assert _step(_engine(), trade("z:X/USD", "100")).rejected == {"unknown_source": 1}


def test_late_and_repeated_ticks_change_nothing():
    """A tick older than the one held is backwards, the same one again a duplicate."""
    made = _engine()
    first = _step(
        made, trade(A, "100", at_s=0.5), trade(B, "100", at_s=0.5), trade(C, "100", at_s=0.5)
    )
    again = _step(made, trade(A, "50", at_s=0.4), trade(B, "100", at_s=0.5), at_s=1.1)
    assert again.rejected == {"backwards": 1, "duplicate": 1}
    assert only(again).index == only(first).index


def test_silence_becomes_stale_by_source():
    """Freshness is judged per source: one that goes quiet is named while others go on."""
    made = _engine()
    _step(made, trade(A, "100"), trade(B, "100"), trade(C, "100"))
    mark = only(_step(made, trade(B, "101", at_s=10.5), trade(C, "101", at_s=10.5), at_s=11.0))
    assert reasons(mark) == {A: "stale", B: "", C: ""}


def test_a_source_without_any_tick_has_no_data():
    """Never heard from is another reason than stale."""
    mark = only(_step(_engine(), trade(A, "100"), trade(B, "100")))
    assert reasons(mark)[C] == "no_data"


def test_a_fresh_trade_stands_in_for_a_stale_quote():
    """Quotes and trades age apart: the mid while fresh, then the last trade while that is."""
    made = _engine()
    others = (trade(B, "100", at_s=9.0), trade(C, "100", at_s=9.0))
    _step(made, quote(A, "99", "101"), *others, at_s=9.5)
    mark = only(_step(made, trade(A, "103", at_s=11.0), at_s=11.5))
    assert {view.source: str(view.price) for view in mark.sources}[A] == "103.00000"


def test_a_paused_source_is_out_until_the_pause_ends():
    """A pause takes the source out at once, refuses its ticks, and ends by itself."""
    made = _engine()
    now = T0 + S
    pause = Control("source", A, True, "ann", "drill", now, now + 5 * S)
    ticks = batch(trade(A, "100"), trade(B, "100"), trade(C, "100"))
    marks = made.step(ticks, [pause], now)
    assert reasons(only(marks))[A] == "paused"
    assert marks.rejected == {"paused": 1}
    after = _step(made, *(trade(n, "100", at_s=6.5) for n in (A, B, C)), at_s=7.0)
    assert reasons(only(after))[A] == ""


def test_a_resume_ends_a_pause_early():
    """The newest order for a subject is the one in force."""
    made = _engine()
    pause = Control("source", A, True, "ann", "drill", T0, T0 + 600 * S)
    resume = Control("source", A, False, "ann", "done", T0 + 1, T0 + 1)
    mark = only(made.step(batch(*(trade(n, "100") for n in (A, B, C))), [pause, resume], T0 + S))
    assert reasons(mark)[A] == ""
