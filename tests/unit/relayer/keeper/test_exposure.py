"""The pool's position, and where flattening it is cheapest."""

from __future__ import annotations

import pytest

from relayer.keeper.exposure import OLD_NS, Book, cheapest, net_of_pool
from relayer.keeper.world import MarketState

NOW_NS = 10**18


def book(bid: float, ask: float, depth: float | None = 10.0, *, age_ns: int = 0) -> Book:
    """A perp's best quotes."""
    return Book(bid, ask, depth, depth, NOW_NS - age_ns)


def test_the_pool_is_what_traders_are_not() -> None:
    """Two long and half short: the pool is short one and a half."""
    assert net_of_pool(MarketState(20, 5, 0, 0, 0, 0, 0, 0)) == -15


def test_the_least_spread_that_is_deep_enough_is_taken() -> None:
    """A narrow quote of too little loses to a wider one of enough."""
    books = {"thin": book(99.9, 100.1, 1.0), "deep": book(99, 101), "wide": book(90, 110)}
    hedge = cheapest(5.0, books, NOW_NS)
    assert (hedge.venue, hedge.why_unknown) == ("deep", "")
    assert hedge.share == pytest.approx(0.01)
    assert cheapest(-0.5, books, NOW_NS).venue == "thin"


def test_what_is_not_known_of_a_cost_is_said() -> None:
    """Beyond the best quote, without sizes, without a quote: each by its name."""
    assert cheapest(50.0, {"a": book(99, 101)}, NOW_NS).why_unknown == (
        "beyond the best quote: 10 of 50"
    )
    assert cheapest(5.0, {"a": book(99, 101, None)}, NOW_NS).why_unknown == "depth not known"
    for books in ({}, {"a": book(99, 101, age_ns=OLD_NS + 1)}, {"a": book(101, 99)}):
        hedge = cheapest(5.0, books, NOW_NS)
        assert (hedge.venue, hedge.share) == ("", None)
        assert hedge.why_unknown == "no perp venue quotes now"
