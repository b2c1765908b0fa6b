"""The same ticks, orders and times give the same bits, however they come (docs/engine.md).

Compared are all published bytes and the whole state, as its snapshot.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.engine.engine import Engine
from oracle.engine.result import MarkBatch
from oracle.engine.spec import EngineSpec
from oracle.model.errors import Rejected
from oracle.model.messages import encode
from oracle.model.ticks import Tick, TickBatch, pack
from tests.property.engine_specs import specs
from tests.property.engine_worlds import PLANS, World

STEPS = st.lists(PLANS, min_size=2, max_size=15)


def _said(marks: MarkBatch) -> tuple[object, ...]:
    """Return all that a step says."""
    messages = [encode(mark) for mark in marks.messages()]
    return messages, marks.events, marks.refused, marks.marks.tobytes()


def _ticks(batches: list[TickBatch]) -> list[Tick]:
    """Return the ticks of a step; of those that share source, time and sequence only the first.

    Two that differ under one stamp are no repetition: there the order says which one counts.
    """
    ticks: dict[tuple[str, int, int], Tick] = {}
    for tick in (tick for batch in batches for tick in batch.ticks()):
        ticks.setdefault((tick.source, tick.event_ns, tick.sequence), tick)
    return list(ticks.values())


def _cut(ticks: list[Tick], noise: random.Random) -> list[TickBatch]:
    """Return the ticks in batches of any sizes."""
    batches = []
    while ticks:
        size = noise.randint(1, len(ticks))
        batches.append(pack(ticks[:size]))
        ticks = ticks[size:]
    return batches


@settings(max_examples=70)
@given(spec=specs(), plans=STEPS, seed=st.integers(0, 2**32))
def test_any_order_and_any_batches_give_the_same_bytes(spec, plans, seed):
    """Sorted, shuffled, one by one, all at once: what it says and what it keeps are the same."""
    world, noise = World(spec), random.Random(seed)
    plain, shaken = Engine(spec), Engine(spec)
    for plan in plans:
        batches, orders, now_ns = world.follow(plan)
        ticks = _ticks(batches)
        mixed = noise.sample(ticks, len(ticks))
        first = plain.step([pack(ticks)] if ticks else [], orders, now_ns)
        second = shaken.step(_cut(mixed, noise), orders, now_ns)
        assert _said(first) == _said(second)
        assert first.rejected == second.rejected
    assert plain.snapshot() == shaken.snapshot()


@settings(max_examples=50)
@given(spec=specs(), plans=STEPS, seed=st.integers(0, 2**32))
def test_repeated_ticks_change_nothing_but_the_count_of_refusals(spec, plans, seed):
    """Half of them come twice in their step, anywhere: marks and all else are the same."""
    world, noise = World(spec), random.Random(seed)
    plain, again = Engine(spec), Engine(spec)
    for plan in plans:
        batches, orders, now_ns = world.follow(plan)
        ticks = _ticks(batches)
        repeated = ticks + noise.sample(ticks, len(ticks) // 2)
        first = plain.step([pack(ticks)] if ticks else [], orders, now_ns)
        second = again.step(_cut(noise.sample(repeated, len(repeated)), noise), orders, now_ns)
        assert _said(first) == _said(second)


@settings(max_examples=50)
@given(spec=specs(), plans=STEPS, data=st.data())
def test_a_restored_engine_goes_on_bit_for_bit(spec, plans, data):
    """Cut anywhere, be it at every step: as if it had never ended."""
    cuts = data.draw(st.sets(st.integers(0, len(plans))))
    world, whole, cut = World(spec), Engine(spec), Engine(spec)
    for number, plan in enumerate(plans):
        if number in cuts:
            before = cut.snapshot()
            cut = Engine(spec, before)
            assert cut.snapshot() == before
        said = world.follow(plan)
        assert _said(whole.step(*said)) == _said(cut.step(*said))
        assert whole.snapshot() == cut.snapshot()


@settings(max_examples=30)
@given(spec=specs(), plans=STEPS, back_ns=st.sampled_from([0, 1, 10**9, 10**18]))
def test_time_never_goes_back(spec, plans, back_ns):
    """A step at a time that was, or is, is refused, and leaves no trace in the state."""
    world, made = World(spec), Engine(spec)
    for plan in plans:
        batches, orders, now_ns = world.follow(plan)
        made.step(batches, orders, now_ns)
        before = made.snapshot()
        with pytest.raises(Rejected, match="not after"):
            made.step(batches, orders, now_ns - back_ns)
        assert made.snapshot() == before


@settings(max_examples=60)
@given(spec=specs(), plans=STEPS)
def test_touched_markets_are_as_in_a_full_step(spec, plans):
    """From one state: those whose conversion was stepped too to the bit; others as they were."""
    world, made = World(spec), Engine(spec)
    marks = made.step([], [], world.now_ns).marks
    for plan in plans:
        batches, _, now_ns = world.follow(plan)
        state = made.snapshot()
        part = Engine(spec, state).step(batches, [], now_ns, touched=True)
        made = Engine(spec, state)
        full = made.step(batches, [], now_ns)
        stepped = {spec.markets[row].name for row in part.rows.tolist()}
        for row, market in enumerate(spec.markets):
            if market.name not in stepped:
                assert part.marks[row].tobytes() == marks[row].tobytes()
            elif _edges(spec, market.name) <= stepped:
                assert part.marks[row].tobytes() == full.marks[row].tobytes()
                assert part.message(row) == full.message(row)
        assert part.rejected == full.rejected
        marks = full.marks


def _edges(spec: EngineSpec, name: str) -> set[str]:
    """Return all markets that a market converts through, be it by others."""
    found: set[str] = set()
    market = next(each for each in spec.markets if each.name == name)
    for entry in market.sources + market.perps:
        if entry.edge is not None and entry.edge not in found:
            found |= {entry.edge} | _edges(spec, entry.edge)
    return found
