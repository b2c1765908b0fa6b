"""What a tick must be to be admitted, and how its refusal is named."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from oracle.engine.book import Book
from oracle.engine.columns import TickColumns
from oracle.engine.reasons import Reason
from oracle.model.fixed import Px
from oracle.model.messages import Control, encode
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
        (quote(A, "0", "100"), "not_positive"),
        (quote(A, "100", "0"), "not_positive"),
        (quote(A, "98.9", "101"), "wide_spread"),
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


def test_a_locked_market_and_a_spread_at_the_limit_are_admitted():
    """Bid equal to ask is a price, and so is a spread just within the limit of 200 bps."""
    mark = only(_step(_engine(), quote(A, "100", "100"), quote(B, "99.01", "100.99")))
    assert reasons(mark) == {A: "", B: "", C: "no_data"}


def test_of_two_markets_that_share_a_source_the_stricter_admits():
    """A tick is judged once: by the tightest bounds of those who use its source."""
    both, loose = [source(A), source(B)], {"max_future_ns": 9 * S, "max_spread_bps": 900.0}
    for first, second in (({}, loose), (loose, {})):
        made = engine([market("X-USD", both, 0, **first), market("Y-USD", both, 1, **second)])
        marks = _step(made, trade(A, "100", at_s=4.0), quote(B, "98", "102"))
        assert marks.rejected == {"future": 1, "wide_spread": 1}


def test_two_markets_may_let_a_source_grow_old_differently():
    """Age is judged by each market: what is stale to one may be fresh to another."""
    both = [source(A), source(B)]
    slow = [replace(entry, max_age_ns=60 * S) for entry in both]
    made = engine([market("X-USD", both, 0), market("Y-USD", slow, 1)])
    _step(made, trade(A, "100"), trade(B, "100"))
    first, second = _step(made, at_s=20.0).messages()
    assert set(reasons(first).values()) == {"stale"}
    assert set(reasons(second).values()) == {""}


def test_a_mark_says_how_new_its_used_inputs_are():
    """The newest times are those of sources that count, by the venue's clock and by ours."""
    made = _engine()
    outlier = Tick(C, 1, T0 + S, T0 + S, last=Px(900, 0))
    slow = Tick(A, 1, T0 + S // 2, T0 + S * 3 // 4, last=Px(100, 0))
    mark = only(_step(made, slow, trade(B, "100"), outlier))
    assert mark.newest_event_ns == T0 + S // 2
    assert mark.newest_received_ns == T0 + S * 3 // 4


def test_infinite_prices_are_refused():
    """No batch can say infinity, and a book that is given one refuses it all the same."""
    book = Book(np.array([2 * S]), np.array([200.0]))
    at, nan = np.array([T0]), np.array([np.nan])
    ticks = TickColumns(np.array([0]), np.array([1]), at, at, nan, nan, np.array([np.inf]), 0)
    assert book.admit(ticks, np.array([False]), T0) == {Reason.NOT_FINITE: 1}


def test_a_source_of_no_market_is_counted():
    """Ticks nobody asked for are counted, not lost."""
    marks = _step(_engine(), trade("z:X/USD", "7"), trade(A, "100"), trade(B, "100"))
    assert marks.rejected == {"unknown_source": 1}
    assert reasons(only(marks)) == {A: "", B: "", C: "no_data"}


def test_the_newest_event_wins_and_then_the_higher_sequence():
    """A venue's time orders its ticks; the sequence decides only within one time."""
    late = [trade(A, "100", at_s=0.5, sequence=9), trade(A, "102", at_s=0.6, sequence=1)]
    same = [trade(B, "101", at_s=0.5, sequence=2), trade(B, "103", at_s=0.5, sequence=1)]
    for ticks in ([*late, *same], [*same[::-1], *late[::-1]]):
        mark = only(_step(_engine(), *ticks))
        prices = {view.source: str(view.price) for view in mark.sources}
        assert prices == {A: "102.00000", B: "101.00000", C: "None"}


def test_late_and_repeated_ticks_change_nothing():
    """A tick older than the one held is backwards, the same one again a duplicate."""
    made = _engine()
    first = _step(
        made, trade(A, "100", at_s=0.5), trade(B, "100", at_s=0.5), trade(C, "100", at_s=0.5)
    )
    again = _step(made, trade(A, "50", at_s=0.4), trade(B, "100", at_s=0.5), at_s=1.1)
    assert again.rejected == {"backwards": 1, "duplicate": 1}
    assert only(again).index == only(first).index


def test_within_one_time_only_a_higher_sequence_is_news():
    """The same sequence again, or a lower one, changes no price, whatever it says."""
    made = _engine()
    good = (trade(B, "100", sequence=5), trade(C, "100", sequence=5))
    _step(made, trade(A, "100", sequence=5), *good)
    lower = _step(made, trade(A, "50", sequence=4), at_s=1.1)
    same = _step(made, trade(A, "50", sequence=5), at_s=1.2)
    assert (lower.rejected, same.rejected) == ({"backwards": 1}, {"duplicate": 1})
    assert {str(view.price) for view in only(same).sources} == {"100.00000"}


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


@pytest.mark.parametrize("price", ["1e-19", "1e-60", "1e22", "9e60"])
def test_a_price_that_no_mark_can_carry_is_refused(price):
    """One absurd print is refused by name, and neither it nor its size stops a step."""
    made = _engine()
    marks = _step(made, trade(A, price), trade(B, "100"), trade(C, "100"))
    assert marks.rejected == {"out_of_range": 1}
    assert str(only(marks).mark) == "100.00000"


@pytest.mark.parametrize("price", ["1e-18", "9e20"])
def test_the_widest_spread_of_prices_still_makes_a_message(price):
    """Sources at both ends of the range make a mark whose every number goes on the wire."""
    made = engine([market("X-USD", [source(A), source(B), source(C)], perps=(source("p:X/USD"),))])
    ticks = (trade(A, price), trade(B, "1"), trade(C, "1"), trade("p:X/USD", price))
    encode(only(_step(made, *ticks)))


def test_a_converted_price_that_no_mark_can_carry_is_refused():
    """Two prices within range may have a product beyond it."""
    edge = market("E-USD", [source("a:E/USD"), source("b:E/USD")], 1)
    made = engine([edge], [market("X-USD", [source(A, edge="E-USD"), source(B), source(C)])])
    ticks = [trade(n, "9e20") for n in ("a:E/USD", "b:E/USD", A)] + [trade(B, "1"), trade(C, "1")]
    first, _ = _step(made, *ticks).messages()
    assert reasons(first) == {A: "out_of_range", B: "", C: ""}


def test_times_at_the_ends_of_their_range_are_refused_by_name():
    """A venue's clock may say anything: neither end wraps around to the other."""
    far = Tick(A, 1, 2**63 - 1, T0, last=quote(A, "1", "1").bid)
    past = msgspec.structs.replace(far, event_ns=-(2**63))
    good = (trade(B, "100"), trade(C, "100"))
    assert _step(_engine(), far, *good).rejected == {"future": 1}
    assert _step(_engine(), past, *good).rejected == {"backwards": 1}


def test_a_refusal_is_forgotten_once_a_good_tick_came():
    """A source that was refused, was good again and fell silent is stale, not `future`."""
    made = _engine()
    others = dict.fromkeys((B, C), 0.5)
    _step(made, trade(A, "100", at_s=500.0), *(trade(n, "100", at_s=t) for n, t in others.items()))
    _step(made, trade(A, "100", at_s=2.0), at_s=2.5)
    assert reasons(only(_step(made, at_s=20.0)))[A] == "stale"


def test_a_pause_that_has_ended_is_no_reason():
    """Who looks for the pause must find one: after its end a silent source is stale."""
    made = _engine()
    _step(made, *(trade(n, "100") for n in (A, B, C)))
    now = T0 + 2 * S
    pause = Control("source", A, True, "ann", "drill", now, now + 5 * S)
    made.step(batch(trade(A, "100", at_s=2.0)), [pause], now)
    assert reasons(only(_step(made, at_s=30.0)))[A] == "stale"


def test_prices_are_read_to_the_last_bit_at_every_exponent():
    """Powers of ten are the nearest floats, on every processor: no `pow` is asked."""
    for exponent in range(-18, 18):
        made = engine([market("X-USD", [source(A), source(B)])])
        ticks = (Tick(n, 1, T0, T0, last=Px(1, exponent)) for n in (A, B))
        assert made.step(batch(*ticks), [], T0 + S).index[0] == float(f"1e{exponent}")
