"""A venue that stands still while the index moves (docs/engine.md, 2, frozen)."""

from __future__ import annotations

from oracle.engine.spec import AdmissionSpec, MarketSpec
from tests.engine_builders import (
    CALM,
    S,
    Walk,
    after,
    batch,
    engine,
    market,
    only,
    quote,
    reasons,
    source,
    trade,
)

THREE = {"a:X": "100", "b:X": "100", "c:X": "100"}


def _market(names=THREE, **changes) -> MarketSpec:
    return market("X-USD", [source(name) for name in names], **{"breaker": CALM} | changes)


def _walk(prices: dict[str, str], **changes) -> Walk:
    return Walk(engine([_market(prices, **changes)]), dict(prices))


FREEZE = AdmissionSpec(max_unchanged_ns=3 * S, unchanged_bps=20.0)


def _drift(walk: Walk, seconds: int, bps: float = 10.0, names: str = "bc"):
    for _ in range(seconds):
        prices = {f"{n}:X": f"{float(walk.prices[f'{n}:X']) * (1 + bps / 1e4):.6f}" for n in names}
        marks = walk.go(1, prices)
    return marks


def test_a_venue_that_stands_still_while_the_index_moves_is_frozen():
    """Fresh by its clock, but unchanged for longer than three seconds and 20 bps of the index."""
    walk = _walk(THREE, admission=FREEZE)
    walk.go(1)
    walk.go(1, {"a:X": "100.01"})
    assert reasons(only(_drift(walk, 3)))["a:X"] == "outlier"
    marks = _drift(walk, 1)
    assert reasons(only(marks))["a:X"] == "frozen"
    assert marks.refused == {"frozen": 1}
    assert reasons(only(_drift(walk, 5)))["a:X"] == "frozen"
    assert reasons(only(walk.go(1, {"a:X": "100.9"})))["a:X"] == ""


def test_a_quiet_market_freezes_nobody():
    """Nothing trades at night: as long as the index stands, so may its sources."""
    walk = _walk(THREE, admission=FREEZE)
    walk.go(1)
    assert set(reasons(only(walk.go(60))).values()) == {""}
    assert reasons(only(_drift(walk, 3, bps=6.0)))["a:X"] == ""


def test_freezing_is_off_unless_asked_for():
    """By default a price may stand for ever."""
    walk = _walk(THREE)
    walk.go(2)
    assert reasons(only(_drift(walk, 60, bps=3.0)))["a:X"] == "outlier"


def test_a_venue_that_stood_still_from_the_start_is_found_frozen_too():
    """It was stuck before the engine's first step: there was no index yet to remember."""
    walk = _walk(THREE, admission=FREEZE)
    walk.go(1)
    assert reasons(only(_drift(walk, 8)))["a:X"] == "frozen"


def test_a_stuck_quote_is_frozen_whatever_is_traded_beside_it():
    """The price that counts is the mid, and that stands still."""
    made = engine([_market(admission=FREEZE)])
    for second in range(1, 12):
        price = f"{100 * (1 + second / 1e3):.4f}"
        ticks = [
            quote("a:X", "99.9", "100.1", at_s=second, sequence=2 * second),
            trade("a:X", price, at_s=second + 0.1, sequence=2 * second + 1),
            trade("b:X", price, at_s=second),
            trade("c:X", price, at_s=second),
        ]
        if second == 2:
            ticks[0] = quote("a:X", "99.8", "100.1", at_s=second, sequence=2 * second)
        marks = made.step(batch(*ticks), [], after(second + 0.2))
    assert reasons(only(marks))["a:X"] == "frozen"
