"""Shards stand alone: by the ticks that go to it, each says what one engine of all would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.config.load import parse
from oracle.engine.engine import Engine
from oracle.model.fixed import Px
from oracle.model.messages import Mark, encode
from oracle.model.ticks import Tick, pack
from oracle.node.sharding import Router, shard
from tests.engine_builders import T0, S

_VENUES = ("a", "b", "c")


def _market(number: int, *symbols: str, **more: Any) -> dict[str, Any]:
    sources = [{"source": f"{venue}:{symbol}"} for venue in _VENUES for symbol in symbols]
    return {"number": number, "sources": sources, **more}


# Numbers 0, 4, 8, 12 and 16 are of different shards: A converts through EURC, which converts
# through USDT; B only by its perpetual, through USDT; C not at all.
MARKETS = parse(
    {
        "markets": {
            "USDT-USD": _market(0, "USDT/USD"),
            "EURC-USD": _market(4, "EURC/USDT", "EURC/USD"),
            "A-USD": _market(8, "A/EURC", "A/USD"),
            "B-USD": _market(12, "B/USD", perps=[{"source": "p:B/USDT:USDT"}]),
            "C-USD": _market(16, "C/USD"),
        }
    }
).markets
SOURCES = sorted({entry.source for one in MARKETS.values() for entry in (*one.sources, *one.perps)})
_PRICES = {"USDT": 1_000, "EURC": 1_100, "A": 50_000, "B": 70_000, "C": 90_000}
_QUOTES = {"USDT": 1.0, "EURC": 1.1, "USD": 1.0}


PARTS = {shards: [shard(MARKETS, at, shards) for at in range(shards)] for shards in range(1, 6)}


def _ticks(at_s: int, moved: Mapping[str, int]) -> list[Tick]:
    """Return a tick of each source; what it moved is in thousandths of its price."""
    ticks = []
    for source in SOURCES:
        base, _, quote = source.partition(":")[2].partition("/")
        fair = _PRICES[base] / _QUOTES[quote.partition(":")[0]]
        price = Px(round(fair * (1000 + moved.get(source, 0))), -6)
        ticks.append(Tick(source, at_s, T0 + at_s * S, T0 + at_s * S, last=price))
    return ticks


def _said(shards: int, rounds: Sequence[Mapping[str, int]]) -> dict[tuple[str, int], bytes]:
    """Return every mark that these shards publish, each from what is routed to it alone."""
    router = Router(MARKETS, shards)
    parts = PARTS[shards]
    engines = [Engine(part.spec) for part in parts]
    said: dict[tuple[str, int], bytes] = {}
    for at_s, moved in enumerate(rounds, 1):
        divided = router.divide(_ticks(at_s, moved))
        for part, engine in zip(parts, engines, strict=True):
            ticks = divided.get(part.number)
            made = engine.step([pack(ticks)] if ticks else [], [], T0 + at_s * S)
            for mark in _own(made.messages(), part.markets):
                assert (mark.market, at_s) not in said, "published by two"
                said[mark.market, at_s] = encode(mark)
    return said


def _own(marks: Sequence[Mark], markets: frozenset[str]) -> list[Mark]:
    return [mark for mark in marks if mark.market in markets]


ROUNDS = st.lists(
    st.dictionaries(st.sampled_from(SOURCES), st.integers(-60, 60), max_size=6),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("shards", [2, 3, 4, 5])
@given(rounds=ROUNDS)
@settings(max_examples=10)
def test_any_number_of_shards_says_the_same(shards: int, rounds: list[dict[str, int]]) -> None:
    """Bit for bit, also of what converts through two markets of two other shards."""
    alone = _said(1, rounds)
    assert len(alone) == len(MARKETS) * len(rounds)
    assert _said(shards, rounds) == alone


def test_a_tick_goes_to_every_shard_that_uses_it_and_to_no_other() -> None:
    """A conversion's ticks to all that convert through it, however many hops away."""
    users = {
        "a:USDT/USD": {0, 1, 2, 3},
        "a:EURC/USDT": {1, 2},
        "a:EURC/USD": {1, 2},
        "a:A/EURC": {2},
        "a:B/USD": {3},
        "p:B/USDT:USDT": {3},
        "a:C/USD": {4},
        "a:UNKNOWN/USD": set(),
    }
    router = Router(MARKETS, 5)
    for source, shards in users.items():
        tick = Tick(source, 1, T0, T0, last=Px(1, 0))
        assert router.divide([tick]) == {number: [tick] for number in shards}, source


def test_ticks_keep_their_order() -> None:
    """Of one source the newest must stay the newest."""
    ticks = [Tick("a:USDT/USD", at, T0 + at, T0 + at, last=Px(1, 0)) for at in range(5)]
    for number, part in Router(MARKETS, 5).divide(ticks).items():
        assert all(one.sequence < other.sequence for one, other in pairwise(part)), number
