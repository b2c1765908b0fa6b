"""What the replays are made of: paths, venues, plain aggregates."""

from __future__ import annotations

from random import Random

import pytest

from oracle.engine.spec import BreakerSpec, EngineSpec, MarketSpec, SourceSpec
from oracle.incidents.naive import PlainBook, mean_of, median_of
from oracle.incidents.paths import during, swaying, through, times
from oracle.incidents.venues import Venue, ticks
from oracle.model.fixed import Px, float_nearest, px_exact
from oracle.model.ticks import Tick

S = 10**9


def test_a_path_goes_through_its_points_at_a_constant_rate() -> None:
    """Half-way in time is half-way in logarithm, and before and after it stands still."""
    path = through((0, 1.0), (10, 100.0))
    assert path(5) == pytest.approx(10.0)
    assert (path(-1), path(0), path(10), path(11)) == (1.0, 1.0, 100.0, 100.0)


def test_a_path_can_be_silent_fixed_or_scaled_for_a_while() -> None:
    """From the start on, until just before the end."""
    path = through((0, 2.0))
    silent, zero = during(path, 1, 2, None), during(path, 1, 2, 0.0)
    assert [silent(t) for t in (0.5, 1.0, 1.9, 2.0)] == [2.0, None, None, 2.0]
    assert zero(1.5) == 0.0
    assert times(path, times(path, 3.0))(0) == 12.0


def test_a_sway_is_seeded_and_small() -> None:
    """Two of one seed agree, and none is far from its path."""
    path = through((0, 100.0))
    one, two = (swaying(path, Random(1), 10.0, 5, 100) for _ in range(2))
    points = [one(t) for t in range(100)]
    assert points == [two(t) for t in range(100)]
    assert 0 < max(abs(point / 100 - 1) for point in points) < 60e-4


def test_ticks_are_in_order_of_receipt_with_the_venue_s_own_clock() -> None:
    """A venue whose clock is ahead and whose feed is late has both in its times."""
    fast = Venue("a:X/USD", lambda _t: 1.0, every_s=1.0, latency_s=0.1)
    late = Venue("b:X/USD", lambda _t: 1.0, every_s=1.0, clock_s=0.5, delay_s=lambda _t: 3.0)
    made = ticks((fast, late), 1, 1000 * S, 0.0, 10.0)
    received = [tick.received_ns for tick in made]
    assert received == sorted(received)
    behind = {tick.source: (tick.received_ns - tick.event_ns) / S for tick in made}
    assert 0.06 < behind["a:X/USD"] < 0.14
    assert 2.5 < behind["b:X/USD"] < 2.7


def test_a_further_venue_does_not_change_the_noise_of_the_others() -> None:
    """A scenario may grow without its figures moving."""
    one, two = (Venue(name, lambda _t: 1.0) for name in ("a:X/USD", "b:X/USD"))
    alone = ticks((one,), 1, 0, 0.0, 10.0)
    assert [
        tick for tick in ticks((one, two), 1, 0, 0.0, 10.0) if tick.source == "a:X/USD"
    ] == alone


def test_a_quote_has_its_spread_and_zero_stays_zero() -> None:
    """A venue that posts zero posts zero, which no feed rounds to something else."""
    (quote, *_) = ticks((Venue("a:X/USD", lambda _t: 2.0, 1.0, 10.0, 0.0),), 1, 0, 0.0, 1.5)
    assert float_nearest(quote.ask or Px(0, 0)) - float_nearest(quote.bid or Px(0, 0)) == (
        pytest.approx(2e-3)
    )
    (zero, *_) = ticks((Venue("a:X/USD", lambda _t: 0.0),), 1, 0, 0.0, 1.5)
    assert zero.bid == Px(0, 0)


def _spec() -> EngineSpec:
    breaker = BreakerSpec(())
    dollar = MarketSpec("T-USD", 0, (SourceSpec("a:T/USD", "a", 1.0, 10 * S),), breaker)
    coin = MarketSpec(
        "X-USD",
        1,
        (
            SourceSpec("a:X/USD", "a", 1.0, 10 * S),
            SourceSpec("b:X/T", "b", 1.0, 10 * S, edge="T-USD"),
        ),
        breaker,
    )
    return EngineSpec((dollar, coin), (("T-USD",), ("X-USD",)))


def _quote(source: str, price: str, received_ns: int = S) -> Tick:
    return Tick(source, 1, 0, received_ns, bid=px_exact(price), ask=px_exact(price))


def test_plain_aggregates_take_everything_that_came_lately() -> None:
    """Refused by nobody, converted by their own figure, forgotten only after the maximum age."""
    book = PlainBook()
    book.take([_quote("a:T/USD", "0.5"), _quote("a:X/USD", "100"), _quote("b:X/T", "4000")])
    for markets in (mean_of(_spec(), book), median_of(_spec(), book)):
        assert markets.values(2 * S) == {"T-USD": 0.5, "X-USD": 1050.0}
    book.take([_quote("a:T/USD", "0.5", 12 * S)])
    assert mean_of(_spec(), book).values(12 * S) == {"T-USD": 0.5, "X-USD": None}
