"""What the engine computes, as frozen values: markets, their sources, their rules.

Durations end in `_ns`, ratios in `_bps`. A bound of `inf` (or a count or duration of 0 where it
says so) switches a rule off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

OFF: Final = math.inf


class Method(IntEnum):
    """How a market's mark comes from its index; one file each in `oracle/engine/marks`."""

    INDEX_ONLY = 0
    TWAP_ONLY = 1
    INDEX_BASIS = 2
    MEDIAN3_EMA = 3
    MEDIAN3_FUNDING = 4
    FAIR_BASIS = 5


class Weighting(IntEnum):
    """What multiplies a source's configured weight."""

    EQUAL = 0
    VOLUME = 1
    """Its recent traded volume, as a decayed sum over `WeightSpec.window_ns`."""
    DEPTH = 2
    """The smaller of its bid and ask size, averaged over `WeightSpec.window_ns`."""


class Mean(IntEnum):
    """Which mean a TWAP takes."""

    ARITHMETIC = 0
    GEOMETRIC = 1


class PremiumWeights(IntEnum):
    """How premium samples of a funding interval are weighted."""

    UNIFORM = 0
    LINEAR = 1
    """The n-th sample weighs n: later ones count more (Binance)."""


class Premium(IntEnum):
    """What a premium sample compares with the index."""

    MID = 0
    """The perp mid."""
    MARK = 1
    IMPACT = 2
    """The perp's bid and ask, taken as impact prices (Hyperliquid)."""


@dataclass(frozen=True)
class SourceSpec:
    """One source of one market. `edge` is the market that converts its quote, if it needs one."""

    source: str
    origin: str
    weight: float
    max_age_ns: int
    edge: str | None = None
    group: str = ""
    """Correlation group: sources that fail together, by default those of one quote currency."""
    max_step_bps: float = 1_000.0
    """A larger step since its own last accepted price needs another origin to confirm it."""


@dataclass(frozen=True)
class AdmissionSpec:
    """When a source's price is not believed."""

    max_future_ns: int = 2 * 10**9
    max_spread_bps: float = 200.0
    max_scale: float = 8.0
    """Refused at so many times, or the same part of, what the others say."""
    leg_scale: float = 1.5
    """From this factor on, a ratio that equals the price of a conversion market is refused too."""
    leg_tolerance_bps: float = 200.0
    confirm_ns: int = 60 * 10**9
    """How long a source's last accepted price binds its next."""
    scale_memory_ns: int = 24 * 3600 * 10**9
    """How long a market's last index binds the scale of its next."""
    max_unchanged_ns: int = 1200 * 10**9
    """Frozen when unchanged for longer than this (0: off) while the index has moved by ..."""
    unchanged_bps: float = 50.0


@dataclass(frozen=True)
class WeightSpec:
    """Optional weights and their caps. A cap of 1 is none."""

    by: Weighting = Weighting.EQUAL
    window_ns: int = 1800 * 10**9
    origin_cap: float = 1.0
    """Largest share of the weight that one origin may have."""
    group_cap: float = 1.0
    """Largest share that one correlation group may have."""


@dataclass(frozen=True)
class OutlierSpec:
    """Outlier label: beyond `mads` weighted MADs, held between floor and ceiling."""

    mads: float = 5.0
    floor_bps: float = 25.0
    ceiling_bps: float = 300.0


@dataclass(frozen=True)
class TwapSpec:
    """A time-weighted average of the index."""

    window_ns: int
    mean: Mean = Mean.ARITHMETIC
    clamp_bps: float = OFF
    """Each input is held within this of the average so far."""
    gap_ns: int = 0
    """Without an index for longer than this the average starts anew; 0: the window."""


@dataclass(frozen=True)
class MarkSpec:
    """How the mark comes from index and perp quotes."""

    method: Method = Method.INDEX_BASIS
    basis_ns: int = 150 * 10**9
    """Time constant, or window, of the basis average."""
    second_ns: int = 30 * 10**9
    """Time constant of the fourth leg of `median3_ema`."""
    max_basis_bps: float = 500.0
    """The mark never leaves the index by more than this."""
    own: str | None = None
    """The perp source that is the contract itself; else the perps' weighted medians stand in."""
    min_perps: int = 1
    """Fewer perp origins than this are no perp leg."""
    funding_interval_ns: int = 8 * 3600 * 10**9
    """The interval that the perps' funding rates are for, on boundaries of unix time."""


@dataclass(frozen=True)
class FundingSpec:
    """Premium samples to a rate; rates are per interval (docs/engine.md, Funding)."""

    interval_ns: int = 3600 * 10**9
    sample_ns: int = 5 * 10**9
    period_ns: int = 8 * 3600 * 10**9
    """The period that `interest`, `clamp` and the premium are quoted for."""
    weights: PremiumWeights = PremiumWeights.UNIFORM
    interest: float = 0.0001
    clamp: float = 0.0005
    cap: float = 0.04
    """Largest rate per interval, both ways."""
    premium: Premium = Premium.MID


@dataclass(frozen=True)
class DeviationSpec:
    """The index against its own TWAP over one window."""

    window_ns: int
    guarded_bps: float
    halted_bps: float
    volatile_bps: float = OFF
    """From here on the validity is TOO_VOLATILE, stricter than GUARDED."""


@dataclass(frozen=True)
class PegSpec:
    """What a conversion market should be worth."""

    target: float
    guarded_bps: float
    cut_bps: float
    """So far off, nothing converts through this market until it is back below half of it."""


MAX_DEVIATIONS: Final = 4


@dataclass(frozen=True)
class BreakerSpec:
    """Triggers, and how a market gets out of what they did. Each may be off.

    A trigger is calm below `release` times its guarded bound.
    """

    deviations: tuple[DeviationSpec, ...]
    release: float = 0.5
    dwell_ns: int = 5 * 10**9
    """The least time in GUARDED or HALTED."""
    recovery_ns: int = 10 * 10**9
    """How long everything stays calm and the sources agree before RECOVERING becomes NORMAL."""
    agree_bps: float = 50.0
    """In recovery, a majority of the weight lies within this of the index."""
    latch: bool = False
    """Only a person's `resume` lifts HALTED."""
    dispersion_guarded_bps: float = OFF
    dispersion_halted_bps: float = OFF
    confidence_guarded_bps: float = OFF
    confidence_halted_bps: float = OFF
    alarm_sources: int = 0
    """GUARDED while fewer sources count than this; 0: off."""
    alarm_origins: int = 0
    missing_halted_ns: int = 0
    """HALTED once the index has been missing for longer; 0: off."""
    stale_guarded_ns: int = 0
    """GUARDED once the newest admitted price is older; 0: off."""
    conversion_guarded_share: float = OFF
    """GUARDED when at least this share of the weight converts through a market not NORMAL."""
    mark_guarded_bps: float = OFF
    """Mark against index."""
    mark_halted_bps: float = OFF
    peg: PegSpec | None = None


@dataclass(frozen=True)
class MarketSpec:
    """One market. `number` is its place on chains."""

    name: str
    number: int
    sources: tuple[SourceSpec, ...]
    breaker: BreakerSpec
    perps: tuple[SourceSpec, ...] = ()
    min_sources: int = 2
    min_origins: int = 2
    max_confidence_bps: float = 100.0
    """A wider confidence is TOO_UNCERTAIN."""
    twap: TwapSpec = field(default_factory=lambda: TwapSpec(300 * 10**9))
    mark: MarkSpec = field(default_factory=MarkSpec)
    funding: FundingSpec | None = None
    admission: AdmissionSpec = field(default_factory=AdmissionSpec)
    weights: WeightSpec = field(default_factory=WeightSpec)
    outlier: OutlierSpec = field(default_factory=OutlierSpec)

    @property
    def places(self) -> tuple[SourceSpec, ...]:
        """What stands in the market: its sources, then its perps."""
        return self.sources + self.perps


@dataclass(frozen=True)
class EngineSpec:
    """All markets, in levels: each converts only through markets of earlier levels."""

    markets: tuple[MarketSpec, ...]
    levels: tuple[tuple[str, ...], ...]
