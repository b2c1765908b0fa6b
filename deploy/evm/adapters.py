"""What an adapter is deployed with, and what it must say once it is there: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from eth_hash.auto import keccak

from deploy.evm.adapter_settings import AdapterConfig, OfMarket, PythFeedConfig
from deploy.evm.artifact import Artifact
from deploy.evm.factory import NOBODY, address_of
from deploy.evm.settings import ChainConfig, DeployFile
from oracle.model.errors import ConfigError
from oracle.model.times import MS_NS, S_NS
from oracle.model.validity import Validity

PREFIX: Final = "adapter."
BASE_GAS: Final = 250_000
BYTE_GAS: Final = 220
FEED_GAS: Final = 60_000

Expected = tuple[str, tuple[object, ...], object]
"""A getter, its arguments, and what it must return."""


@dataclass(frozen=True)
class Adapter:
    """One adapter on one chain."""

    name: str
    artifact: Artifact
    arguments: tuple[object, ...]
    expected: tuple[Expected, ...]
    markets: Mapping[int, str]
    """What the numbers that it reads must mean."""

    @property
    def step(self) -> str:
        """Return the name of the step that deploys it."""
        return PREFIX + self.name

    @cached_property
    def creation(self) -> bytes:
        """Return what a chain runs to make it."""
        return self.artifact.creation_code(self.arguments)

    @cached_property
    def address(self) -> str:
        """Return where it goes: the oracle's address and the policy are part of it."""
        return address_of(self.creation)

    @property
    def gas(self) -> int:
        """Return what its deployment uses at most."""
        return BASE_GAS + BYTE_GAS * len(self.artifact.runtime) + FEED_GAS * len(self.markets)

    def fingerprint(self) -> str:
        """Return the hash of its creation code."""
        return f"0x{keccak(self.creation).hex()}"

    def difference(self, values: Sequence[object]) -> str | None:
        """Say what a deployed one has that it should not, if it has."""
        for (getter, arguments, wanted), found in zip(self.expected, values, strict=True):
            if found != wanted:
                asked = ", ".join(map(_shown, arguments))
                return f"{getter}({asked}) is {_shown(found)} instead of {_shown(wanted)}"
        return None


def adapters_of(file: DeployFile, chain_name: str, oracle: str) -> tuple[Adapter, ...]:
    """Return the adapters that the deploy file has for a chain, in its order.

    Raises:
        ConfigError: an artifact is missing.
    """
    chain = file.chains[chain_name]
    return tuple(
        _adapter(name, config, file, chain, oracle.lower())
        for name, config in file.adapters.items()
        if config.chains is None or chain_name in config.chains
    )


def check_uptime_feed(feed: str, code: bytes, answer: tuple[Any, ...]) -> None:
    """Require that an address answers as an L2's uptime feed does.

    Raises:
        ConfigError: it has no code, or says neither up nor down.
    """
    if not code or len(answer) < 3 or answer[1] not in (0, 1) or answer[2] == 0:
        said = f"its answer is {answer[1]} since {answer[2]}" if answer else "it has no code"
        raise ConfigError(
            f"sequencer.feed {feed} is no uptime feed: {said}; it must answer 0 (up) or 1 (down), "
            "with the time since when. Chainlink's documentation lists them"
        )


def _adapter(
    name: str, config: AdapterConfig, file: DeployFile, chain: ChainConfig, oracle: str
) -> Adapter:
    feed, grace_s = NOBODY, 0
    if chain.sequencer is not None:
        feed, grace_s = chain.sequencer.feed.lower(), chain.sequencer.grace // S_NS
    least, max_age_ms = int(Validity[config.least]), config.max_age // MS_NS
    policy = (least, max_age_ms, feed, grace_s)
    common: list[Expected] = [
        ("ORACLE", (), oracle), ("LEAST", (), least), ("MAX_AGE_MS", (), max_age_ms),
        ("SEQUENCER_FEED", (), feed), ("GRACE_S", (), grace_s),
    ]  # fmt: skip
    markets = {one.market: file.instrument_of(one) for one in config.markets}
    contract, arguments, more = _kind(config, file, oracle, policy)
    return Adapter(name, Artifact.read(contract), arguments, (*common, *more), markets)


def _kind(
    config: AdapterConfig, file: DeployFile, oracle: str, policy: tuple[object, ...]
) -> tuple[str, tuple[object, ...], list[Expected]]:
    """Return its contract, constructor arguments, and what its own getters must return."""

    def of_market(one: OfMarket) -> tuple[bytes, list[Expected]]:
        instrument = _bytes32(file.instrument_of(one))
        return instrument, [("MARKET", (), one.market), ("INSTRUMENT", (), instrument)]

    if config.chainlink is not None:
        link = config.chainlink
        instrument, more = of_market(link)
        more += [("decimals", (), link.decimals), ("description", (), link.description)]
        given = (oracle, link.market, instrument, policy, link.decimals, link.description)
        return "ChainlinkAdapter", given, more
    if config.erc7412 is not None:
        pulled = config.erc7412
        fee = (pulled.fee_wei, (pulled.collector or NOBODY).lower())
        instrument, more = of_market(pulled)
        return "Erc7412Adapter", (oracle, pulled.market, instrument, policy, *fee), more + _fee(fee)
    if config.pyth is None:
        raise LookupError("an adapter of no kind")
    fee = (config.pyth.fee_wei, (config.pyth.collector or NOBODY).lower())
    feeds = [_feed(feed, file) for feed in config.pyth.feeds]
    checks: list[Expected] = [("feedOf", (feed[0],), feed) for feed in feeds]
    return "PythAdapter", (oracle, policy, feeds, *fee), checks + _fee(fee)


def _fee(fee: tuple[int, str]) -> list[Expected]:
    return [("FEE_WEI", (), fee[0]), ("COLLECTOR", (), fee[1])]


def _feed(feed: PythFeedConfig, file: DeployFile) -> tuple[object, ...]:
    """Return a feed as the contract has it."""
    ema, ema_market = bytes(32), 0
    if feed.ema is not None:
        ema, ema_market = _bytes32(file.instrument_of(feed.ema)), feed.ema.market
    instrument = _bytes32(file.instrument_of(feed))
    return bytes.fromhex(feed.id[2:]), instrument, ema, feed.market, ema_market, feed.decimals


def _bytes32(text: str) -> bytes:
    return text.encode().ljust(32, b"\0")


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_shown, value))})"
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
