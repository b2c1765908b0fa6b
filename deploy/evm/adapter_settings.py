"""The deploy file's adapters: which market is read through which interface, by what policy."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from oracle.config.base import Section
from oracle.config.keys import Address
from oracle.config.root import MarketName
from oracle.config.units import DurationNs
from oracle.model.times import MS_NS, S_NS

DAY_NS = 86_400 * S_NS
MOST_FEEDS = 64

MarketNumber = Annotated[int, Field(ge=0, le=4095)]
AdapterName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
Bytes32 = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{64}$")]
Decimals = Annotated[int, Field(ge=0, le=18)]


class SequencerConfig(Section):
    """An L2's sequencer: nothing is read while it is down, nor in the grace period after."""

    feed: Address
    """Chainlink's uptime feed of the chain."""
    grace: DurationNs

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.grace % S_NS or not S_NS <= self.grace <= DAY_NS:
            raise ValueError("grace: give whole seconds, from 1s to 1d")
        return self


class OfMarket(Section):
    """What is of one market."""

    market: MarketNumber
    instrument: MarketName | None = None
    """What the number means; where `instruments` does not say so, as it was bound later."""


class ChainlinkConfig(OfMarket):
    """A `ChainlinkAdapter`."""

    decimals: Decimals = 8
    description: str = Field(max_length=64)


class WithFee(Section):
    """What is paid for each report that is sent through an adapter."""

    fee_wei: int = Field(default=0, ge=0, le=10**18)
    collector: Address | None = None

    @model_validator(mode="after")
    def _check_collector(self) -> Self:
        if self.fee_wei and (self.collector is None or int(self.collector, 16) == 0):
            raise ValueError("fee_wei: a fee needs a collector")
        return self


class Erc7412Config(OfMarket, WithFee):
    """An `Erc7412Adapter`."""


class PythFeedConfig(OfMarket):
    """A price id, and the market behind it."""

    id: Bytes32
    decimals: Decimals = 8
    ema: OfMarket | None = None
    """The market that is served as its moving average."""


class PythConfig(WithFee):
    """A `PythAdapter`."""

    feeds: list[PythFeedConfig] = Field(min_length=1, max_length=MOST_FEEDS)

    @model_validator(mode="after")
    def _check(self) -> Self:
        ids = {int(feed.id, 16) for feed in self.feeds}
        if len(ids) < len(self.feeds) or 0 in ids:
            raise ValueError("feeds: two have the same id, or one has the id 0")
        return self


class AdapterConfig(Section):
    """One adapter, on each of its chains."""

    least: Literal["TOO_VOLATILE", "TOO_UNCERTAIN", "GUARDED", "VALID"]
    """Lowest validity that it hands on."""
    max_age: DurationNs
    chainlink: ChainlinkConfig | None = None
    pyth: PythConfig | None = None
    erc7412: Erc7412Config | None = None
    chains: list[str] | None = None
    """Names of chains; by default all."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.max_age % MS_NS or not S_NS <= self.max_age <= DAY_NS:
            raise ValueError("max_age: give whole milliseconds, from 1s to 1d")
        kinds = (self.chainlink, self.pyth, self.erc7412)
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("give exactly one of chainlink, pyth and erc7412")
        return self

    @property
    def markets(self) -> list[OfMarket]:
        """Return what it reads."""
        if self.pyth is not None:
            emas = [feed.ema for feed in self.pyth.feeds if feed.ema is not None]
            return [*self.pyth.feeds, *emas]
        return [one for one in (self.chainlink, self.erc7412) if one is not None]
