"""Steps that concern only the markets of their ticks (`touched`)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from oracle.engine.engine import Engine
from oracle.engine.result import MarkBatch
from oracle.engine.spec import MarkSpec, Method, PegSpec
from tests.engine_builders import (
    CALM,
    after,
    batch,
    engine,
    market,
    pause,
    resume,
    source,
    spec,
    trade,
)

RATE = market("T-USD", [source("a:T"), source("b:T")], 2, breaker=CALM)
USER = market("X-USD", [source("a:X", edge="T-USD"), source("b:X", edge="T-USD")], 0, breaker=CALM)
PERPS = market(
    "Y-USD",
    [source("a:Y"), source("b:Y")],
    1,
    perps=(source("p:Y", edge="X-USD"),),
    mark=MarkSpec(Method.INDEX_BASIS),
    breaker=CALM,
)
PEGGED = replace(CALM, peg=PegSpec(1.0, 200.0, 300.0))
OTHER = market("Z-USD", [source("a:Z"), source("b:Z")], 3, breaker=PEGGED)
LEVELS = ([RATE, OTHER], [USER], [PERPS])
NAMES = ("a:T", "b:T", "a:X", "b:X", "a:Y", "b:Y", "p:Y", "a:Z", "b:Z")
ROW = {"X-USD": 0, "Y-USD": 1, "T-USD": 2, "Z-USD": 3}


def _warm() -> Engine:
    made = engine(*LEVELS)
    for second in (1, 2):
        made.step(batch(*(trade(n, "1", at_s=second) for n in NAMES)), [], after(second))
    return made


def _touch(made: Engine, *names: str, price: str = "1.01", at_s: float = 3.0) -> MarkBatch:
    ticks = batch(*(trade(name, price, at_s=at_s) for name in names))
    return made.step(ticks, [], after(at_s), touched=True)


def _stepped(marks: MarkBatch) -> set[str]:
    return {mark.market for mark in marks.messages()}


def test_only_the_markets_of_the_ticks_are_stepped():
    """The others keep their marks, to the bit, and their time."""
    made = _warm()
    before = made.step([], [], after(2.5)).marks
    marks = _touch(made, "a:Z", "b:Z")
    assert _stepped(marks) == {"Z-USD"}
    assert marks.index[ROW["Z-USD"]] == 1.01
    for name in ("X-USD", "Y-USD", "T-USD"):
        assert marks.marks[ROW[name]].tobytes() == before[ROW[name]].tobytes()
    assert marks.message(ROW["X-USD"]).time_ns == after(2.5)
    assert marks.message(ROW["Z-USD"]).time_ns == after(3)


def test_all_that_convert_through_them_are_stepped_too():
    """A tick of the rate moves its users in the same step, and those who convert through these."""
    marks = _touch(_warm(), "a:T", "b:T")
    assert _stepped(marks) == {"T-USD", "X-USD", "Y-USD"}
    assert marks.index[ROW["X-USD"]] == 1.01
    assert marks.premium[ROW["Y-USD"]] == pytest.approx(0.01)


def test_a_perps_tick_steps_its_market_only():
    """Its conversion market is not of the ticks."""
    assert _stepped(_touch(_warm(), "p:Y")) == {"Y-USD"}


def test_no_tick_and_unknown_ticks_step_nobody():
    """The step counts, and nothing is published."""
    made = _warm()
    marks = made.step([], [], after(3), touched=True)
    assert (_stepped(marks), marks.sequence) == (set(), 3)
    marks = _touch(made, "z:Q", at_s=4)
    assert (_stepped(marks), marks.rejected, marks.events) == (set(), {"unknown_source": 1}, ())


def test_an_order_concerns_all_markets():
    """A pause or a resume is seen by every market at once, whoever has ticks."""
    made = _warm()
    for second, order in ((3, pause("Z-USD", 3, 60)), (4, resume("Z-USD", 4))):
        ticks = batch(trade("a:X", "1", at_s=second))
        marks = made.step(ticks, [order], after(second), touched=True)
        assert _stepped(marks) == set(ROW)


def test_touched_markets_are_as_a_full_step_has_them():
    """From one state: every figure of those whose conversion was stepped too, to the bit."""
    state = _warm().snapshot()
    for names in (("a:T",), ("a:Z", "b:Z"), ("a:T", "a:X", "p:Y"), NAMES):
        part = _touch(Engine(spec(*LEVELS), state), *names)
        ticks = batch(*(trade(name, "1.01", at_s=3) for name in names))
        full = Engine(spec(*LEVELS), state).step(ticks, [], after(3))
        rows = part.rows
        assert part.marks[rows].tobytes() == full.marks[rows].tobytes()
        for row in rows:
            at = part.places(row)
            assert np.array_equal(part.price[at], full.price[at], equal_nan=True)
            assert part.reason[at].tolist() == full.reason[at].tolist()


def test_a_full_step_after_touched_ones_catches_up():
    """Ages, averages and states of those that had no ticks go on from where they were."""
    made = _warm()
    for tenth in range(1, 100):
        _touch(made, "a:Z", "b:Z", price="1", at_s=3 + tenth / 10)
    marks = made.step([], [], after(13))
    assert _stepped(marks) == set(ROW)
    assert np.isnan(marks.index[ROW["X-USD"]])
    assert marks.index[ROW["Z-USD"]] == 1.0


def test_counts_and_events_are_of_the_step():
    """What was refused or moved before is not told again by a step that touched other markets."""
    made = _warm()
    marks = _touch(made, "a:Z", "b:Z", price="1.05")
    assert {event.kind for event in marks.events} == {"peg", "state"}
    assert _touch(made, "a:Z", price="9.5", at_s=4).refused == {"scale_jump": 1}
    marks = _touch(made, "a:T", price="1", at_s=5)
    assert (marks.refused, marks.rejected, marks.events) == ({}, {}, ())
