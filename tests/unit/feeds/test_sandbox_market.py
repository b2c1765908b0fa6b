"""The sandbox's prices and knobs, stepped by a clock of the test's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.sandbox.venues.knobs import Knobs
from deploy.sandbox.venues.listings import LISTINGS
from deploy.sandbox.venues.market import Market
from oracle.model.errors import ConfigError

START_MS = 1_700_000_000_000
BTC_USDT = LISTINGS["binance"]["BTC/USDT"]


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms


def sandbox(seed: int = 7) -> tuple[Clock, Market, Knobs]:
    """Make a market with its knobs and their clock."""
    clock = Clock()
    market = Market(seed, start_ms=START_MS)
    return clock, market, Knobs(market, clock)


def bps_apart(a: float, b: float) -> float:
    """Measure a relative distance."""
    return abs(a / b - 1) * 1e4


@given(st.integers(0, 3), st.lists(st.integers(0, 300), min_size=1, max_size=6))
def test_quotes_depend_on_seed_and_step_alone(seed: int, steps: list[int]) -> None:
    """Asked in any order, a step shows the same quotes at every venue."""
    one, two = Market(seed, start_ms=START_MS), Market(seed, start_ms=START_MS)
    asked = [(venue, symbol) for venue, symbols in LISTINGS.items() for symbol in symbols]
    there = {(s, *of): one.quote(*of, START_MS + 100 * s) for s in steps for of in asked}
    back = {
        (s, *of): two.quote(*of, START_MS + 100 * s + 99)
        for s in reversed(steps)
        for of in reversed(asked)
    }
    assert there == back


def test_seeds_differ() -> None:
    """Another seed is another market."""
    quotes = {
        Market(seed, start_ms=START_MS).quote("kraken", "BTC/USD", START_MS).bid
        for seed in range(5)
    }
    assert len(quotes) == 5


def test_venues_quote_close_to_the_true_price_and_never_crossed() -> None:
    """In calm, every venue is within 10 bps of the truth with bid below ask."""
    market = Market(3, start_ms=START_MS)
    for t_ms in range(START_MS, START_MS + 60_000, 100):
        for venue, symbols in LISTINGS.items():
            for symbol, listing in symbols.items():
                quote = market.quote(venue, symbol, t_ms)
                assert 0 < float(quote.bid) < float(quote.ask)
                assert bps_apart(float(quote.bid), market.true_price(listing, t_ms)) < 10
                assert quote.last in (quote.bid, quote.ask)


def test_a_depeg_shows_in_its_own_market_and_in_all_that_is_quoted_in_it() -> None:
    """BTC/USDT is BTC over USDT: what USDT loses, its quotes gain, and BTC/USD stays."""
    clock, market, knobs = sandbox()
    usd_before = market.true_usd("BTC", clock.ms)
    knobs.depeg("USDT", 0.9)
    assert market.true_usd("BTC", clock.ms) == usd_before
    assert bps_apart(float(knobs.quote("coinbase", "USDT/USD").bid), 0.9) < 10
    assert bps_apart(float(knobs.quote("okx", "BTC/USDT").bid), usd_before / 0.9) < 10
    knobs.depeg("USDT", 1.0, over_s=10)
    clock.ms += 5_000
    assert bps_apart(market.true_usd("USDT", clock.ms), (0.9 * 1.0) ** 0.5) < 10
    clock.ms += 5_000
    assert bps_apart(market.true_usd("USDT", clock.ms), 1.0) < 10


def test_a_shift_moves_every_venue() -> None:
    """A real market move is not one venue's."""
    _, market, knobs = sandbox()
    before = market.true_usd("ETH", START_MS)
    knobs.shift("ETH", -20.0)
    for venue, symbol in (("kraken", "ETH/USD"), ("coinbase", "ETH/USD"), ("okx", "ETH/USDT")):
        assert bps_apart(float(knobs.quote(venue, symbol).bid), before * 0.8) < 20


def test_a_wick_is_one_venues_one_symbol_and_ends_by_itself() -> None:
    """Eight percent at Kraken for five seconds, nowhere else."""
    clock, market, knobs = sandbox()
    knobs.wick("kraken", "BTC/USD", 8.0, for_s=5)
    true = market.true_usd("BTC", clock.ms)
    assert bps_apart(float(knobs.quote("kraken", "BTC/USD").bid), true * 1.08) < 10
    assert bps_apart(float(knobs.quote("coinbase", "BTC/USD").bid), true) < 10
    assert [knob["ends_in_s"] for knob in knobs.in_force()] == [5.0]
    clock.ms += 5_000
    true = market.true_usd("BTC", clock.ms)
    assert bps_apart(float(knobs.quote("kraken", "BTC/USD").bid), true) < 10
    assert knobs.in_force() == []


def test_freeze_and_delay_show_old_quotes_with_their_old_times() -> None:
    """A frozen venue stands still until its time is over; a late one lags by its delay."""
    clock, _, knobs = sandbox()
    clock.ms += 10_000
    knobs.freeze("okx", for_s=30)
    knobs.delay("coinbase", "BTC/USD", 2_000)
    frozen = knobs.quote("okx", "BTC/USDT")
    clock.ms += 20_000
    assert knobs.quote("okx", "BTC/USDT") == frozen
    assert knobs.quote("coinbase", "BTC/USD").event_ms == clock.ms - 2_000
    assert knobs.quote("coinbase", "ETH/USD").event_ms == clock.ms
    clock.ms += 10_000
    assert knobs.quote("okx", "BTC/USDT").event_ms == clock.ms


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("zero", lambda bid, ask: bid == ask == 0),
        ("negative", lambda bid, ask: bid < 0 and ask < 0),
        ("crossed", lambda bid, ask: bid > ask > 0),
    ],
)
def test_garbage_quotes_are_wrong_in_the_way_that_was_asked(kind: str, wrong: object) -> None:
    """Each kind spoils the quote, and clear brings it back."""
    _, _, knobs = sandbox()
    knobs.garbage("binance", "BTC/USDT", kind)
    quote = knobs.quote("binance", "BTC/USDT")
    assert callable(wrong)
    assert wrong(float(quote.bid), float(quote.ask))
    knobs.clear("binance")
    quote = knobs.quote("binance", "BTC/USDT")
    assert 0 < float(quote.bid) < float(quote.ask)


def test_perpetuals_carry_a_premium_to_their_index() -> None:
    """Over a minute the perpetual is above spot by a few basis points on average."""
    market = Market(11, start_ms=START_MS)
    perpetual = LISTINGS["binanceusdm"]["BTC/USDT:USDT"]
    spot = LISTINGS["binance"]["BTC/USDT"]
    premiums = [
        (market.true_price(perpetual, t) / market.true_price(spot, t) - 1) * 1e4
        for t in range(START_MS, START_MS + 60_000, 100)
    ]
    assert 0 < sum(premiums) / len(premiums) < 8


@pytest.mark.parametrize(
    ("turn", "says"),
    [
        (lambda k: k.wick("krakn", "BTC/USD", 1.0), "use one of binance"),
        (lambda k: k.wick("kraken", "BTC/EUR", 1.0), "BTC/USD, ETH/USD"),
        (lambda k: k.garbage("kraken", None, "rotten"), "malformed, zero"),
        (lambda k: k.depeg("DAI", 0.9), "BTC, ETH, USDT"),
        (lambda k: k.depeg("USDT", 0.0), "above 0"),
    ],
)
def test_a_knob_that_does_not_exist_says_which_do(turn: object, says: str) -> None:
    """Mistakes are told, not ignored."""
    _, _, knobs = sandbox()
    assert callable(turn)
    with pytest.raises(ConfigError, match=says):
        turn(knobs)
