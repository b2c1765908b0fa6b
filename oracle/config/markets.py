"""Markets and their sources, as an operator writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from oracle.config.base import Section
from oracle.config.breaker import BreakerConfig
from oracle.config.operators import operator_of
from oracle.config.rules import (
    AdmissionConfig,
    FundingConfig,
    MarkConfig,
    OutlierConfig,
    TwapConfig,
    WeightsConfig,
)
from oracle.config.units import PositiveNs, RatioBps

MOST_PLACES = 256
"""`oracle.engine.records.MOST_PLACES`: configuration does not import the engine."""

SOURCE_PATTERN = re.compile(r"[a-z0-9]+:[A-Za-z0-9/:.\-]+")


class SourceConfig(Section):
    """One source of a market."""

    source: str
    """`venue:SYMBOL`, e.g. `binance:BTC/USDT` or `uniswap3:0x…`."""
    weight: float = Field(default=1.0, gt=0, le=1000)
    base: str = ""
    """What it prices: the market's base. Read from the symbol when that names it."""
    quote: str = ""
    """The currency it quotes in; read from the symbol when that names it."""
    origin: str = ""
    """Who can corrupt it. By default the venue's operator; for a pool, the pool itself."""
    max_age: PositiveNs | None = None
    """Overrides the market's."""
    group: str = ""
    """Correlation group; by default the currency it quotes in."""
    max_step: RatioBps = Field(default=1_000.0, gt=0)
    """A larger step since its own last accepted price needs another origin to confirm it."""

    @field_validator("source")
    @classmethod
    def _check_source(cls, value: str) -> str:
        if not SOURCE_PATTERN.fullmatch(value):
            raise ValueError(f"source {value!r} is not of the form venue:SYMBOL")
        return value

    @model_validator(mode="after")
    def _fill(self) -> Self:
        base, quote = self.pair
        self.base = self.base or base
        self.quote = self.quote or quote
        if not self.quote:
            raise ValueError(
                f"source {self.source!r} does not name its quote currency: add 'quote'"
            )
        pool = self.symbol.startswith("0x")
        self.origin = self.origin or (self.source if pool else operator_of(self.venue))
        self.group = self.group or self.quote
        return self

    @property
    def venue(self) -> str:
        """The part before the colon."""
        return self.source.partition(":")[0]

    @property
    def symbol(self) -> str:
        """The part after the first colon."""
        return self.source.partition(":")[2]

    @property
    def pair(self) -> tuple[str, str]:
        """What the symbol names as base and quote; empty where it does not."""
        base, slash, rest = self.symbol.partition("/")
        return (base, rest.partition(":")[0]) if slash else ("", "")


class MarketConfig(Section):
    """One market: what gets a price, and how."""

    number: Annotated[int, Field(ge=0, le=4095)]
    """Its place on chains: entry `number % 4` of group `number // 4`."""
    sources: list[SourceConfig] = Field(min_length=1)
    perps: list[SourceConfig] = Field(default_factory=list)
    min_sources: int = Field(default=2, ge=1)
    min_origins: int = Field(default=2, ge=1)
    max_age: PositiveNs = 10 * 10**9
    max_confidence: RatioBps = 100.0
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
        entries = (*self.sources, *self.perps)
        names = [entry.source for entry in entries]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"source {twice[0]!r} is listed twice in one market")
        if len(names) > MOST_PLACES:
            raise ValueError(
                f"{len(names)} sources and perps; a market may have {MOST_PLACES} in all"
            )
        origins = {entry.origin for entry in self.sources}
        _at_most("min_sources", self.min_sources, len(self.sources), "sources")
        _at_most("min_origins", self.min_origins, len(origins), "origins", _named(origins))
        return self

    @model_validator(mode="after")
    def _check_perps(self) -> Self:
        perps = [entry.source for entry in self.perps]
        if self.mark.own and self.mark.own not in perps:
            raise ValueError(f"mark.own {self.mark.own!r} is none of the perps: {_named(perps)}")
        if perps:
            origins = {entry.origin for entry in self.perps}
            wanted = self.mark.min_perps
            _at_most("mark.min_perps", wanted, len(origins), "origins of perps", _named(origins))
        return self

    @model_validator(mode="after")
    def _check_alarms(self) -> Self:
        origins = {entry.origin for entry in self.sources}
        for name, alarm, least, most in (
            ("sources", self.breaker.alarm_sources, self.min_sources, len(self.sources)),
            ("origins", self.breaker.alarm_origins, self.min_origins, len(origins)),
        ):
            _at_most(f"breaker.alarm_{name}", alarm, most, name)
            if 0 < alarm < least:
                raise ValueError(
                    f"breaker.alarm_{name} {alarm} is below min_{name} {least}: the market would "
                    "be MISSING before the alarm; give more, or 0 for none"
                )
        return self

    @model_validator(mode="after")
    def _check_caps(self) -> Self:
        for name, cap, labels in (
            ("origin", self.weights.origin_cap, {entry.origin for entry in self.sources}),
            ("group", self.weights.group_cap, {entry.group for entry in self.sources}),
        ):
            if len(labels) > 1 and cap * len(labels) < 10_000:
                raise ValueError(
                    f"weights.{name}_cap {cap / 100:g}% cannot hold with {len(labels)} {name}s "
                    f"({_named(labels)}): give at least {100 / len(labels):.4g}%"
                )
        return self


def _at_most(key: str, given: int, most: int, what: str, names: str = "") -> None:
    if given > most:
        raise ValueError(
            f"{key} {given} exceeds the {most} {what}" + (f" ({names})" if names else "")
        )


def _named(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def base_of(market: str) -> str:
    """Return what a market's name prices: `ETH` of `ETH-USD.twap`."""
    return market.rsplit("-", 1)[0]


def quote_of(market: str) -> str:
    """Return the quote currency in a market's name: `USD` of `BTC-USD` and of `ETH-USD.twap`."""
    return market.rsplit("-", 1)[1].partition(".")[0]
