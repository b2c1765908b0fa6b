"""A market's rules from admission to funding; the breaker's are in `oracle.config.breaker`."""

from __future__ import annotations

from typing import ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from oracle.config.base import Section
from oracle.config.units import DurationNs, PositiveNs, RatioBps, WindowNs


class AdmissionConfig(Section):
    """When a source's price is not believed."""

    max_future: DurationNs = 2 * 10**9
    """How far ahead of us a venue's clock may be."""
    max_spread: RatioBps = 200.0
    max_scale: float = Field(default=8.0, ge=2, le=10)
    """Refused from so many times what the others say, and from the same part of it."""
    leg_scale: float = Field(default=1.5, gt=1, le=10)
    """From this factor on, a ratio that equals a conversion market's price is refused as well."""
    leg_tolerance: RatioBps = 200.0
    confirm: DurationNs = 60 * 10**9
    """How long a source's last accepted price binds its next one to `max_step`."""
    scale_memory: DurationNs = 24 * 3600 * 10**9
    """How long a market's last index binds the scale of its next."""
    max_unchanged: DurationNs = 1200 * 10**9
    """A price unchanged for longer is frozen, if the index has moved by `unchanged` since."""
    unchanged: RatioBps = 50.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.leg_scale > self.max_scale:
            raise ValueError(
                f"leg_scale {self.leg_scale:g} is above max_scale {self.max_scale:g}: what is off "
                "by so much is refused already"
            )
        return self


HALF_BPS: Final = 5_000.0


class WeightsConfig(Section):
    """What multiplies the sources' weights, and how much of the whole one may have."""

    by: Literal["equal", "volume", "depth"] = "equal"
    window: PositiveNs = 1800 * 10**9
    """Of the recent volume or depth."""
    origin_cap: RatioBps = Field(default=10_000.0, gt=0, le=10_000)
    """Largest share of one origin."""
    group_cap: RatioBps = Field(default=10_000.0, gt=0, le=10_000)
    """Largest share of one correlation group."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.by != "equal" and self.origin_cap >= HALF_BPS:
            raise ValueError(
                f"weights by {self.by} need an origin_cap below 50%, got "
                f"{self.origin_cap / 100:g}%: a venue reports its own sizes, and half of the "
                "weight makes the price"
            )
        return self


class OutlierConfig(Section):
    """When a source is labelled an outlier: beyond `mads` weighted MADs, within the bounds."""

    mads: float = Field(default=5.0, gt=0, allow_inf_nan=False)
    floor: RatioBps = 25.0
    ceiling: RatioBps = 300.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.floor > self.ceiling:
            raise ValueError(
                f"outlier floor {self.floor} bps is above the ceiling {self.ceiling} bps"
            )
        return self


class TwapConfig(Section):
    """The published average of the index."""

    SHORTHAND: ClassVar[str] = "window"

    window: WindowNs = 300 * 10**9
    mean: Literal["arithmetic", "geometric"] = "arithmetic"
    clamp: RatioBps | None = Field(default=None, gt=0)
    """Each input is held within this of the average so far."""
    gap: PositiveNs | None = None
    """Without an index for longer the average starts anew; by default the window."""


class MarkConfig(Section):
    """How the mark comes from index and perps."""

    SHORTHAND: ClassVar[str] = "method"

    method: Literal[
        "index_only",
        "twap_only",
        "index_basis",
        "median3_ema",
        "median3_funding",
        "fair_basis",
    ] = "index_basis"
    basis: PositiveNs = 150 * 10**9
    """Time constant (`median3_funding`: window) of the basis average."""
    second: PositiveNs = 30 * 10**9
    """Time constant of the fourth leg of `median3_ema`."""
    max_basis: RatioBps = 500.0
    """The mark never leaves the index by more than this."""
    own: str = ""
    """Which perp is the contract itself; else the perps' weighted medians stand in for it."""
    min_perps: int = Field(default=1, ge=1)
    """Fewer fresh perp origins than this are no perp leg."""
    funding_interval: PositiveNs = 8 * 3600 * 10**9
    """What the perps' funding rates are for, on boundaries of unix time."""


class FundingConfig(Section):
    """From premium samples to a funding rate."""

    interval: WindowNs = 3600 * 10**9
    """What a rate is paid for, on boundaries of unix time."""
    sample: PositiveNs = 5 * 10**9
    period: WindowNs = 8 * 3600 * 10**9
    """What premium, `interest` and `clamp` are quoted for."""
    weights: Literal["uniform", "linear"] = "uniform"
    interest: RatioBps = 1.0
    clamp: RatioBps = 5.0
    cap: RatioBps = 400.0
    """Largest rate of an interval, both ways."""
    premium: Literal["mid", "mark", "impact"] = "mid"
    """Sampled against the index: the perp mid, the mark, or bid and ask as impact prices."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.sample > self.interval:
            raise ValueError(
                f"a premium sample every {self.sample / 1e9:g}s is less often than the interval of "
                f"{self.interval / 1e9:g}s: an interval needs one at least"
            )
        return self
