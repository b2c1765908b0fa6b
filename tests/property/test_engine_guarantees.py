"""The engine's guarantees, as properties (docs/engine.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.engine.engine import Engine
from oracle.engine.spec import (
    EngineSpec,
    MarketSpec,
    SourceSpec,
    Weighting,
    WeightSpec,
)
from oracle.model.fixed import Px, float_nearest
from oracle.model.messages import Mark, encode
from oracle.model.ticks import Tick
from tests.engine_builders import CALM, T0, S, after, batch, engine, market, only, source
from tests.property.engine_specs import specs
from tests.property.engine_worlds import PLANS, World

STEPS = st.lists(PLANS, min_size=2, max_size=12)

CAPS = st.sampled_from(
    [Fraction(1), Fraction(3, 4), Fraction(1, 2), Fraction(2, 5), Fraction(1, 4)]
)


@dataclass(frozen=True)
class Voter:
    """One source: whose it is, what it weighs, what it says, and whether it lies."""

    name: str
    origin: str
    group: str
    weight: int
    size: int
    price: int
    corrupt: bool


@st.composite
def voters(draw: st.DrawFn) -> list[Voter]:
    """Draw sources; a corrupt origin has all its sources, and says anything."""
    origins = draw(st.lists(st.booleans(), min_size=1, max_size=9))
    made = []
    for number, corrupt in enumerate(origins):
        for feed in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
            prices = st.integers(1, 10**9) if corrupt else st.integers(90_000, 110_000)
            made.append(
                Voter(
                    f"o{number}:{feed}",
                    f"o{number}",
                    draw(st.sampled_from(["USD", "T"])),
                    draw(st.integers(1, 5)),
                    draw(st.sampled_from([1, 1, 2, 5, 100, 10**6])),
                    draw(prices),
                    corrupt,
                )
            )
    return made


def _shares(admitted: list[Voter], rules: WeightSpec) -> dict[str, Fraction]:
    """Return weights by section 4 of the page, in exact fractions."""
    origins = [voter.origin for voter in admitted]
    made = {v.name: Fraction(v.weight, origins.count(v.origin)) for v in admitted}
    if rules.by is not Weighting.EQUAL:
        mean = Fraction(sum(v.size for v in admitted), len(admitted))
        for v in admitted:
            made[v.name] *= min(max(v.size / mean, Fraction(1, 8)), Fraction(8))
    for _ in range(3):
        made = _capped(made, {v.name: v.group for v in admitted}, Fraction(rules.group_cap))
        made = _capped(made, {v.name: v.origin for v in admitted}, Fraction(rules.origin_cap))
    return made


def _capped(
    weights: dict[str, Fraction], label_of: dict[str, str], cap: Fraction
) -> dict[str, Fraction]:
    totals: dict[str, Fraction] = {}
    for name, weight in weights.items():
        totals[label_of[name]] = totals.get(label_of[name], Fraction(0)) + weight
    if cap * len(totals) <= 1:
        level = dict.fromkeys(totals, Fraction(1))
    else:
        capped: set[str] = set()
        while True:
            free = sum(total for label, total in totals.items() if label not in capped)
            limit = free * cap / (1 - cap * len(capped))
            above = {label for label, total in totals.items() if total > limit} - capped
            if not above:
                break
            capped |= above
        level = {label: limit if label in capped else total for label, total in totals.items()}
    return {n: w * level[label_of[n]] / totals[label_of[n]] for n, w in weights.items()}


@settings(max_examples=400)
@given(
    voters=voters(),
    by=st.sampled_from(Weighting),
    origin_cap=CAPS,
    group_cap=CAPS,
    calm_steps=st.integers(0, 2),
)
def test_index_is_bounded_by_the_honest(voters, by, origin_cap, group_cap, calm_steps):
    """With less than half of the admitted weight corrupted, it lies among the honest prices.

    Whatever shares, volumes, depths and caps make of the weight; from the first step on, or
    after steps in which all told the truth.
    """
    rules = WeightSpec(by, 60 * S, float(origin_cap), float(group_cap))
    sources = [source(v.name, origin=v.origin, group=v.group, weight=v.weight) for v in voters]
    made = engine(
        [market("X-USD", sources, weights=rules, breaker=CALM, min_sources=1, min_origins=1)]
    )
    for second in range(1, calm_steps + 2):
        truth = second <= calm_steps
        ticks = [_tick(v, second, 100_000 if truth else v.price) for v in voters]
        marks = made.step(batch(*ticks), [], after(second))
    if math.isnan(marks.index[0]):
        return
    prices = marks.price[marks.places(0)].tolist()
    admitted = [v for v, price in zip(voters, prices, strict=True) if not math.isnan(price)]
    shares = _shares(admitted, rules)
    corrupted = sum(shares[v.name] for v in admitted if v.corrupt)
    honest = [v.price / 1_000 for v in admitted if not v.corrupt]
    if corrupted < sum(shares.values()) * Fraction(4_999, 10_000):
        assert min(honest) <= marks.index[0] <= max(honest)


def _tick(voter: Voter, second: int, price: int) -> Tick:
    at, px, size = after(second), Px(price, -3), Px(voter.size, 0)
    return Tick(voter.name, second, at, at, px, px, px, size, size, size if second == 1 else None)


def _shuffled(spec: EngineSpec, seed) -> EngineSpec:
    """Return the same markets with their sources, themselves and their levels in another order."""

    def mixed(entries: tuple[SourceSpec, ...]) -> tuple[SourceSpec, ...]:
        return tuple(seed.sample(entries, len(entries)))

    markets: list[MarketSpec] = [
        replace(m, sources=mixed(m.sources), perps=mixed(m.perps)) for m in spec.markets
    ]
    levels = tuple(tuple(seed.sample(level, len(level))) for level in spec.levels)
    return EngineSpec(tuple(seed.sample(markets, len(markets))), levels)


def _by_market(marks) -> dict[str, bytes]:
    """Return each market's mark as bytes, its sources in the order of their names."""
    return {
        mark.market: encode(
            Mark(
                **{f: getattr(mark, f) for f in mark.__struct_fields__ if f != "sources"},
                sources=tuple(sorted(mark.sources, key=lambda view: view.source)),
            )
        )
        for mark in marks.messages()
    }


@settings(max_examples=60)
@given(spec=specs(), plans=STEPS, seed=st.randoms(use_true_random=False))
def test_the_order_of_the_configuration_changes_nothing(spec, plans, seed):
    """Sources, perps, markets and levels in any order: the same bytes of every mark."""
    world, plain, mixed = World(spec), Engine(spec), Engine(_shuffled(spec, seed))
    for plan in plans:
        said = world.follow(plan)
        first, second = plain.step(*said), mixed.step(*said)
        assert _by_market(first) == _by_market(second)
        assert first.rejected == second.rejected
        assert first.refused == second.refused


@given(prices=st.lists(st.floats(min_value=1e-9, max_value=1e9), min_size=2, max_size=9))
def test_repeated_ticks_change_nothing(prices):
    """The same batch twice in a step, and again in the next: only the count of refusals."""
    names = [f"s{n}:X" for n in range(len(prices))]
    ticks = batch(
        *(
            Tick(name, 1, T0, T0, last=Px(max(round(price * 1e6), 1), -6))
            for name, price in zip(names, prices, strict=True)
        )
    )
    once, twice = (engine([market("X-USD", [source(name) for name in names])]) for _ in "12")
    first, second = once.step(ticks, [], after(1)), twice.step(ticks * 2, [], after(1))
    assert second.rejected == {"duplicate": len(names)}
    assert encode(only(first)) == encode(only(second))
    assert encode(only(once.step([], [], after(2)))) == encode(
        only(twice.step(ticks, [], after(2)))
    )
    index = only(first).index
    assert index is None or min(prices) * 0.99 <= float_nearest(index) <= max(prices) * 1.01 + 1e-6
