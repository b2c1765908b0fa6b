"""A replay's marks onto a real node: signed as the committee signs, pushed as the relayer pushes.

Everything goes in step: a report is dealt with before the next step is taken, so that a replay
is the same every time. The node's clock follows the recorded one.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry

from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.oracle import deploy_mark_oracle
from deploy.sandbox.keys import SandboxKey, make_keys
from oracle.bus.memory import MemoryBus
from oracle.cli.stack import Stack
from oracle.committee.shared.attestation import Attestor
from oracle.committee.steps import View
from oracle.config.committee import CommitteeConfig
from oracle.config.deployment import DeploymentConfig, EvmChainConfig
from oracle.config.root import Config
from oracle.model.fixed import float_nearest
from oracle.model.messages import Mark, StepManifest
from relayer.evm.reader import MarkReader
from relayer.lane import Lane
from relayer.metrics import RelayerMetrics
from relayer.tail import Tail, open_offer

NETWORK, GOVERNOR, NONCE = "plumbline-replay", "0x" + "22" * 20, 1
MEMBERS, THRESHOLD = 7, 5
CHAIN_ID: Final = 31_337
NAME: Final = "sandbox"


class SandboxSink:
    """Signs and pushes one step after the other."""

    def __init__(
        self, config: Config, chain: SandboxChain, attestor: Attestor, lane: Lane, stack: Stack
    ) -> None:
        self._config, self._chain, self._attestor = config, chain, attestor
        self._lane, self._committee = lane, stack.committee()
        self._reports = self._updates = self._gas = self._block = self._time_ns = 0

    async def take(self, marks: list[Mark], manifest: StepManifest) -> None:
        """Sign a step that is due, and push what the policy wants pushed."""
        if not self._attestor.is_due(manifest.time_ns):
            return
        self._time_ns = manifest.time_ns
        signed, _ = await self._attestor.sign(View(manifest.time_ns, (manifest,), tuple(marks)))
        self._reports += 1
        await self._chain.advance_to(-(-manifest.time_ns // 10**9))
        for receipt in await self._lane.deliver(open_offer(signed, self._committee)):
            if receipt.groups:
                self._updates += 1
                self._gas += receipt.gas_used
                self._block = receipt.block

    async def summary(self) -> dict[str, Any]:
        """Return what the chain came to hold, read back from the contract."""
        reader = MarkReader(self._config.chains[0])
        try:
            held = await reader.marks({n: m.number for n, m in self._config.markets.items()})
        finally:
            await reader.aclose()
        markets = {
            name: {
                "price": None if mark.price is None else float_nearest(mark.price),
                "age_s": round(self._time_ns / 1e9 - mark.time_ms / 1e3, 3),
                "validity": mark.validity.name,
            }
            for name, mark in held.items()
        }
        chain = {
            "name": NAME,
            "kind": "evm",
            "chain_id": CHAIN_ID,
            "updates": self._updates,
            "gas_per_update": self._gas / self._updates if self._updates else None,
            "block": self._block,
            "markets": markets,
        }
        return {"reports": self._reports, "chains": [chain]}


@asynccontextmanager
async def sandbox_sink(config: Config, start_ns: int) -> AsyncIterator[SandboxSink]:
    """Start a node at the recorded time, deploy with fresh keys, and yield what pushes to it.

    Markets, slot and push policy are the configuration's; committee, keys and chain the sandbox's.
    """
    with tempfile.TemporaryDirectory(prefix="plumbline-replay-") as name:
        folder = Path(name)
        async with SandboxChain(
            CHAIN_ID, name=NAME, folder=folder / "chain", start_s=start_ns // 10**9
        ) as chain:
            members = make_keys(folder / "keys", MEMBERS)
            (payer,) = make_keys(folder / "keys", 1, prefix="relayer")
            await chain.fund(payer.address, 1_000_000)
            oracle = await deploy_mark_oracle(
                chain,
                network=NETWORK,
                home_governor=GOVERNOR,
                nonce=NONCE,
                members=[key.address for key in members],
                threshold=THRESHOLD,
                guardian=members[0].address,
            )
            made = _complete(config, chain, oracle, members, payer)
            stack = Stack(made, MemoryBus(), folder, CollectorRegistry())
            try:
                yield await _open(made, chain, stack)
            finally:
                for opened in stack.chains:
                    await opened.aclose()


async def _open(config: Config, chain: SandboxChain, stack: Stack) -> SandboxSink:
    metrics = RelayerMetrics(stack.registry)
    destinations = stack.destinations(metrics, journals=None)
    await destinations[0].chain.start(stack.committee().salt)
    names = {market.number: name for name, market in config.markets.items()}
    committee = stack.committee()
    tail = Tail(stack.bus, committee, metrics)
    lane = Lane(destinations[0], tail, stack.bus, committee.salt, names, metrics, time.time_ns)
    return SandboxSink(config, chain, stack.attestor(journal=None), lane, stack)


def _complete(
    config: Config, chain: SandboxChain, oracle: str, members: list[SandboxKey], payer: SandboxKey
) -> Config:
    """Return the configuration with the sandbox's deployment, committee and chain."""
    committee = CommitteeConfig.model_validate(
        {
            "epoch": 1,
            "threshold": THRESHOLD,
            "members": [key.address for key in members],
            "keys": [_key(key) for key in members],
            "shared_view": True,
            "slot": "1s",
        }
    )
    if config.committee is not None:
        committee.slot = config.committee.slot
    target = EvmChainConfig.model_validate(
        {
            "name": NAME,
            "chain_id": CHAIN_ID,
            "rpc": [chain.rpc_url],
            "oracle": oracle,
            "key": _key(payer),
            "poll": "10ms",
        }
    )
    if config.chains:
        target.push = config.chains[0].push
    deployment = DeploymentConfig(network=NETWORK, home_governor=GOVERNOR, nonce=NONCE)
    return config.model_copy(
        update={"deployment": deployment, "committee": committee, "chains": [target]}
    )


def _key(key: SandboxKey) -> dict[str, str]:
    return {"keystore": str(key.keystore), "password_file": str(key.password_file)}
