"""From an operator's configuration to what the engine computes."""

from __future__ import annotations

from oracle.config.breaker import BreakerConfig
from oracle.config.markets import MarketConfig, SourceConfig
from oracle.config.root import conversion_edge, conversion_order
from oracle.config.rules import FundingConfig
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


def engine_spec(markets: dict[str, MarketConfig]) -> EngineSpec:
    """Compile checked market configurations."""
    ordered = sorted(markets.items(), key=lambda item: item[1].number)
    return EngineSpec(
        tuple(_market(name, market) for name, market in ordered),
        tuple(tuple(level) for level in conversion_order(markets)),
    )


def _market(name: str, market: MarketConfig) -> MarketSpec:
    return MarketSpec(
        name=name,
        number=market.number,
        sources=tuple(_source(name, market, entry) for entry in market.sources),
        perps=tuple(_source(name, market, entry) for entry in market.perps),
        min_sources=market.min_sources,
        min_origins=market.min_origins,
        max_confidence_bps=market.max_confidence,
        twap=_twap(market),
        mark=_mark(market),
        funding=None if market.funding is None else _funding(market.funding),
        admission=_admission(market),
        weights=_weights(market),
        outlier=OutlierSpec(market.outlier.mads, market.outlier.floor, market.outlier.ceiling),
        breaker=_breaker(market.breaker),
    )


def _source(market_name: str, market: MarketConfig, entry: SourceConfig) -> SourceSpec:
    return SourceSpec(
        source=entry.source,
        origin=entry.origin,
        weight=entry.weight,
        max_age_ns=entry.max_age or market.max_age,
        edge=conversion_edge(entry.quote, market_name),
        group=entry.group,
        max_step_bps=entry.max_step,
    )


def _twap(market: MarketConfig) -> TwapSpec:
    twap = market.twap
    return TwapSpec(twap.window, Mean[twap.mean.upper()], _or_off(twap.clamp), twap.gap or 0)


def _mark(market: MarketConfig) -> MarkSpec:
    mark = market.mark
    return MarkSpec(
        method=Method[mark.method.upper()],
        basis_ns=mark.basis,
        second_ns=mark.second,
        max_basis_bps=mark.max_basis,
        own=mark.own or None,
        min_perps=mark.min_perps,
        funding_interval_ns=mark.funding_interval,
    )


def _funding(funding: FundingConfig) -> FundingSpec:
    return FundingSpec(
        interval_ns=funding.interval,
        sample_ns=funding.sample,
        period_ns=funding.period,
        weights=PremiumWeights[funding.weights.upper()],
        interest=funding.interest / 1e4,
        clamp=funding.clamp / 1e4,
        cap=funding.cap / 1e4,
        premium=Premium[funding.premium.upper()],
    )


def _admission(market: MarketConfig) -> AdmissionSpec:
    rules = market.admission
    return AdmissionSpec(
        max_future_ns=rules.max_future,
        max_spread_bps=rules.max_spread,
        max_scale=rules.max_scale,
        leg_scale=rules.leg_scale,
        leg_tolerance_bps=rules.leg_tolerance,
        confirm_ns=rules.confirm,
        scale_memory_ns=rules.scale_memory,
        max_unchanged_ns=rules.max_unchanged,
        unchanged_bps=rules.unchanged,
    )


def _weights(market: MarketConfig) -> WeightSpec:
    weights = market.weights
    return WeightSpec(
        by=Weighting[weights.by.upper()],
        window_ns=weights.window,
        origin_cap=weights.origin_cap / 1e4,
        group_cap=weights.group_cap / 1e4,
    )


def _breaker(breaker: BreakerConfig) -> BreakerSpec:
    return BreakerSpec(
        deviations=tuple(
            DeviationSpec(
                each.window,
                _or_off(each.guarded),
                _or_off(each.halted),
                _or_off(each.volatile),
            )
            for each in breaker.deviations
        ),
        release=breaker.release / 1e4,
        dwell_ns=breaker.dwell,
        recovery_ns=breaker.recovery,
        agree_bps=breaker.agree,
        latch=breaker.latch,
        dispersion_guarded_bps=_or_off(breaker.dispersion.guarded),
        dispersion_halted_bps=_or_off(breaker.dispersion.halted),
        confidence_guarded_bps=_or_off(breaker.confidence.guarded),
        confidence_halted_bps=_or_off(breaker.confidence.halted),
        alarm_sources=breaker.alarm_sources,
        alarm_origins=breaker.alarm_origins,
        missing_halted_ns=breaker.missing or 0,
        stale_guarded_ns=breaker.stale or 0,
        conversion_guarded_share=_or_off(breaker.conversion) / 1e4,
        mark_guarded_bps=_or_off(breaker.mark.guarded),
        mark_halted_bps=_or_off(breaker.mark.halted),
        peg=None
        if breaker.peg is None
        else PegSpec(breaker.peg.target, breaker.peg.guarded, breaker.peg.cut),
    )


def _or_off(bound: float | None) -> float:
    return OFF if bound is None else bound
