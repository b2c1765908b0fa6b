"""Two anvil nodes with MarkOracle on both, and a relayer's chain and wallet for each."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from deploy.sandbox.chains.anvil import SandboxChain, anvil
from deploy.sandbox.chains.oracle import deploy_mark_oracle
from deploy.sandbox.keys import SandboxKey, make_keys
from oracle.config.deployment import EvmChainConfig
from oracle.keys.metrics import KeyMetrics
from oracle.keys.opening import open_signer
from oracle.model.errors import ConfigError
from oracle.report.word import encode_word
from relayer.base import Delivery
from relayer.evm.abi import load_abi
from relayer.evm.chain import EvmChain, connect
from relayer.evm.journal import Journal
from relayer.metrics import RelayerMetrics
from tests.unit.relayer.words import COMMITTEE, report, valid

DEADLINE_S = 120.0
GOVERNOR = "0x" + (1).to_bytes(20, "big").hex()


@dataclass
class Site:
    """One node, its contract, and the relayer's chain there."""

    node: SandboxChain
    oracle: str
    key: SandboxKey
    exits: AsyncExitStack
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.metrics = RelayerMetrics(self.registry)
        self.key_metrics = KeyMetrics(self.registry)
        self.chain = self.connect()

    def config(self, **changes: Any) -> EvmChainConfig:
        """Return the chain's configuration, with `changes`."""
        settings = {
            "name": self.node.name,
            "chain_id": self.node.chain_id,
            "rpc": [self.node.rpc_url],
            "oracle": self.oracle,
            "key": {"keystore": self.key.keystore, "password_file": self.key.password_file},
            "poll": "50ms",
            "timeout": "1s",
            "receipt_timeout": "20s",
        }
        return EvmChainConfig.model_validate(settings | changes)

    def connect(self, journal: Path | None = None, **changes: Any) -> EvmChain:
        """Return a chain object with a journal of its own, closed when the test ends."""
        config, kept = self.config(**changes), Journal(journal)
        signer = open_signer(config.key, self.key_metrics)
        chain = connect(config, signer, self.metrics, journal=kept)
        self.exits.push_async_callback(chain.aclose)
        return chain

    def metric(self, name: str, **labels: str) -> float:
        """Return a sample of this chain, 0 where there is none."""
        full = {"chain": self.node.name, **labels}
        return self.registry.get_sample_value(f"plumbline_relayer_{name}", full) or 0

    async def mark(self, market: int) -> tuple[int, int]:
        """Read a market back as a consumer would: price times 10**18, unix ms."""
        address = self.node.w3.to_checksum_address(self.oracle)
        contract = self.node.w3.eth.contract(address, abi=load_abi())
        mark = await contract.functions.readMark(market).call()
        return int(mark[0]), int(mark[1])

    async def rpc(self, method: str, *params: object) -> Any:
        """Call a method of the node directly."""
        answer = await self.node.w3.provider.make_request(method, list(params))
        return answer["result"]


def now_ms() -> int:
    """Return the time that a report signed now would carry."""
    return time.time_ns() // 1_000_000


def fresh_word(price: int = 100_000, *, at_ms: int | None = None) -> bytes:
    """Return a word of four markets at `price` / 1000, 1 more each, as of now."""
    entries = [valid(price + 1000 * at) for at in range(4)]
    return encode_word(now_ms() if at_ms is None else at_ms, entries)


async def pending(site: Site) -> dict[str, str]:
    """Return the one transaction in the node's pool, as soon as it is there."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            content = await site.rpc("txpool_content")
            for by_nonce in content["pending"].values():
                (transaction,) = by_nonce.values()
                return dict(transaction)
            await asyncio.sleep(0.01)


def deliver(slot: int, *words: bytes, keys: list[object] | None = None) -> Delivery:
    """Return a signed delivery of all the words."""
    signed = report(slot, dict(enumerate(words)), keys=keys, signed_ns=1)
    return Delivery(signed.body, tuple(range(len(words))), slot, "first", signed.signed_ns)


async def until(condition: Callable[[], object], timeout_s: float = DEADLINE_S) -> None:
    """Wait for a condition, to a deadline."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 (counters have no event)
            await asyncio.sleep(0.01)


async def _site(name: str, chain_id: int, folder: Path, exits: AsyncExitStack) -> Site:
    node = SandboxChain(chain_id, name=name, folder=folder / name)
    await exits.enter_async_context(node)
    oracle = await deploy_mark_oracle(
        node,
        network="plumbline-test",
        home_governor=GOVERNOR,
        nonce=1,
        members=[node.w3.to_checksum_address(member) for member in COMMITTEE.members],
        threshold=COMMITTEE.threshold,
        guardian=GOVERNOR,
    )
    key = make_keys(folder / f"{name}-keys", 1, prefix="relayer")[0]
    await node.fund(key.address, 10)
    return Site(node, oracle, key, exits)


@pytest.fixture
async def exits() -> AsyncIterator[AsyncExitStack]:
    """What a test opened is closed with it."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def home(tmp_path: Path, exits: AsyncExitStack) -> Site:
    """One chain; without anvil skip, but fail in CI."""
    try:
        anvil()
    except ConfigError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    return await _site("home", 31_001, tmp_path, exits)


@pytest.fixture
async def away(home: Site, tmp_path: Path, exits: AsyncExitStack) -> Site:
    """Another chain, with another id, beside `home`."""
    return await _site("away", 31_002, tmp_path, exits)
