"""Who steps too far alone is not believed at once (docs/engine.md, 2, confirmation)."""

from __future__ import annotations

import pytest

from oracle.engine.spec import MarketSpec
from tests.engine_builders import (
    CALM,
    Walk,
    engine,
    market,
    only,
    reasons,
    source,
)

THREE = {"a:X": "100", "b:X": "100", "c:X": "100"}


def _market(names=THREE, **changes) -> MarketSpec:
    return market("X-USD", [source(name) for name in names], **{"breaker": CALM} | changes)


def _walk(prices: dict[str, str], **changes) -> Walk:
    return Walk(engine([_market(prices, **changes)]), dict(prices))


def test_a_wick_of_one_venue_is_kept_out():
    """A step of 20 % alone is not believed, is counted once, and costs nothing after."""
    walk = _walk(THREE)
    walk.go(5)
    marks = walk.go(1, {"a:X": "80"})
    assert reasons(only(marks)) == {"a:X": "unconfirmed", "b:X": "", "c:X": ""}
    assert marks.refused == {"unconfirmed": 1}
    assert walk.go(1).refused == {}
    assert reasons(only(walk.go(1, {"a:X": "100.1"})))["a:X"] == ""


def test_a_move_of_two_venues_is_believed_in_the_same_step():
    """Each confirms the other; the third, who has not moved, has nothing to confirm."""
    walk = _walk(THREE)
    walk.go(5)
    marks = walk.go(1, {"a:X": "80", "b:X": "80.5"})
    assert reasons(only(marks)) == {"a:X": "", "b:X": "", "c:X": "outlier"}
    assert marks.index[0] == 80.5


def test_who_went_first_confirms_who_follows():
    """The first venue of a real move waits until another comes; then both are in."""
    walk = _walk(THREE)
    walk.go(5)
    assert reasons(only(walk.go(3, {"a:X": "80"})))["a:X"] == "unconfirmed"
    assert reasons(only(walk.go(1, {"b:X": "79"})))["a:X"] == ""


def test_two_feeds_of_one_origin_do_not_confirm_each_other():
    """One operator is one opinion."""
    sources = [source("evil:1"), source("evil:2"), source("b:X"), source("c:X")]
    prices = dict.fromkeys(("evil:1", "evil:2", "b:X", "c:X"), "100")
    walk = Walk(engine([market("X-USD", sources, breaker=CALM)]), prices)
    walk.go(5)
    mark = only(walk.go(1, {"evil:1": "80", "evil:2": "80"}))
    assert {reasons(mark)["evil:1"], reasons(mark)["evil:2"]} == {"unconfirmed"}


def test_who_stands_alone_is_believed_after_a_while():
    """A minute after its last accepted price the outlier label and the median deal with him."""
    walk = _walk(THREE)
    walk.go(5)
    assert reasons(only(walk.go(60, {"a:X": "80"})))["a:X"] == "unconfirmed"
    marks = walk.go(1)
    assert reasons(only(marks))["a:X"] == "outlier"
    assert marks.index[0] == 100.0


def test_after_a_silence_as_long_the_first_price_is_believed():
    """What was accepted long ago binds no more."""
    walk = _walk(THREE)
    walk.go(5)
    walk.go(70, {"a:X": ""})
    assert reasons(only(walk.go(1, {"a:X": "80"})))["a:X"] == "outlier"


@pytest.mark.parametrize(
    ("price", "reason"),
    [("90", "outlier"), ("89.9", "unconfirmed"), ("111", "outlier"), ("111.2", "unconfirmed")],
)
def test_a_step_up_to_the_limit_needs_nobody(price, reason):
    """Ten per cent are a move that a venue may make alone, or that brings it as near to another."""
    walk = _walk(THREE)
    walk.go(5)
    assert reasons(only(walk.go(1, {"a:X": price})))["a:X"] == reason


def test_a_lonely_perp_is_not_confirmed_by_the_index():
    """Spot at the same price is another kind: a perp needs a perp."""
    perps = tuple(source(f"{venue}:P", max_step_bps=200.0) for venue in "pqr")
    prices = THREE | {"p:P": "100", "q:P": "100", "r:P": "100"}
    walk = Walk(engine([_market(perps=perps)]), prices)
    walk.go(5)
    mark = only(walk.go(1, dict.fromkeys([*THREE, "p:P"], "105")))
    assert reasons(mark) == dict.fromkeys(THREE, "") | {"p:P": "unconfirmed", "q:P": "", "r:P": ""}
    mark = only(walk.go(1, {"q:P": "104"}))
    assert {reasons(mark)["p:P"], reasons(mark)["q:P"]} == {""}
