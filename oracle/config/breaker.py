"""What guards and halts a market, and how it comes back."""

from __future__ import annotations

from itertools import pairwise
from typing import Self

from pydantic import Field, model_validator

from oracle.config.base import Section
from oracle.config.units import DurationNs, PositiveNs, RatioBps, WindowNs

MAX_DEVIATIONS = 4
"""`oracle.engine.spec.MAX_DEVIATIONS`: configuration does not import the engine."""


class BoundsConfig(Section):
    """When a trigger guards and when it halts; either may be left out."""

    guarded: RatioBps | None = Field(default=None, gt=0)
    halted: RatioBps | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.guarded is not None and self.halted is not None and self.guarded >= self.halted:
            raise ValueError(f"needs guarded < halted; got {self.guarded}, {self.halted} bps")
        return self


class DeviationConfig(BoundsConfig):
    """The index against its own TWAP over one window: `guarded`, `halted`, or both."""

    window: WindowNs = 300 * 10**9
    volatile: RatioBps | None = Field(default=None, gt=0)
    """From here on the mark is TOO_VOLATILE."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = [bps for bps in (self.guarded, self.volatile, self.halted) if bps is not None]
        if any(low > high for low, high in pairwise(given)):
            raise ValueError(
                f"a deviation needs guarded <= volatile <= halted; got {self.guarded}, "
                f"{self.volatile}, {self.halted} bps"
            )
        if self.guarded is None and self.halted is None:
            raise ValueError("a deviation needs a bound: guarded, halted or both")
        return self


class PegConfig(Section):
    """What a conversion market should be worth. A depeg guards it, or cuts what it converts."""

    target: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    guarded: RatioBps = Field(default=100.0, gt=0)
    cut: RatioBps = 500.0
    """So far off nothing converts through it, until it is back within half of this."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.guarded > self.cut:
            raise ValueError(f"a peg needs guarded <= cut; got {self.guarded}, {self.cut} bps")
        return self


def _deviations() -> list[DeviationConfig]:
    return [DeviationConfig(guarded="2%", halted="5%")]  # type: ignore[arg-type]  # as in YAML


class BreakerConfig(Section):
    """What guards and halts the market, and how it comes back."""

    deviations: list[DeviationConfig] = Field(
        default_factory=_deviations, max_length=MAX_DEVIATIONS
    )
    """The index against its own TWAP, window by window."""
    dispersion: BoundsConfig = BoundsConfig()
    """Weighted median distance of the sources from the index."""
    confidence: BoundsConfig = BoundsConfig()
    mark: BoundsConfig = BoundsConfig()
    """The mark against the index."""
    alarm_sources: int = Field(default=0, ge=0)
    """GUARDED while fewer sources count: the alarm before the quorum is lost."""
    alarm_origins: int = Field(default=0, ge=0)
    missing: PositiveNs | None = None
    """HALTED once the index has been missing for longer."""
    stale: PositiveNs | None = None
    """GUARDED once the newest price that counts is older."""
    conversion: RatioBps | None = Field(default=None, gt=0, le=10_000)
    """GUARDED once so much of the weight converts through markets that are not NORMAL."""
    peg: PegConfig | None = None
    release: RatioBps = Field(default=5_000.0, ge=1_000, le=10_000)
    """A trigger is calm below this part of its guarded bound (hysteresis)."""
    dwell: DurationNs = 5 * 10**9
    """The least time in GUARDED or HALTED before it may be left."""
    recovery: DurationNs = 10 * 10**9
    """How long RECOVERING stays calm and agreed before it is NORMAL."""
    agree: RatioBps = Field(default=50.0, gt=0)
    """In recovery most of the weight must lie within this of the index."""
    latch: bool = False
    """Only a person's `plumb resume` lifts HALTED."""
