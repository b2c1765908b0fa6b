"""Markets, their sources and their rules, as an operator writes them."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from oracle.config.base import Section
from oracle.config.units import DurationNs, PositiveNs, RatioBps

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
        return self


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


class BreakerConfig(Section):
    """The deviation breaker: the index against its own TWAP."""

    window: PositiveNs = 300 * 10**9
    guarded: RatioBps = 200.0
    halted: RatioBps = 500.0
    release: RatioBps = 100.0
    """Back below this, recovery may begin (hysteresis)."""
    dwell: DurationNs = 5 * 10**9
    """The least time in GUARDED or HALTED before it may be left."""
    recovery: DurationNs = 10 * 10**9
    """How long RECOVERING lasts, with every step below `release`, before NORMAL."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.release < self.guarded < self.halted:
            raise ValueError(
                f"breaker needs release < guarded < halted; got {self.release}, {self.guarded}, "
                f"{self.halted} bps"
            )
        return self


class MarketConfig(Section):
    """One market: what gets a price, and how."""

    number: Annotated[int, Field(ge=0, le=4095)]
    """Its place on chains: entry `number % 4` of group `number // 4`."""
    method: Literal["index_basis", "index_only"] = "index_basis"
    sources: list[SourceConfig] = Field(min_length=1)
    perps: list[SourceConfig] = Field(default_factory=list)
    min_sources: int = Field(default=2, ge=1)
    min_origins: int = Field(default=2, ge=1)
    max_age: PositiveNs = 10 * 10**9
    max_future: DurationNs = 2 * 10**9
    """How far ahead of us a venue's clock may be."""
    max_spread: RatioBps = 200.0
    twap: PositiveNs = 300 * 10**9
    basis_ema: PositiveNs = 150 * 10**9
    max_basis: RatioBps = 500.0
    """The mark never leaves the index by more than this."""
    max_confidence: RatioBps = 200.0
    """A wider confidence makes the mark TOO_UNCERTAIN."""
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
        return self


def quote_of(market: str) -> str:
    """Return the quote currency in a market's name: `USD` of `BTC-USD` and of `ETH-USD.twap`."""
    return market.rsplit("-", 1)[1].partition(".")[0]
