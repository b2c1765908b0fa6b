"""One chain from the first check to the last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eth_hash.auto import keccak

from deploy.evm.adapter_settings import MS_NS
from deploy.evm.adapters import adapters_of
from deploy.evm.artifact import Artifact
from deploy.evm.comparing import Governed
from deploy.evm.factory import NOBODY, address_of
from deploy.evm.finality import Finality
from deploy.evm.reading import ChainReader
from deploy.evm.record import AdapterRecord, Deployed, Record
from deploy.evm.settings import ChainConfig, DeployFile
from deploy.evm.steps import Parameters, Plan, Step, creation_of
from deploy.evm.wallet import Limits, Wallet
from oracle.keys.metrics import KeyMetrics
from oracle.keys.opening import open_signer
from oracle.keys.signer import Signer
from oracle.model.errors import ConfigError, Rejected, Retryable
from relayer.evm.errors import NodeError
from relayer.evm.fees import GWEI
from relayer.evm.node import Node
from relayer.evm.reverts import Reverts
from relayer.evm.rpc import JsonRpc
from relayer.metrics import RelayerMetrics

CONTRACT: Final = "MarkOracle"
TRANSACTION_GAS: Final = {"committee": 150_000, "guardian": 60_000, "handover": 50_000}
"""Of the steps after the first, whose contract is not there yet when a dry run asks; rounded up."""
MEMBER_GAS: Final = 7_000
INSTRUMENT_GAS: Final = 50_000
JUMP_GAS: Final = 70_000
WEI: Final = 10**18


@dataclass(frozen=True)
class Estimate:
    """What a deployment would do and cost."""

    address: str
    steps: tuple[str, ...]
    """Still to do."""
    gas: int
    max_fee_wei: int
    balance_wei: int
    adapters: Mapping[str, str]
    """Their addresses."""

    @property
    def cost_wei(self) -> int:
        """The most that it costs, without an L2's data fee."""
        return self.gas * self.max_fee_wei


@dataclass(frozen=True)
class Done:
    """What a chain has in the end."""

    record: Deployed
    accepted: bool
    """Whether the owner has accepted the contract."""


class ChainDeployment:
    """One chain's deployment, opened by `opened`."""

    def __init__(
        self, plan: Plan, node: Node, wallet: Wallet, record: Record, limits: Limits
    ) -> None:
        self.plan: Final = plan
        self._node: Final = node
        self._wallet: Final = wallet
        self._record: Final = record
        self._limits: Final = limits
        self._reader: Final = ChainReader(plan, node)
        self._finality: Final = Finality(node, wallet.address, record)

    async def estimate(self) -> Estimate:
        """Return what is to do and the most that it costs; sends nothing.

        Raises:
            ConfigError: the chain is another, has no factory, or something else is there.
            Retryable: no node answers.
        """
        await self._reader.check()
        return await self._estimate(self.plan.next_step(await self._reader.state()))

    async def run(self) -> Done:
        """Do what is to do, step by step, and read everything back; run again to resume.

        Raises:
            ConfigError: as `estimate`, or the wallet cannot pay.
            Rejected: a transaction would revert, or did.
            Retryable: not everything is in a block; nothing is lost, run again.
        """
        await self._reader.check()
        if not self._record.deployed.complete:
            await self._finality.look()
        await self._wallet.finish()
        sent: set[str] = set()
        for turn in range(3 * len(self.plan.steps)):  # a step may be displaced, and done again
            state = await self._reader.state()
            step = self.plan.next_step(state)
            if step is not None:
                if turn == 0:
                    self._refuse_poor(await self._estimate(step))
                if step.name in sent:
                    self._refuse_failed(step.name)
                sent.add(step.name)
                await self._wallet.send(step)
            elif self._record.deployed.complete or await self._is_final():
                self._record.write_complete()
                return Done(self._record.deployed, self.plan.is_accepted(state))
            else:
                await self._wallet.finish()
        raise Retryable(f"{self.plan.address}: steps are in blocks and change nothing; run again")

    async def governed(self) -> Governed | None:
        """Return what must be alike on all chains; None before there is a committee.

        Raises:
            Retryable: no node answers.
        """
        return await self._reader.governed()

    async def _is_final(self) -> bool:
        """Wait until the chain has had all of it for as many blocks as asked for; return False when
        something fell out of it meanwhile."""
        limits, deadline = self._limits, time.monotonic() + self._limits.finality_timeout_s
        while True:
            head, kept = await self._finality.look()
            if not kept:
                return False
            block = head.number - limits.finality_depth + 1
            with suppress(NodeError):  # an endpoint may not have this block yet
                if block >= 0 and self.plan.next_step(await self._reader.state(hex(block))) is None:
                    return True
            if time.monotonic() >= deadline:
                raise Retryable(
                    f"{self.plan.address}: all is done, but not yet {limits.finality_depth} blocks "
                    f"deep after {limits.finality_timeout_s:g} s; run again to see it through"
                )
            await asyncio.sleep(limits.poll_s)

    def _refuse_failed(self, name: str) -> None:
        """Do not send again what failed and is still to do: nobody else did it either."""
        step = self._record.step(name)
        if step is not None and step.outcome is not None and not step.outcome.succeeded:
            raise Rejected(
                f"step {name}: transaction {step.outcome.hash} failed in block {step.outcome.block}"
            )

    async def _estimate(self, step: Step | None) -> Estimate:
        steps = self.plan.steps
        left = () if step is None else steps[steps.index(step.name) :]
        gas = sum([await self._gas(name, step) for name in left]) if step else 0
        fees = await self._wallet.quoted()
        balance_wei = await self._node.balance(self._wallet.address)
        adapters = {adapter.name: adapter.address for adapter in self.plan.adapters}
        return Estimate(self.plan.address, left, gas, fees.max_wei, balance_wei, adapters)

    def _refuse_poor(self, estimate: Estimate) -> None:
        """Refuse to begin what cannot be paid for to its end."""
        if estimate.balance_wei < estimate.cost_wei:
            raise ConfigError(
                f"wallet {self._wallet.address} has {estimate.balance_wei / WEI:.6f} coins; "
                f"{', '.join(estimate.steps)} may cost {estimate.cost_wei / WEI:.6f}: top it up"
            )

    async def _gas(self, name: str, step: Step) -> int:
        if name == step.name:
            return await self._wallet.estimate(step)
        for adapter in self.plan.adapters:
            if name == adapter.step:
                return adapter.gas
        parameters = self.plan.parameters
        of_members = len(parameters.members) * MEMBER_GAS
        bindings = len(parameters.instruments) * INSTRUMENT_GAS
        more = of_members + bindings if name == "committee" else 0
        return TRANSACTION_GAS.get(name, JUMP_GAS) + more


@asynccontextmanager
async def opened(
    file: DeployFile, name: str, folder: Path, metrics: RelayerMetrics, keys: KeyMetrics
) -> AsyncIterator[ChainDeployment]:
    """Open a chain's key, node and record.

    Raises:
        ConfigError: the key, the artifact or the record is wrong.
    """
    chain = file.chains[name]
    async with AsyncExitStack() as exits:
        signer = open_signer(chain.key, keys)
        exits.push_async_callback(signer.aclose)
        artifact = Artifact.read(CONTRACT)
        plan = plan_of(file, name, artifact, signer)
        timeout_s = chain.timeout / 1e9
        rpc = JsonRpc(name, chain.chain_id, chain.rpc, timeout_s, metrics, quorum=chain.quorum)
        exits.push_async_callback(rpc.aclose)
        record = Record(folder / f"{name}.json", _fresh(plan, name, chain))
        exits.callback(record.close)
        node, reverts = Node(rpc), Reverts(list(artifact.abi))
        limits = Limits(
            max_fee_wei=round(chain.max_fee_gwei * GWEI),
            receipt_timeout_s=chain.receipt_timeout / 1e9,
            poll_s=chain.poll / 1e9,
            finality_depth=chain.finality_depth,
            finality_timeout_s=chain.finality_timeout / 1e9,
        )
        wallet = Wallet(node, signer, limits, record, reverts)
        yield ChainDeployment(plan, node, wallet, record, limits)


def plan_of(file: DeployFile, name: str, artifact: Artifact, signer: Signer) -> Plan:
    """Return what is to be on one chain.

    Raises:
        ConfigError: an adapter's artifact is wrong.
    """
    chain = file.chains[name]
    parameters = parameters_of(file, chain, signer)
    adapters = adapters_of(file, name, address_of(creation_of(artifact, parameters)))
    feed = chain.sequencer.feed.lower() if chain.sequencer else NOBODY
    return Plan(artifact, parameters, adapters, feed)


def parameters_of(file: DeployFile, chain: ChainConfig, signer: Signer) -> Parameters:
    """Return what one chain's contract is deployed with."""
    return Parameters(
        network=file.deployment.network,
        home_governor=file.deployment.home_governor.lower(),
        nonce=file.deployment.nonce,
        max_future_ms=file.max_future // MS_NS,
        deployer=f"0x{signer.address.hex()}",
        members=tuple(file.committee.members),
        threshold=file.committee.threshold,
        instruments=file.instruments,
        jumps={str(key): rule.as_rule() for key, rule in file.jumps.items()},
        guardian=file.guardian_of(chain),
        owner=file.owner_of(chain),
    )


def _fresh(plan: Plan, name: str, chain: ChainConfig) -> Deployed:
    return Deployed(
        chain=name,
        chain_id=chain.chain_id,
        contract=plan.artifact.name,
        address=plan.address,
        compiler=plan.artifact.compiler,
        creation_code_keccak=f"0x{keccak(plan.creation).hex()}",
        parameters=plan.parameters.as_data(),
        adapters={
            adapter.name: AdapterRecord(
                adapter.artifact.name, adapter.address, adapter.fingerprint()
            )
            for adapter in plan.adapters
        },
    )
