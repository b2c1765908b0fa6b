"""Markets, their sources and their rules, as an operator writes them."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from oracle.config.base import Section
from oracle.config.units import DurationNs, PositiveNs, RatioBps

MAX_DEVIATIONS = 4
"""`oracle.engine.spec.MAX_DEVIATIONS`: configuration does not import the engine."""

SOURCE_PATTERN = re.compile(r"[a-z0-9]+:[A-Za-z0-9/:.\-]+")


class SourceConfig(Section):
    """One source of a market."""

    source: str
    """`venue:SYMBOL`, e.g. `binance:BTC/USDT` or `uniswap3:0x…`."""
    weight: float = Field(default=1.0, gt=0, le=1000)
    quote: str = ""
    """The currency it quotes in; read from the symbol when that names it."""
    origin: str = ""
    """Who can corrupt it. By default the venue; for a pool, the pool itself."""
    max_age: PositiveNs | None = None
    """Overrides the market's."""
    group: str = ""
    """Correlation group; by default the currency it quotes in."""
    max_step: RatioBps = 1_000.0
    """A larger step since its own last accepted price needs another origin to confirm it."""

    @field_validator("source")
    @classmethod
    def _check_source(cls, value: str) -> str:
        if not SOURCE_PATTERN.fullmatch(value):
            raise ValueError(f"source {value!r} is not of the form venue:SYMBOL")
        return value

    @model_validator(mode="after")
    def _fill(self) -> Self:
        venue, symbol = self.source.split(":", 1)
        pool = symbol.startswith("0x")
        if not self.quote and "/" in symbol:
            self.quote = symbol.split("/")[1].split(":")[0]
        if not self.quote:
            raise ValueError(
                f"source {self.source!r} does not name its quote currency: add 'quote'"
            )
        self.origin = self.origin or (self.source if pool else venue)
        self.group = self.group or self.quote
        return self


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
    max_unchanged: PositiveNs | None = None
    """A price unchanged for longer is frozen, if the index has moved by `unchanged` since."""
    unchanged: RatioBps = 50.0


class WeightsConfig(Section):
    """What multiplies the sources' weights, and how much of the whole one may have."""

    by: Literal["equal", "volume", "depth"] = "equal"
    window: PositiveNs = 1800 * 10**9
    """Of the recent volume or depth."""
    origin_cap: RatioBps = Field(default=10_000.0, gt=0, le=10_000)
    """Largest share of one origin."""
    group_cap: RatioBps = Field(default=10_000.0, gt=0, le=10_000)
    """Largest share of one correlation group."""


class OutlierConfig(Section):
    """When a source is labelled an outlier: beyond `mads` weighted MADs, within the bounds."""

    mads: float = Field(default=5.0, gt=0)
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
    """The published average of the index. A bare duration is its window."""

    window: PositiveNs = 300 * 10**9
    mean: Literal["arithmetic", "geometric"] = "arithmetic"
    clamp: RatioBps | None = None
    """Each input is held within this of the average so far."""
    gap: PositiveNs | None = None
    """Without an index for longer the average starts anew; by default the window."""

    @model_validator(mode="before")
    @classmethod
    def _accept_window(cls, data: object) -> object:
        return {"window": data} if isinstance(data, str) else data


class MarkConfig(Section):
    """How the mark comes from index and perps. A bare name is the method."""

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

    @model_validator(mode="before")
    @classmethod
    def _accept_method(cls, data: object) -> object:
        return {"method": data} if isinstance(data, str) else data


class FundingConfig(Section):
    """From premium samples to a funding rate."""

    interval: PositiveNs = 3600 * 10**9
    """What a rate is paid for, on boundaries of unix time."""
    sample: PositiveNs = 5 * 10**9
    period: PositiveNs = 8 * 3600 * 10**9
    """What premium, `interest` and `clamp` are quoted for."""
    weights: Literal["uniform", "linear"] = "uniform"
    interest: RatioBps = 1.0
    clamp: RatioBps = 5.0
    cap: RatioBps = 400.0
    """Largest rate of an interval, both ways."""
    premium: Literal["mid", "mark", "impact"] = "mid"
    """Sampled against the index: the perp mid, the mark, or bid and ask as impact prices."""


class DeviationConfig(Section):
    """The index against its own TWAP over one window."""

    window: PositiveNs = 300 * 10**9
    guarded: RatioBps = 200.0
    volatile: RatioBps | None = None
    """From here on the mark is TOO_VOLATILE."""
    halted: RatioBps = 500.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        volatile = self.halted if self.volatile is None else self.volatile
        if not 0 < self.guarded <= volatile <= self.halted or self.guarded == self.halted:
            raise ValueError(
                f"a deviation needs 0 < guarded <= volatile <= halted, guarded < halted; got "
                f"{self.guarded}, {self.volatile}, {self.halted} bps"
            )
        return self


class BoundsConfig(Section):
    """When a trigger guards and when it halts; either may be left out."""

    guarded: RatioBps | None = Field(default=None, gt=0)
    halted: RatioBps | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if None not in (self.guarded, self.halted) and not self.guarded < self.halted:  # type: ignore[operator]
            raise ValueError(f"needs guarded < halted; got {self.guarded}, {self.halted} bps")
        return self


class PegConfig(Section):
    """What a conversion market should be worth. A depeg guards it, or cuts what it converts."""

    target: float = Field(default=1.0, gt=0)
    guarded: RatioBps = 100.0
    cut: RatioBps = 500.0
    """So far off nothing converts through it, until it is back within half of this."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not 0 < self.guarded <= self.cut:
            raise ValueError(f"a peg needs 0 < guarded <= cut; got {self.guarded}, {self.cut} bps")
        return self


class BreakerConfig(Section):
    """What guards and halts the market, and how it comes back."""

    deviations: list[DeviationConfig] = Field(
        default_factory=lambda: [DeviationConfig()], max_length=MAX_DEVIATIONS
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
    release: RatioBps = Field(default=5_000.0, gt=0, le=10_000)
    """A trigger is calm below this part of its guarded bound (hysteresis)."""
    dwell: DurationNs = 5 * 10**9
    """The least time in GUARDED or HALTED before it may be left."""
    recovery: DurationNs = 10 * 10**9
    """How long RECOVERING stays calm and agreed before it is NORMAL."""
    agree: RatioBps = 50.0
    """In recovery most of the weight must lie within this of the index."""
    latch: bool = False
    """Only a person's `plumb resume` lifts HALTED."""


class MarketConfig(Section):
    """One market: what gets a price, and how."""

    number: Annotated[int, Field(ge=0, le=4095)]
    """Its place on chains: entry `number % 4` of group `number // 4`."""
    sources: list[SourceConfig] = Field(min_length=1)
    perps: list[SourceConfig] = Field(default_factory=list)
    min_sources: int = Field(default=2, ge=1)
    min_origins: int = Field(default=2, ge=1)
    max_age: PositiveNs = 10 * 10**9
    max_confidence: RatioBps = 200.0
    """A wider confidence makes the mark TOO_UNCERTAIN."""
    mark: MarkConfig = MarkConfig()
    twap: TwapConfig = TwapConfig()
    funding: FundingConfig | None = None
    admission: AdmissionConfig = AdmissionConfig()
    weights: WeightsConfig = WeightsConfig()
    outlier: OutlierConfig = OutlierConfig()
    breaker: BreakerConfig = BreakerConfig()

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [entry.source for entry in (*self.sources, *self.perps)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"source {twice[0]!r} is listed twice in one market")
        if self.min_sources > len(self.sources):
            raise ValueError(
                f"min_sources {self.min_sources} exceeds the {len(self.sources)} sources"
            )
        origins = {entry.origin for entry in self.sources}
        if self.min_origins > len(origins):
            raise ValueError(f"min_origins {self.min_origins} exceeds the {len(origins)} origins")
        perps = [entry.source for entry in self.perps]
        if self.mark.own and self.mark.own not in perps:
            raise ValueError(
                f"mark.own {self.mark.own!r} is none of the perps: {', '.join(perps) or 'none'}"
            )
        return self


def quote_of(market: str) -> str:
    """Return the quote currency in a market's name: `USD` of `BTC-USD` and of `ETH-USD.twap`."""
    return market.rsplit("-", 1)[1].partition(".")[0]
