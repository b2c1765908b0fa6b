"""Random specifications of a few markets that convert through each other, for properties.

Bounds are odd numbers, so that no figure lies on the edge of one, where the last bit of a float
decides.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from oracle.engine.spec import (
    OFF,
    AdmissionSpec,
    BreakerSpec,
    DeviationSpec,
    EngineSpec,
    FundingSpec,
    MarketSpec,
    MarkSpec,
    Mean,
    Method,
    OutlierSpec,
    PegSpec,
    Premium,
    PremiumWeights,
    SourceSpec,
    TwapSpec,
    Weighting,
    WeightSpec,
)

S = 10**9
BASES = {"T-USD": 1.0003, "E-USD": 3.0517, "B-USD": 64_231.7, "B-USD.other": 64_231.7}

ADMISSIONS = (
    AdmissionSpec(),
    AdmissionSpec(max_future_ns=S // 2, max_spread_bps=83.7, confirm_ns=7 * S),
    AdmissionSpec(max_scale=4.03, leg_scale=1.31, leg_tolerance_bps=311.7, scale_memory_ns=50 * S),
    AdmissionSpec(max_scale=2.03, leg_scale=2.03, scale_memory_ns=50 * S),
    AdmissionSpec(max_unchanged_ns=3 * S, unchanged_bps=17.3, confirm_ns=20 * S),
    AdmissionSpec(max_unchanged_ns=S, unchanged_bps=1.37, max_spread_bps=701.7),
)
TWAPS = (
    TwapSpec(300 * S),
    TwapSpec(61 * S, Mean.GEOMETRIC),
    TwapSpec(47 * S, clamp_bps=33.3),
    TwapSpec(90 * S, Mean.GEOMETRIC, clamp_bps=141.3, gap_ns=11 * S),
    TwapSpec(7),
)
WEIGHTS = (
    WeightSpec(),
    WeightSpec(Weighting.VOLUME, 40 * S),
    WeightSpec(Weighting.DEPTH, 9 * S),
    WeightSpec(origin_cap=0.3711, group_cap=0.6173),
    WeightSpec(Weighting.VOLUME, 300 * S, origin_cap=0.3137),
)
OUTLIERS = (OutlierSpec(4.713, 23.17, 301.3), OutlierSpec(1.137, 3.171, 91.7))
MARK_RULES = (
    MarkSpec(Method.INDEX_ONLY),
    *(
        MarkSpec(method, 31 * S, 9 * S, bound, None, min_perps, 97 * S)
        for method in list(Method)[1:]
        for bound, min_perps in ((211.7, 1), (5_003.0, 2))
    ),
)
FUNDINGS = (
    None,
    FundingSpec(60 * S, 5 * S, 480 * S),
    FundingSpec(37 * S, 2 * S, 80 * S, PremiumWeights.LINEAR, cap=0.00317, premium=Premium.IMPACT),
    FundingSpec(20 * S, 1 * S, 20 * S, PremiumWeights.LINEAR, -0.003, premium=Premium.MARK),
)
BREAKERS = (
    BreakerSpec((DeviationSpec(60 * S, 97.3, 413.7, 203.1),), dispersion_halted_bps=317.3),
    BreakerSpec(
        (DeviationSpec(300 * S, OFF, 711.3, 303.7), DeviationSpec(20 * S, 53.9, OFF)),
        release=0.4137,
        dwell_ns=3 * S,
        recovery_ns=4 * S,
        agree_bps=13.71,
        latch=True,
        missing_halted_ns=6 * S,
        stale_guarded_ns=4 * S,
        confidence_guarded_bps=41.73,
        mark_halted_bps=307.3,
    ),
    BreakerSpec(
        (),
        dwell_ns=S,
        alarm_sources=4,
        alarm_origins=3,
        conversion_guarded_share=0.3171,
        dispersion_guarded_bps=43.7,
        confidence_halted_bps=293.1,
        mark_guarded_bps=71.3,
    ),
)


@st.composite
def specs(draw: st.DrawFn) -> EngineSpec:
    """Draw one to four markets: a peg, one that converts through it, one with perps, its twin."""
    names = list(BASES)[: draw(st.integers(1, 4))]
    made: list[MarketSpec] = []
    for number, name in enumerate(names):
        earlier = [market.name for market in made if "." not in market.name]
        market = draw(_markets(name, number, earlier))
        if name == "B-USD.other":  # the same sources in two markets, with bounds of their own
            market = draw(st.sampled_from([market, _twin(market, made[2])]))
        made.append(market)
    return EngineSpec(tuple(made), _levels(made))


@st.composite
def _markets(draw: st.DrawFn, name: str, number: int, edges: list[str]) -> MarketSpec:
    symbol = name.replace("-USD", "").replace(".", "")
    sources = [draw(_sources(f"v{n}:{symbol}", edges)) for n in range(draw(st.integers(2, 5)))]
    perps = [draw(_sources(f"p{n}:{symbol}", edges)) for n in range(draw(st.integers(0, 3)))]
    mark = draw(st.sampled_from(MARK_RULES))
    if perps and draw(st.booleans()):
        mark = replace(mark, own=perps[0].source)
    breaker = draw(st.sampled_from(BREAKERS))
    if number == 0 and draw(st.booleans()):
        breaker = replace(breaker, peg=PegSpec(1.0, 61.7, 317.3))
    return MarketSpec(
        name,
        number,
        tuple(sources),
        breaker,
        tuple(perps),
        min_sources=draw(st.integers(1, 2)),
        min_origins=draw(st.integers(1, 2)),
        max_confidence_bps=draw(st.sampled_from([203.7, 21.37])),
        twap=draw(st.sampled_from(TWAPS)),
        mark=mark,
        funding=draw(st.sampled_from(FUNDINGS)),
        admission=draw(st.sampled_from(ADMISSIONS)),
        weights=draw(st.sampled_from(WEIGHTS)),
        outlier=draw(st.sampled_from(OUTLIERS)),
    )


@st.composite
def _sources(draw: st.DrawFn, name: str, edges: list[str]) -> SourceSpec:
    edge = draw(st.sampled_from([None, None, *edges]))
    return SourceSpec(
        source=f"{name}/{'USD' if edge is None else edge.removesuffix('-USD')}",
        origin=draw(st.sampled_from([name.partition(":")[0], "shared"])),
        weight=draw(st.sampled_from([1.0, 1.0, 0.37, 2.3])),
        max_age_ns=draw(st.sampled_from([10, 10, 3])) * S,
        edge=edge,
        group=draw(st.sampled_from(["USD", "T", "E"])),
        max_step_bps=draw(st.sampled_from([1_003.7, 101.3])),
    )


def _twin(market: MarketSpec, of: MarketSpec) -> MarketSpec:
    return replace(market, sources=of.sources, perps=of.perps, mark=of.mark)


def _levels(markets: list[MarketSpec]) -> tuple[tuple[str, ...], ...]:
    """Return the markets in levels, each converting through earlier ones only."""
    level: dict[str, int] = {}
    for market in markets:
        edges = {e.edge for e in (*market.sources, *market.perps) if e.edge is not None}
        level[market.name] = max((level[edge] + 1 for edge in edges), default=0)
    return tuple(
        tuple(name for name, at in level.items() if at == depth)
        for depth in range(max(level.values()) + 1)
    )
