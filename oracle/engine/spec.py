"""What the engine computes, as frozen values: markets, their sources, their rules."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SourceSpec:
    """One source of one market. `edge` is the market that converts its quote, if it needs one."""

    source: str
    origin: str
    weight: float
    max_age_ns: int
    edge: str | None = None


@dataclass(frozen=True)
class OutlierSpec:
    """Outlier label: beyond `mads` weighted MADs, held between floor and ceiling."""

    mads: float = 5.0
    floor_bps: float = 25.0
    ceiling_bps: float = 300.0


@dataclass(frozen=True)
class BreakerSpec:
    """Deviation of the index from its own TWAP, in bps, with hysteresis and dwell times."""

    window_ns: int
    guarded_bps: float
    halted_bps: float
    release_bps: float
    dwell_ns: int
    recovery_ns: int


@dataclass(frozen=True)
class MarketSpec:
    """One market. `number` is its place on chains."""

    name: str
    number: int
    sources: tuple[SourceSpec, ...]
    perps: tuple[SourceSpec, ...]
    uses_basis: bool
    min_sources: int
    min_origins: int
    max_future_ns: int
    max_spread_bps: float
    max_basis_bps: float
    max_confidence_bps: float
    twap_ns: int
    basis_ema_ns: int
    breaker: BreakerSpec
    outlier: OutlierSpec = field(default_factory=OutlierSpec)


@dataclass(frozen=True)
class EngineSpec:
    """All markets, in levels: each converts only through markets of earlier levels."""

    markets: tuple[MarketSpec, ...]
    levels: tuple[tuple[str, ...], ...]
