"""What a tick must be to be admitted, and how its refusal is named (docs/engine.md, 1)."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from oracle.engine.columns import Gatherer
from oracle.engine.spec import AdmissionSpec
from oracle.model.fixed import Px
from oracle.model.messages import encode
from oracle.model.ticks import Tick, pack
from tests.engine_builders import (
    T0,
    S,
    after,
    batch,
    engine,
    market,
    only,
    pause,
    quote,
    reasons,
    resume,
    source,
    trade,
)

A, B, C = "a:X/USD", "b:X/USD", "c:X/USD"
GOOD = (trade(B, "100"), trade(C, "100"))
ONE = Px(1, 0)


def _engine():
    return engine([market("X-USD", [source(A), source(B), source(C)])])


def _step(made, *ticks: Tick, at_s: float = 1.0):
    return made.step(batch(*ticks) if ticks else [], [], after(at_s))


def _prices(mark) -> dict[str, str]:
    return {view.source: str(view.price) for view in mark.sources}


def _both(
    name: str, bid: str, ask: str, last: str, *, at_s: float = 0.0, sequence: int = 1
) -> Tick:
    made = quote(name, bid, ask, at_s=at_s, sequence=sequence)
    return msgspec.structs.replace(made, last=trade(name, last).last)


def _rate(name: str, rate: float, *, at_s: float = 0.0, sequence: int = 1) -> Tick:
    return Tick(name, sequence, after(at_s), after(at_s), funding_e12=round(rate * 10**12))


@pytest.mark.parametrize(
    ("tick", "reason"),
    [
        (Tick(A, 1, T0, T0, bid=ONE), "empty"),
        (Tick(A, 1, T0, T0, ask=ONE), "empty"),
        (Tick(A, 1, T0, T0, bid=Px(0, 0)), "empty"),
        (trade(A, "0"), "not_positive"),
        (trade(A, "-5"), "not_positive"),
        (quote(A, "0", "100"), "not_positive"),
        (quote(A, "100", "0"), "not_positive"),
        (_both(A, "99.9", "100.1", "0"), "not_positive"),
        (_both(A, "99.9", "100.1", "-1e9"), "not_positive"),
        (trade(A, "9e-19"), "out_of_range"),
        (trade(A, "1e21"), "out_of_range"),
        (quote(A, "1e21", "1e20"), "out_of_range"),
        (_both(A, "1e20", "1e20", "1e22"), "out_of_range"),
        (quote(A, "100.1", "100"), "crossed"),
        (quote(A, "500", "1"), "crossed"),
        (quote(A, "98.9", "101", at_s=99.0), "wide_spread"),
        (trade(A, "100", at_s=3.1), "future"),
        (_rate(A, 0.0001, at_s=3.1), "future"),
        (trade(A, "100", at_s=-9.1), "stale"),
        (_rate(A, 0.0001, at_s=-9.1), "stale"),
    ],
)
def test_a_bad_tick_is_refused_by_name(tick, reason):
    """The first check that fails names it, in the counts and beside the source it silenced."""
    marks = _step(_engine(), tick, *GOOD)
    assert marks.rejected == {reason: 1}
    assert reasons(only(marks))[A] == reason
    assert marks.refused == ({} if reason == "no_data" else {reason: 1})


def test_the_table_of_refusals_is_in_the_order_of_the_checks():
    """A tick with every defect is refused for the first; mended, for the next."""
    everything = _both(A, "2e21", "1e21", "-1e20", at_s=500.0)
    mended = {
        "not_positive": {"last": Px(1, 30)},
        "out_of_range": {"bid": Px(102, 0), "ask": Px(97, 0), "last": None},
        "crossed": {"bid": Px(97, 0), "ask": Px(102, 0)},
        "wide_spread": {"bid": Px(100, 0), "ask": Px(100, 0)},
        "future": {"event_ns": T0 - 500 * S},
        "stale": {"event_ns": T0},
    }
    for reason, mend in mended.items():
        assert _step(_engine(), everything, *GOOD).rejected == {reason: 1}
        everything = msgspec.structs.replace(everything, **mend)
    assert _step(_engine(), everything, *GOOD).rejected == {}


def test_what_lies_exactly_on_a_bound_is_admitted():
    """Locked, the widest spread, the latest, the oldest, the smallest, just below the largest."""
    for tick in (
        quote(A, "100", "100"),
        quote(A, "99", "101"),
        trade(A, "100", at_s=3.0),
        trade(A, "100", at_s=-9.0),
        trade(A, "1e-18"),
        trade(A, "999999999999999e6"),
    ):
        assert _step(_engine(), tick, *GOOD).rejected == {}


def test_half_a_quote_beside_a_trade_is_ignored():
    """One side is no quote; the trade of the same tick stands."""
    tick = msgspec.structs.replace(trade(A, "101"), bid=Px(1, 0))
    marks = _step(_engine(), tick, *GOOD)
    assert (marks.rejected, _prices(only(marks))[A]) == ({}, "101.00000")


def test_of_two_markets_that_share_a_source_the_stricter_admits():
    """A tick is judged once: by the tightest bounds of those who use its source."""
    both = [source(A), source(B)]
    loose = {"admission": AdmissionSpec(max_future_ns=9 * S, max_spread_bps=900.0)}
    for first, second in (({}, loose), (loose, {})):
        made = engine([market("X-USD", both, 0, **first), market("Y-USD", both, 1, **second)])
        marks = _step(made, trade(A, "100", at_s=4.0), quote(B, "98", "102"))
        assert marks.rejected == {"future": 1, "wide_spread": 1}


def test_two_markets_may_let_a_source_grow_old_differently():
    """A tick is stale by the longest age, a place by its own: stale to one, fresh to another."""
    both = [source(A), source(B)]
    slow = [replace(entry, max_age_ns=60 * S) for entry in both]
    made = engine([market("X-USD", both, 0), market("Y-USD", slow, 1)])
    marks = _step(made, trade(A, "100"), trade(B, "100"), at_s=20.0)
    first, second = marks.messages()
    assert marks.rejected == {}
    assert set(reasons(first).values()) == {"stale"}
    assert set(reasons(second).values()) == {""}


def test_a_mark_says_how_new_its_used_inputs_are():
    """The newest times are those of sources that count, by the venue's clock and by ours."""
    outlier = Tick(C, 1, T0 + S, T0 + S, last=Px(110, 0))
    slow = Tick(A, 1, T0 + S // 2, T0 + S * 3 // 4, last=Px(100, 0))
    mark = only(_step(_engine(), slow, trade(B, "100"), outlier))
    assert reasons(mark)[C] == "outlier"
    assert mark.newest_event_ns == T0 + S // 2
    assert mark.newest_received_ns == T0 + S * 3 // 4


def test_a_source_of_no_market_is_counted():
    """Ticks nobody asked for are counted, not lost; not even their prices are looked at."""
    marks = _step(_engine(), trade("z:X/USD", "-7"), trade(A, "100"), trade(B, "100"))
    assert marks.rejected == {"unknown_source": 1}
    assert reasons(only(marks)) == {A: "", B: "", C: "no_data"}


def test_the_newest_event_wins_and_then_the_higher_sequence():
    """A venue's time orders its ticks; the sequence decides only within one time."""
    late = [trade(A, "100", at_s=0.5, sequence=9), trade(A, "102", at_s=0.6, sequence=1)]
    same = [trade(B, "101", at_s=0.5, sequence=2), trade(B, "103", at_s=0.5, sequence=1)]
    for ticks in ([*late, *same], [*same[::-1], *late[::-1]]):
        prices = _prices(only(_step(_engine(), *ticks)))
        assert prices == {A: "102.00000", B: "101.00000", C: "None"}


def test_late_and_repeated_ticks_change_nothing():
    """A tick older than the one held is backwards, the same one again a duplicate."""
    made = _engine()
    ticks = [trade(name, "100", at_s=0.5) for name in (A, B, C)]
    first = _step(made, *ticks)
    again = _step(made, trade(A, "50", at_s=0.4), ticks[1], at_s=1.1)
    assert again.rejected == {"backwards": 1, "duplicate": 1}
    assert again.refused == {}
    assert only(again).index == only(first).index


def test_within_one_time_only_a_higher_sequence_is_news():
    """The same sequence again, or a lower one, changes no price, whatever it says."""
    made = _engine()
    good = (trade(B, "100", sequence=5), trade(C, "100", sequence=5))
    _step(made, trade(A, "100", sequence=5), *good)
    lower = _step(made, trade(A, "50", sequence=4), at_s=1.1)
    same = _step(made, trade(A, "50", sequence=5), at_s=1.2)
    assert (lower.rejected, same.rejected) == ({"backwards": 1}, {"duplicate": 1})
    assert set(_prices(only(same)).values()) == {"100.00000"}


def test_late_and_repeated_ticks_do_not_rename_a_silent_source():
    """They are no refusal of what a source says now: one that falls silent is stale."""
    made = _engine()
    _step(made, trade(A, "100", at_s=0.5), *GOOD)
    _step(made, trade(A, "50", at_s=0.4), at_s=1.1)
    assert reasons(only(_step(made, at_s=30.0)))[A] == "stale"


def test_quote_trade_and_funding_of_one_tick_are_replaced_apart():
    """A tick that is late for one of them is news for another, and no refusal."""
    made = engine([market("X-USD", [source(B), source(C)], perps=(source(A),))])
    _step(made, trade(A, "100", at_s=0.9, sequence=9), *GOOD)
    older = _both(A, "101", "101", "50", at_s=0.5, sequence=5)
    marks = _step(made, older, at_s=1.1)
    assert marks.rejected == {}
    assert _prices(only(marks))[A] == "101.00000"
    rate = _rate(A, 0.0001, at_s=0.1)
    assert _step(made, rate, at_s=1.2).rejected == {}
    assert _step(made, rate, at_s=1.3).rejected == {"duplicate": 1}
    assert _step(made, older, at_s=1.4).rejected == {"duplicate": 1}


def test_silence_becomes_stale_by_source():
    """Freshness is judged per source: one that goes quiet is named while others go on."""
    made = _engine()
    _step(made, trade(A, "100"), *GOOD)
    fresh = (trade(B, "100.1", at_s=10.5), trade(C, "100.1", at_s=10.5))
    assert reasons(only(_step(made, *fresh, at_s=10.0))) == {A: "", B: "", C: ""}
    late = _step(made, at_s=10.000000001)
    assert reasons(only(late)) == {A: "stale", B: "", C: ""}
    assert late.refused == {"stale": 1}
    assert _step(made, at_s=11.0).refused == {}


def test_a_source_without_any_tick_has_no_data():
    """Never heard from is another reason than stale, and is no event."""
    marks = _step(_engine(), trade(A, "100"), trade(B, "100"))
    assert reasons(only(marks))[C] == "no_data"
    assert marks.refused == {}


def test_a_fresh_trade_stands_in_for_a_stale_quote():
    """The mid while the quote is fresh, whatever is traded, then the last trade while that is."""
    made = _engine()
    _step(made, quote(A, "99", "101"), trade(A, "98", sequence=2), *GOOD)
    traded = trade(A, "103", at_s=6.0)
    assert _prices(only(_step(made, traded, at_s=6.0)))[A] == "100.00000"
    assert _prices(only(_step(made, at_s=10.5)))[A] == "103.00000"
    assert reasons(only(_step(made, at_s=16.5)))[A] == "stale"


def test_a_fresh_quote_keeps_a_source_alive_without_trades():
    """The other way round: no trade for minutes, quotes every second."""
    made = _engine()
    _step(made, trade(A, "101"), *GOOD)
    _step(made, quote(A, "99", "101", at_s=30.0), at_s=30.0)
    assert _prices(only(_step(made, at_s=31.0)))[A] == "100.00000"


def test_funding_alone_is_no_price():
    """A rate admits no source to the index, and does not keep an old price alive."""
    made = _engine()
    assert reasons(only(_step(made, _rate(A, 0.0001), *GOOD)))[A] == "no_data"
    _step(made, trade(A, "100", at_s=2.0), at_s=2.0)
    _step(made, _rate(A, 0.0001, at_s=12.0), at_s=12.0)
    assert reasons(only(_step(made, at_s=12.5)))[A] == "stale"


def test_a_paused_source_is_out_until_the_pause_ends():
    """A pause takes the source out at once, refuses its ticks, and ends by itself."""
    made = _engine()
    ticks = batch(trade(A, "100"), *GOOD)
    marks = made.step(ticks, [pause(A, 1, 5, "source")], after(1))
    assert reasons(only(marks))[A] == "paused"
    assert (marks.rejected, marks.refused) == ({"paused": 1}, {"paused": 1})
    again = _step(made, *(trade(n, "100", at_s=5.5) for n in (A, B, C)), at_s=5.5)
    assert (again.rejected, again.refused) == ({"paused": 1}, {})
    ended = _step(made, *(trade(n, "100", at_s=6.0) for n in (A, B, C)), at_s=6.0)
    assert reasons(only(ended))[A] == ""


def test_a_pause_is_named_before_any_other_reason():
    """Who paused a source that is stale, or sends rubbish, still reads `paused`."""
    made = _engine()
    bad = trade(A, "-1")
    marks = made.step(batch(bad, *GOOD), [pause(A, 1, 99, "source")], after(1))
    assert marks.rejected == {"paused": 1}
    assert reasons(only(_step(made, at_s=50.0)))[A] == "paused"


def test_a_resume_ends_a_pause_early():
    """The newest order for a subject, in the order of the log, is the one in force."""
    made = _engine()
    orders = [pause(A, 0, 600, "source"), resume(A, 0.5, "source")]
    mark = only(made.step(batch(trade(A, "100"), *GOOD), orders, after(1)))
    assert reasons(mark)[A] == ""


def test_a_pause_that_has_ended_is_no_reason():
    """Who looks for the pause must find one: after its end a silent source is stale."""
    made = _engine()
    _step(made, trade(A, "100"), *GOOD)
    made.step(batch(trade(A, "100", at_s=2.0)), [pause(A, 2, 5, "source")], after(2))
    assert reasons(only(_step(made, at_s=30.0)))[A] == "stale"


def test_pausing_what_is_not_of_this_engine_harms_nobody():
    """Orders are one log for all groups: a market or source of another is not looked for."""
    made = _engine()
    orders = [pause("Z-USD", 1, 60), pause("z:Z/USD", 1, 60, "source"), resume("Y-USD", 1)]
    mark = only(made.step(batch(trade(A, "100"), *GOOD), orders, after(1)))
    assert reasons(mark) == {A: "", B: "", C: ""}


@pytest.mark.parametrize("price", ["1e-18", "9e20"])
def test_the_widest_spread_of_prices_still_makes_a_message(price):
    """Sources at both ends of the range make a mark whose every number goes on the wire."""
    made = engine([market("X-USD", [source(A), source(B), source(C)], perps=(source("p:X/USD"),))])
    ticks = (trade(A, price), trade(B, "1"), trade(C, "1"), trade("p:X/USD", price))
    encode(only(_step(made, *ticks)))


def test_times_at_the_ends_of_their_range_are_refused_by_name():
    """A venue's clock may say anything: neither end wraps around to the other."""
    far = Tick(A, 1, 2**63 - 1, T0, last=ONE)
    past = msgspec.structs.replace(far, event_ns=-(2**63))
    assert _step(_engine(), far, *GOOD).rejected == {"future": 1}
    assert _step(_engine(), past, *GOOD).rejected == {"stale": 1}


def test_a_refusal_is_forgotten_once_a_good_tick_came():
    """A source that was refused, was good again and fell silent is stale, not `future`."""
    made = _engine()
    _step(made, trade(A, "100", at_s=500.0), *GOOD)
    _step(made, trade(A, "100", at_s=2.0), at_s=2.5)
    assert reasons(only(_step(made, at_s=20.0)))[A] == "stale"


def test_a_source_that_only_sends_what_is_refused_says_so_once_it_is_stale():
    """While the last good price is fresh it counts; then the newest refusal is the reason."""
    made = _engine()
    _step(made, trade(A, "100"), *GOOD)
    crossed = quote(A, "101", "100", at_s=5.0)
    assert reasons(only(_step(made, crossed, at_s=5.0)))[A] == ""
    assert reasons(only(_step(made, at_s=12.0)))[A] == "crossed"


def test_prices_are_read_to_the_last_bit_at_every_exponent():
    """Powers of ten are the nearest floats, on every processor: no `pow` is asked."""
    for exponent in range(-18, 18):
        made = engine([market("X-USD", [source(A), source(B)])])
        ticks = (Tick(n, 1, T0, T0, last=Px(1, exponent)) for n in (A, B))
        assert made.step(batch(*ticks), [], T0 + S).index[0] == float(f"1e{exponent}")


def test_a_sort_of_more_sources_than_sixteen_bits_number_keeps_each_apart():
    """160,000 sources are a size we state: one late tick must not mix them up."""
    names = [f"v:{n}" for n in range(70_000)]
    halves = [pack(trade(name, "1", at_s=1.0) for name in names[n::2]) for n in (0, 1)]
    late = pack([trade(names[0], "1", at_s=0.5)])
    gathered = Gatherer({name: n for n, name in enumerate(names)}).gather([*halves, late])
    seen = {int(n) for part in gathered for n in part.number[part.source_at]}
    assert len(seen) == len(names)
