"""The engine and the plain-Python reference say the same at every step (docs/engine.md)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from oracle.engine.engine import Engine
from oracle.reference.reference import Reference
from tests.property.engine_agreement import differences
from tests.property.engine_specs import specs
from tests.property.engine_worlds import PLANS, World


@given(spec=specs(), plans=st.lists(PLANS, min_size=6, max_size=40))
def test_engine_agrees_with_the_reference(spec, plans):
    """Whatever the markets, ticks, orders and waits: figures agree, outcomes are the same."""
    world, engine, reference = World(spec), Engine(spec), Reference(spec)
    for plan in plans:
        said = world.follow(plan)
        ours = engine.step(*said, touched=plan.touched)
        assert differences(ours, reference.step(*said, touched=plan.touched)) == []
