"""From an operator's configuration to what the engine computes."""

from __future__ import annotations

from oracle.config.markets import MarketConfig, SourceConfig
from oracle.config.root import conversion_edge, conversion_order
from oracle.engine.spec import BreakerSpec, EngineSpec, MarketSpec, OutlierSpec, SourceSpec


def engine_spec(markets: dict[str, MarketConfig]) -> EngineSpec:
    """Compile checked market configurations."""
    ordered = sorted(markets.items(), key=lambda item: item[1].number)
    return EngineSpec(
        tuple(_market(name, market) for name, market in ordered),
        tuple(tuple(level) for level in conversion_order(markets)),
    )


def _market(name: str, market: MarketConfig) -> MarketSpec:
    breaker, outlier = market.breaker, market.outlier
    return MarketSpec(
        name=name,
        number=market.number,
        sources=tuple(_source(name, market, entry) for entry in market.sources),
        perps=tuple(_source(name, market, entry) for entry in market.perps),
        uses_basis=market.method == "index_basis",
        min_sources=market.min_sources,
        min_origins=market.min_origins,
        max_future_ns=market.max_future,
        max_spread_bps=market.max_spread,
        max_basis_bps=market.max_basis,
        max_confidence_bps=market.max_confidence,
        twap_ns=market.twap,
        basis_ema_ns=market.basis_ema,
        breaker=BreakerSpec(
            window_ns=breaker.window,
            guarded_bps=breaker.guarded,
            halted_bps=breaker.halted,
            release_bps=breaker.release,
            dwell_ns=breaker.dwell,
            recovery_ns=breaker.recovery,
        ),
        outlier=OutlierSpec(outlier.mads, outlier.floor, outlier.ceiling),
    )


def _source(market_name: str, market: MarketConfig, entry: SourceConfig) -> SourceSpec:
    return SourceSpec(
        source=entry.source,
        origin=entry.origin,
        weight=entry.weight,
        max_age_ns=entry.max_age or market.max_age,
        edge=conversion_edge(entry.quote, market_name),
    )
