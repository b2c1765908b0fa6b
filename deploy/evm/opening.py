"""Open a chain's deployment: its key, nodes and record, and the plan that the deploy file makes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from eth_hash.auto import keccak

from deploy.evm.adapters import adapters_of
from deploy.evm.artifact import Artifact
from deploy.evm.factory import NOBODY, address_of
from deploy.evm.record import AdapterRecord, Deployed, Record
from deploy.evm.run import ChainDeployment
from deploy.evm.settings import ChainConfig, DeployFile
from deploy.evm.steps import Parameters, Plan, creation_of
from deploy.evm.wallet import Limits, Wallet
from oracle.keys.metrics import KeyMetrics
from oracle.keys.opening import open_signer
from oracle.keys.signer import Signer
from oracle.model.times import MS_NS
from relayer.evm.fees import GWEI
from relayer.evm.node import Node
from relayer.evm.reverts import Reverts
from relayer.evm.rpc import JsonRpc
from relayer.metrics import RelayerMetrics

CONTRACT: Final = "MarkOracle"


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
