"""The whole file, and the checks that need all of it."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from oracle.config.base import Section, sections_in, spelled_out
from oracle.config.committee import CommitteeConfig
from oracle.config.deployment import (
    ApiConfig,
    ArchiveConfig,
    DeploymentConfig,
    EngineConfig,
    EvmChainConfig,
    FeedConfig,
    KafkaBusConfig,
    MemoryBusConfig,
)
from oracle.config.keeper import KeeperConfig
from oracle.config.markets import MarketConfig, SourceConfig, base_of, quote_of
from oracle.config.relayer import RelayerConfig

MarketName = Annotated[str, Field(pattern=r"^[A-Z0-9.]{1,24}-[A-Z0-9]{2,12}(\.[a-z]+)?$")]


class Config(Section):
    """A Plumbline configuration file."""

    version: Annotated[int, Field(ge=1, le=1)] = 1
    deployment: DeploymentConfig | None = None
    bus: Annotated[MemoryBusConfig | KafkaBusConfig, Field(discriminator="kind")] = (
        MemoryBusConfig()
    )
    feeds: list[FeedConfig] = Field(default_factory=list)
    engine: EngineConfig = EngineConfig()
    defaults: dict[str, Any] = Field(default_factory=dict)
    """Keys that every market takes unless it says otherwise."""
    markets: dict[MarketName, MarketConfig] = Field(min_length=1)
    committee: CommitteeConfig | None = None
    chains: list[EvmChainConfig] = Field(default_factory=list)
    relayer: RelayerConfig = RelayerConfig()
    keepers: list[KeeperConfig] = Field(default_factory=list)
    api: ApiConfig = ApiConfig()
    archive: ArchiveConfig | None = None

    @model_validator(mode="before")
    @classmethod
    def _apply_defaults(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("markets"), dict):
            return data
        defaults = data.get("defaults") or {}
        if not isinstance(defaults, dict):
            return data
        defaults = _spelled_out(defaults)
        markets = {
            name: _over(defaults, _spelled_out(market)) if isinstance(market, dict) else market
            for name, market in data["markets"].items()
        }
        return {**data, "markets": markets}

    def _replays(self) -> bool:
        return any(feed.kind == "replay" for feed in self.feeds)

    @model_validator(mode="after")
    def _check(self) -> Self:
        _refuse_twice("market number", [str(market.number) for market in self.markets.values()])
        _refuse_twice("chain name", [chain.name for chain in self.chains])
        _refuse_twice("keeper's chain", [keeper.chain for keeper in self.keepers])
        _check_keepers(self)
        _check_bases(self.markets)
        conversion_order(self.markets)
        if len({feed.kind == "replay" for feed in self.feeds}) > 1 or (
            len(self.feeds) > 1 and self.feeds[0].kind == "replay"
        ):
            raise ValueError("a replay feed stands alone: its clock is the recorded one")
        if self.committee is not None and self.deployment is None:
            raise ValueError("a committee needs a 'deployment' section: signatures name it")
        if self.committee is not None and self.committee.peers and self._replays():
            raise ValueError("a replay goes by the recorded clock; among peers all go by the same")
        return self


def _spelled_out(market: dict[str, Any]) -> dict[str, Any]:
    """Return a market with its shorthands as sections, so that they merge with the defaults'."""
    spelled = dict(market)
    for key in market.keys() & MarketConfig.model_fields.keys():
        for section in sections_in(MarketConfig.model_fields[key].annotation):
            spelled[key] = spelled_out(section, market[key])
    return spelled


def _over(defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return `given` over `defaults`, section by section, so that no default is lost unseen."""
    merged = {**defaults, **given}
    for key, default in defaults.items():
        if isinstance(default, dict) and isinstance(given.get(key), dict):
            merged[key] = _over(default, given[key])
    return merged


def _check_bases(markets: dict[str, MarketConfig]) -> None:
    """Refuse a source that prices another thing than its market."""
    for name, market in markets.items():
        for entry in (*market.sources, *market.perps):
            _check_base(name, entry)


def _check_base(market: str, entry: SourceConfig) -> None:
    wanted = base_of(market)
    if entry.base and entry.base.upper() != wanted:
        raise ValueError(
            f"source {entry.source!r} of market {market} prices {entry.base}, not {wanted}; if "
            f"that is the same asset in the same unit under another name, say base: {wanted} there"
        )


def conversion_edge(quote: str, market: str) -> str | None:
    """Return the market that converts `quote` into the quote currency of `market`, if needed."""
    wanted = quote_of(market)
    return None if quote == wanted else f"{quote}-{wanted}"


def conversion_order(markets: dict[str, MarketConfig]) -> list[list[str]]:
    """Return the markets in levels: each converts only through markets of earlier levels.

    Raises:
        ValueError: a conversion market is missing, or they form a cycle.
    """
    needs: dict[str, set[str]] = {}
    for name, market in markets.items():
        edges = {conversion_edge(entry.quote, name) for entry in (*market.sources, *market.perps)}
        needs[name] = {edge for edge in edges if edge is not None}
        missing = needs[name] - markets.keys()
        if missing:
            raise ValueError(
                f"market {name} has a source that needs market {min(missing)} for conversion; "
                "add that market"
            )
    levels: list[list[str]] = []
    done: set[str] = set()
    while len(done) < len(markets):
        level = [name for name in markets if name not in done and needs[name] <= done]
        if not level:
            raise ValueError(f"conversion runs in a circle among {sorted(markets.keys() - done)}")
        levels.append(level)
        done |= set(level)
    return levels


def _check_keepers(config: Config) -> None:
    chains = {chain.name for chain in config.chains}
    for keeper in config.keepers:
        if keeper.chain not in chains:
            raise ValueError(
                f"a keeper's chain {keeper.chain!r} is none of chains {sorted(chains)}"
            )
        if keeper.coin_market is not None and keeper.coin_market not in config.markets:
            raise ValueError(f"coin_market {keeper.coin_market!r} is no market of this file")


def _refuse_twice(what: str, values: list[str]) -> None:
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"{what} {twice[0]} is used twice; each must be unique")
