"""What holds in every step, whatever the markets are and whatever is sent (docs/engine.md)."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.committee.assemble import entry_of
from oracle.engine.engine import Engine
from oracle.engine.spec import (
    MarketSpec,
    Method,
    TwapSpec,
    Weighting,
    WeightSpec,
)
from oracle.model.fixed import Px
from oracle.model.messages import Mark, encode
from oracle.model.ticks import Tick, pack
from oracle.model.validity import PRICED, BreakerState, Validity
from oracle.report.word import encode_entry
from tests.engine_builders import T0, S, engine, market, source
from tests.property.engine_specs import specs
from tests.property.engine_worlds import PLANS, World

STEPS = st.lists(PLANS, min_size=2, max_size=12)


@settings(max_examples=60)
@given(spec=specs(), plans=STEPS)
def test_figures_keep_their_bounds(spec, plans):
    """Quorum, validity, times, averages and marks: what must hold in every step of any world."""
    world, made = World(spec), Engine(spec)
    lowest: dict[str, float] = {}
    highest: dict[str, float] = {}
    for sequence, plan in enumerate(plans, 1):
        batches, orders, now_ns = world.follow(plan)
        marks = made.step(batches, orders, now_ns)
        for row, (market_spec, mark) in enumerate(zip(spec.markets, marks.messages(), strict=True)):
            assert (mark.sequence, mark.time_ns) == (sequence, now_ns)
            _check_quorum(market_spec, mark)
            _check_validity(mark)
            index = float(marks.index[row])
            if not math.isnan(index):
                name = mark.market
                lowest[name] = min(lowest.get(name, index), index)
                highest[name] = max(highest.get(name, index), index)
                admitted = marks.price[marks.places(row)][: len(market_spec.sources)]
                assert min(admitted[admitted > 0]) <= index <= max(admitted[admitted > 0])
                assert lowest[name] * (1 - 1e-9) <= marks.twap[row] <= highest[name] * (1 + 1e-9)
                assert marks.conf[row] >= 0
                _check_basis(market_spec, index, float(marks.mark[row]))


def _check_quorum(spec: MarketSpec, mark: Mark) -> None:
    used = {view.source for view in mark.sources[: len(spec.sources)] if view.used}
    origins = {entry.origin for entry in spec.sources if entry.source in used}
    enough = len(used) >= spec.min_sources and len(origins) >= spec.min_origins
    assert (mark.index is not None) == enough
    for view in mark.sources:
        assert (view.price is None) == (view.reason not in ("", "outlier"))


def _check_validity(mark: Mark) -> None:
    assert (mark.mark is not None) == (mark.validity in PRICED)
    if mark.index is None:
        assert mark.validity in (Validity.MISSING, Validity.HALTED)
        assert (mark.conf_e8, mark.premium_e8) == (None, None)
    if mark.state is BreakerState.HALTED:
        assert mark.validity is Validity.HALTED
    elif mark.state is not BreakerState.NORMAL:
        assert mark.validity < Validity.VALID
    assert (mark.reason == "") == (mark.validity is Validity.VALID)


def _check_basis(spec: MarketSpec, index: float, mark: float) -> None:
    bound = spec.mark.max_basis_bps / 1e4
    if spec.mark.method is not Method.TWAP_ONLY:
        assert index * (1 - bound) * (1 - 1e-12) <= mark <= index * (1 + bound) * (1 + 1e-12)


ANY_PX = st.one_of(
    st.builds(Px, st.integers(99, 101), st.just(0)),
    st.builds(Px, st.sampled_from([1, 100, 2**63 - 1]), st.integers(-60, 60)),
    st.builds(Px, st.integers(-(2**63) + 1, 2**63 - 1), st.integers(-60, 60)),
)
ANY_NS = st.one_of(st.just(T0), st.just(T0), st.integers(-(2**63), 2**63 - 1))
HOSTILE = st.builds(
    lambda name, sequence, event_ns, received_ns, px, quoted, funding: Tick(
        name,
        sequence,
        event_ns,
        received_ns,
        *((px, px, None) if quoted else (None, None, px)),
        px,
        px,
        px,
        funding,
    ),
    st.sampled_from(["a:T", "b:T", "a:E", "b:E", "a:X", "b:X", "p:X", "z:Z"]),
    st.integers(-(2**63), 2**63 - 1),
    ANY_NS,
    ANY_NS,
    ANY_PX,
    st.booleans(),
    st.none() | st.integers(-(2**63) + 1, 2**63 - 1),
)


@settings(max_examples=150)
@given(
    method=st.sampled_from(Method),
    by=st.sampled_from(Weighting),
    steps=st.lists(
        st.tuples(st.sampled_from([1, S, 3600 * S]), st.lists(HOSTILE, max_size=10)),
        min_size=1,
        max_size=6,
    ),
)
def test_no_tick_stops_a_step_or_its_messages(method, by, steps):
    """Any number, any time, any gap: the step returns, its messages encode, a report takes them."""
    edge = market("T-USD", [source("a:T"), source("b:T")], 1)
    middle = market("E-USD", [source("a:E", edge="T-USD"), source("b:E")], 2)
    last = market(
        "X-USD",
        [source("a:X", edge="E-USD"), source("b:X", edge="T-USD")],
        perps=(source("p:X"),),
        twap=TwapSpec(1),
        weights=WeightSpec(by, S),
    )
    last = replace(last, mark=replace(last.mark, method=method))
    made = engine([edge], [middle], [last])
    now = T0
    for gap_ns, ticks in steps:
        now += gap_ns
        for mark in made.step([pack(ticks)] if ticks else [], [], now).messages():
            encode(mark)
            encode_entry(entry_of(mark))
            assert (mark.mark is None) == (mark.validity not in PRICED)
