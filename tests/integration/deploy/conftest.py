"""A chain, a deploy file for it, and a wallet with coins."""

from __future__ import annotations

import asyncio
import copy
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from web3 import Web3
from web3.types import RPCEndpoint

from deploy.evm.opening import opened
from deploy.evm.run import ChainDeployment, Done
from deploy.evm.settings import load_deploy_file
from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.contracts import ABI, read_artifact
from deploy.sandbox.keys import SandboxKey, make_keys
from oracle.keys.metrics import KeyMetrics
from relayer.metrics import RelayerMetrics

GUARDIAN = "0x" + "22" * 20
OWNER = "0x" + "33" * 20
STEPS = ["deploy", "committee", "guardian", "handover"]
COMMAND = [sys.executable, "-c", "from oracle.cli import main; main()"]


@dataclass
class Site:
    """A node, and a deploy file that names it."""

    node: SandboxChain
    folder: Path
    key: SandboxKey
    data: dict[str, Any]

    @property
    def file(self) -> Path:
        """The deploy file."""
        return self.folder / "deploy.yaml"

    @property
    def record(self) -> Path:
        """What was deployed."""
        return self.folder / "deployments/alpha.json"

    def write(self, **changes: Any) -> None:
        """Write the deploy file, with `changes`; those of `chain` go to its chain."""
        data = copy.deepcopy(self.data | changes)
        data["chains"]["alpha"] |= data.pop("chain", {})
        self.file.write_text(yaml.safe_dump(data))

    async def plumb(self, *options: str, answer: str = "") -> tuple[int, str, str]:
        """Run `plumb deploy evm` on the file; return its exit code and what it said."""
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "deploy", "evm", str(self.file), *options,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(120):
            out, err = await process.communicate(answer.encode())
        return process.returncode or 0, out.decode(), err.decode()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[ChainDeployment]:
        """Open the deployment in this process."""
        registry = CollectorRegistry()
        metrics = RelayerMetrics(registry), KeyMetrics(registry)
        file, folder = load_deploy_file(self.file), self.record.parent
        async with opened(file, "alpha", folder, *metrics) as chain:
            yield chain

    async def deploy(self) -> Done:
        """Deploy in this process."""
        async with self.opened() as chain:
            return await chain.run()

    async def rpc(self, method: str, *params: object, node: SandboxChain | None = None) -> Any:
        """Call a method of the node, or of another one."""
        provider = (node or self.node).w3.provider
        answer = await provider.make_request(RPCEndpoint(method), list(params))
        assert "error" not in answer, answer
        return answer["result"]

    async def send_as(
        self, sender: str, to: str, data: str, *, node: SandboxChain | None = None
    ) -> None:
        """Send a transaction of an account whose key nobody has, as anvil lets one."""
        await self.rpc("anvil_impersonateAccount", sender, node=node)
        transaction = {"from": sender, "to": to, "data": data}
        await self.rpc("eth_sendTransaction", transaction, node=node)

    async def nonce(self) -> int:
        """Return how many transactions the wallet has in blocks."""
        return await self.node.w3.eth.get_transaction_count(
            self.node.w3.to_checksum_address(self.key.address)
        )

    async def read(self, function: str, *arguments: object) -> Any:
        """Call a function of the contract that the record names."""
        address = json.loads(self.record.read_text())["address"]
        abi = read_artifact(ABI / "MarkOracle.json")["abi"]
        contract = self.node.w3.eth.contract(Web3.to_checksum_address(address), abi=abi)
        return await contract.functions[function](*arguments).call()

    async def check_complete(self) -> dict[str, Any]:
        """Check the chain and the record against the deploy file; return the record."""
        record: dict[str, Any] = json.loads(self.record.read_text())
        assert record["complete"]
        assert [name for name in record["steps"] if not name.startswith("jump.")] == STEPS
        for at, step in enumerate(record["steps"].values()):
            receipt = await self.node.w3.eth.get_transaction_receipt(step["outcome"]["hash"])
            assert (receipt["status"], step["nonce"], step["outcome"]["succeeded"]) == (1, at, True)
            assert receipt["blockHash"].to_0x_hex() == step["outcome"]["block_hash"]
        members, threshold, _ = await self.read("committee", 1)
        assert [member.lower() for member in members] == self.data["committee"]["members"]
        assert threshold == self.data["committee"]["threshold"]
        assert (await self.read("instrumentOf", 3))[0].rstrip(b"\0") == b"SOL-USD"
        assert (await self.read("guardian")).lower() == GUARDIAN
        assert (await self.read("pendingOwner")).lower() == OWNER
        return record


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Serve a chain, and write a deploy file for it."""
    async with SandboxChain(7701, name="alpha") as node:
        members = make_keys(tmp_path / "keys", 7)
        (key,) = make_keys(tmp_path / "keys", 1, prefix="deployer")
        await node.fund(key.address, 1)
        data = {
            "deployment": {"network": "test", "home_governor": "0x" + "11" * 20, "nonce": 1},
            "max_future": "2s",
            "committee": {"threshold": 5, "members": [one.address.lower() for one in members]},
            "guardian": GUARDIAN,
            "owner": OWNER,
            "instruments": {0: "BTC-USD", 3: "SOL-USD"},
            "chains": {
                "alpha": {
                    "chain_id": 7701,
                    "rpc": [node.rpc_url],
                    "key": {"keystore": str(key.keystore), "password_file": str(key.password_file)},
                    "poll": "50ms",
                    "timeout": "10s",
                    "finality_depth": 1,
                }
            },
        }
        made = Site(node, tmp_path, key, data)
        made.write()
        yield made
