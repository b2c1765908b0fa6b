"""The engine's guarantees, as properties (docs/engine.md)."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.committee.assemble import entry_of
from oracle.engine.index import Rules
from oracle.engine.index import compute as compute_index
from oracle.engine.layout import table
from oracle.engine.prices import Prices
from oracle.engine.reasons import Reason
from oracle.model.fixed import Px
from oracle.model.messages import encode
from oracle.model.ticks import Tick, pack
from oracle.model.validity import Validity
from oracle.report.word import encode_entry
from tests.engine_builders import T0, S, engine, market, source

PRICE = st.floats(min_value=1e-9, max_value=1e9)


def _index(prices: list[float], weights: list[float], origins: list[str]) -> float:
    specs = [
        source(f"s{n}:X", weight=weight, origin=origin)
        for n, (weight, origin) in enumerate(zip(weights, origins, strict=True))
    ]
    names = {spec.source: n for n, spec in enumerate(specs)}
    row = np.array([prices])
    reasons = np.full(row.shape, int(Reason.USED))
    one = np.array([1.0])
    rules = Rules(one, one, one * 5, one * 0.0025, one * 0.03)
    made = compute_index(
        table([specs], names, {}), Prices(row, np.full(row.shape, 1e-4), reasons), rules
    )
    return float(made.value[0])


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_index_is_bounded_by_the_honest(data):
    """With less than half of the weight corrupted, the index lies among the honest prices."""
    count = data.draw(st.integers(1, 9))
    weights = data.draw(st.lists(st.integers(1, 5).map(float), min_size=count, max_size=count))
    corrupt = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    bad = sum(w for w, c in zip(weights, corrupt, strict=True) if c)
    if bad * 2 >= sum(weights):
        return
    prices = data.draw(st.lists(PRICE, min_size=count, max_size=count))
    honest = [price for price, c in zip(prices, corrupt, strict=True) if not c]
    value = _index(prices, weights, [f"o{n}" for n in range(count)])
    assert min(honest) <= value <= max(honest)


@settings(max_examples=200, deadline=None)
@given(prices=st.lists(PRICE, min_size=1, max_size=9), seed=st.randoms())
def test_order_of_sources_changes_nothing(prices, seed):
    """Which row of the configuration a source stands in has no say in the index."""
    rows = [(price, 1.0 + n % 3, f"o{n // 2}") for n, price in enumerate(prices)]
    shuffled = rows[:]
    seed.shuffle(shuffled)
    assert _index(*map(list, zip(*rows, strict=True))) == _index(
        *map(list, zip(*shuffled, strict=True))
    )


TICK = st.builds(
    lambda venue, sequence, age_ms, price, width, quoted: Tick(
        f"{venue}:X",
        sequence,
        T0 - age_ms * 1_000_000,
        T0,
        Px(price, -4) if quoted else None,
        Px(price + width, -4) if quoted else None,
        None if quoted else Px(price, -4),
    ),
    st.sampled_from("abcdp"),
    st.integers(1, 5),
    st.integers(-3000, 12_000),
    st.integers(-5, 2_000_000),
    st.integers(-100, 100_000),
    st.booleans(),
)


def _engine():
    sources = [source(f"{venue}:X") for venue in "abcd"]
    return engine([market("X-USD", sources, perps=(source("p:X"),))])


def _columns(marks) -> bytes:
    return b"".join(
        getattr(marks, name).tobytes()
        for name in ("index", "mark", "twap", "conf", "premium", "state", "validity", "reason")
    )


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(st.lists(TICK, max_size=12), min_size=1, max_size=4), seed=st.randoms())
def test_interleaving_and_repetition_change_nothing(steps, seed):
    """Any order, cut into any batches, with any tick repeated: bit-identical marks."""
    plain, shaken = _engine(), _engine()
    for at, ticks in enumerate(steps):
        unique = {(t.source, t.event_ns, t.sequence): t for t in ticks}
        ordered = list(unique.values())
        mixed = ordered + seed.sample(ordered, len(ordered) // 2)
        seed.shuffle(mixed)
        cut = seed.randint(0, len(mixed))
        batches = [pack(part) for part in (mixed[:cut], mixed[cut:]) if part]
        now = T0 + at * S + 1
        first = plain.step([pack(ordered)] if ordered else [], [], now)
        assert _columns(first) == _columns(shaken.step(batches, [], now))


ANY_PX = st.one_of(
    st.builds(Px, st.integers(99, 101), st.just(0)),
    st.builds(Px, st.sampled_from([1, 100, 2**63 - 1]), st.integers(-60, 60)),
    st.builds(Px, st.integers(-(2**63) + 1, 2**63 - 1), st.integers(-60, 60)),
)
ANY_NS = st.one_of(st.just(T0), st.just(T0), st.integers(-(2**63), 2**63 - 1))
HOSTILE = st.builds(
    lambda name, sequence, event_ns, px, quoted: Tick(
        name, sequence, event_ns, event_ns, *((px, px) if quoted else (None, None, px))
    ),
    st.sampled_from(["a:T", "b:T", "a:E", "b:E", "a:X", "b:X", "p:X"]),
    st.integers(-(2**63), 2**63 - 1),
    ANY_NS,
    ANY_PX,
    st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from([1, S, 3600 * S]), st.lists(HOSTILE, max_size=10)),
        min_size=1,
        max_size=6,
    )
)
def test_no_tick_stops_a_step_or_its_messages(steps):
    """Any number, any time, any gap: the step returns, its messages encode, a report takes them."""
    edge = market("T-USD", [source("a:T"), source("b:T")], 1)
    middle = market("E-USD", [source("a:E", edge="T-USD"), source("b:E")], 2)
    last = [source("a:X", edge="E-USD"), source("b:X", edge="T-USD")]
    made = engine([edge], [middle], [market("X-USD", last, perps=(source("p:X"),), twap_ns=1)])
    now = T0
    for gap_ns, ticks in steps:
        now += gap_ns
        for mark in made.step([pack(ticks)] if ticks else [], [], now).messages():
            encode(mark)
            encode_entry(entry_of(mark))
            assert (mark.mark is None) == (mark.validity in (Validity.HALTED, Validity.MISSING))


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(st.lists(TICK, max_size=12), min_size=1, max_size=4))
def test_below_quorum_there_is_no_price(steps):
    """A market with fewer sources or origins than its quorum never carries a mark."""
    made = _engine()
    for at, ticks in enumerate(steps):
        marks = made.step([pack(ticks)] if ticks else [], [], T0 + at * S + 1)
        (mark,) = marks.messages()
        used = [view for view in mark.sources if view.used and view.source != "p:X"]
        assert (mark.index is not None) == (len(used) >= 2)
        if mark.index is None:
            assert mark.mark is None
