"""The deploy file: one deployment's parameters, and the chains that it goes to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from deploy.evm.adapter_settings import (
    AdapterConfig,
    AdapterName,
    MarketNumber,
    OfMarket,
    SequencerConfig,
)
from oracle.config.base import Section
from oracle.config.committee import check_quorum, in_order
from oracle.config.deployment import DeploymentConfig
from oracle.config.keys import Address, HttpUrl, KeyConfig
from oracle.config.load import read_mapping, validated
from oracle.config.root import MarketName
from oracle.config.units import DurationNs, PositiveNs, RatioBps
from oracle.model.times import MS_NS

LONGEST_FUTURE_MS = 60_000
MOST_INSTRUMENTS = 256
NAME_BYTES = 28
LEAST_BOUND_BPS = 157
LONGEST_HOLD_MS = 3_600_000

ChainName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]


class FirstCommitteeConfig(Section):
    """Epoch 1: who signs first."""

    threshold: int = Field(ge=1)
    members: list[Address] = Field(min_length=1, max_length=32)
    """Rising."""

    @field_validator("members")
    @classmethod
    def _check_members(cls, value: list[str]) -> list[str]:
        return in_order(value)

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_quorum(self.threshold, len(self.members))
        return self


class JumpConfig(Section):
    """When a price is held before it is believed."""

    bound: RatioBps
    """Greatest change that is no jump; 0bps: nothing is one."""
    reports: int = Field(ge=1, le=255)
    """How many must agree with a jump."""
    hold: DurationNs
    """Signed time that must pass meanwhile."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.bound % 1 or (self.bound and not LEAST_BOUND_BPS <= self.bound <= 10_000):
            raise ValueError(f"bound: give 0bps, or whole bps from {LEAST_BOUND_BPS} to 10000")
        if self.hold % MS_NS or self.hold > LONGEST_HOLD_MS * MS_NS:
            raise ValueError("hold: give whole milliseconds, up to 1h")
        return self

    def as_rule(self) -> tuple[int, int, int]:
        """Return it as the contract has it: bps, reports, ms."""
        return int(self.bound), self.reports, self.hold // MS_NS


class ChainConfig(Section):
    """One chain, and the wallet that deploys there."""

    chain_id: int = Field(gt=0)
    rpc: list[HttpUrl] = Field(min_length=1)
    key: KeyConfig
    """Owns the contract until it is handed over."""
    owner: Address | None = None
    guardian: Address | None = None
    sequencer: SequencerConfig | None = None
    """Of an L2: what its adapters ask before they hand on a price."""
    timeout: PositiveNs = 5 * 10**9
    receipt_timeout: PositiveNs = 300 * 10**9
    poll: PositiveNs = 10**9
    finality_depth: int = Field(default=32, ge=1)
    """Blocks, with the transaction's own, after which nothing is dropped any more."""
    finality_timeout: PositiveNs = 1200 * 10**9
    max_fee_gwei: float = Field(default=500.0, gt=0)

    @property
    def quorum(self) -> int:
        """How many endpoints must agree on what the chain has: of three and more the majority."""
        return len(self.rpc) // 2 + 1 if len(self.rpc) > 2 else 1


class DeployFile(Section):
    """The whole file."""

    version: Annotated[int, Field(ge=1, le=1)] = 1
    deployment: DeploymentConfig
    max_future: PositiveNs
    """How far a report may be ahead of its block; fixed for ever."""
    committee: FirstCommitteeConfig
    guardian: Address
    """May pause markets and revoke members; where a chain does not name its own."""
    owner: Address
    """Gets the contract last, and has to accept it; where a chain does not name its own."""
    instruments: dict[MarketNumber, MarketName] = Field(default_factory=dict)
    """What each market number means from epoch 1 on."""
    jumps: dict[Literal["default"] | MarketNumber, JumpConfig] = Field(default_factory=dict)
    """Rules of markets by number, and of those without one of their own."""
    adapters: dict[AdapterName, AdapterConfig] = Field(default_factory=dict)
    """What others read through; more may be added later."""
    chains: dict[ChainName, ChainConfig] = Field(min_length=1)

    @field_validator("max_future")
    @classmethod
    def _check_future(cls, value: int) -> int:
        if value % MS_NS or value > LONGEST_FUTURE_MS * MS_NS:
            raise ValueError("give whole milliseconds, up to 60s")
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_instruments()
        ids = [chain.chain_id for chain in self.chains.values()]
        if len(set(ids)) < len(ids):
            raise ValueError("chains: two of them have the same chain_id")
        for name, chain in self.chains.items():
            self._check_roles(name, chain)
        for name, adapter in self.adapters.items():
            self._check_adapter(name, adapter)
        return self

    def _check_instruments(self) -> None:
        names = list(self.instruments.values())
        if len(set(names)) < len(names):
            raise ValueError("instruments: two numbers mean the same")
        if len(names) > MOST_INSTRUMENTS:
            raise ValueError(
                f"instruments: {len(names)} are more than {MOST_INSTRUMENTS}, which is what one "
                "transaction binds; bind the others with the next epoch"
            )
        for name in names:
            if len(name) > NAME_BYTES:
                raise ValueError(f"instruments: {name} has more than {NAME_BYTES} characters")

    def _check_adapter(self, name: str, adapter: AdapterConfig) -> None:
        unknown = sorted(set(adapter.chains or ()) - self.chains.keys())
        if unknown:
            raise ValueError(f"adapters.{name}: chain {unknown[0]} is not in chains")
        for one in adapter.markets:
            bound = self.instruments.get(one.market)
            if one.instrument is None and bound is None:
                raise ValueError(
                    f"adapters.{name}: market {one.market} is not in instruments; if it was bound "
                    "since, give its instrument beside it"
                )
            if one.instrument is not None and bound not in (None, one.instrument):
                raise ValueError(
                    f"adapters.{name}: market {one.market} is {bound} in instruments, not "
                    f"{one.instrument}"
                )

    def _check_roles(self, name: str, chain: ChainConfig) -> None:
        owner, guardian = self.owner_of(chain), self.guardian_of(chain)
        members = {member.lower() for member in self.committee.members}
        for role, address in (("owner", owner), ("guardian", guardian)):
            if int(address, 16) == 0:
                raise ValueError(f"chains.{name}: the {role} must not be the zero address")
            if address in members:
                raise ValueError(
                    f"chains.{name}: {address} is {role} and member: a key that signs prices must "
                    "not govern"
                )
        if owner == guardian:
            raise ValueError(f"chains.{name}: owner and guardian must not be one account")

    def instrument_of(self, one: OfMarket) -> str:
        """Return what the market's number means."""
        return one.instrument or self.instruments[one.market]

    def owner_of(self, chain: ChainConfig) -> str:
        """Return a chain's final owner, in lower case."""
        return (chain.owner or self.owner).lower()

    def guardian_of(self, chain: ChainConfig) -> str:
        """Return a chain's guardian, in lower case."""
        return (chain.guardian or self.guardian).lower()


def load_deploy_file(path: Path) -> DeployFile:
    """Read and check a deploy file. Paths in it are taken relative to its folder.

    Raises:
        ConfigError: unreadable, not YAML, an unknown key or unit, or values that cannot be.
    """
    file = validated(DeployFile, read_mapping(path, "chains"), str(path))
    for chain in file.chains.values():
        chain.key.place_in(path.parent)
    return file
