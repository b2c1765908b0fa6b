"""The node behind the proxies, asked directly: what is really so, and what others do there."""

from __future__ import annotations

import json
from typing import Any

import httpx
from eth_account import Account
from web3.types import RPCEndpoint

from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.faults import FaultProxy
from deploy.sandbox.keys import SandboxKey
from relayer.evm.abi import group_word_call
from tests.integration.relayer.conftest import now_ms

CHAIN_ID = 31_007
GROUPS = (0, 1)
LEAP = 100
"""More nonces than a gap may have that is filled."""


class Site:
    """A node with MarkOracle, the proxies before it, and the relayer's key."""

    node: SandboxChain
    proxies: list[FaultProxy]
    oracle: str
    key: SandboxKey

    async def rpc(self, method: str, *params: object) -> Any:
        """Ask the node itself, past the proxies."""
        answer = await self.node.w3.provider.make_request(method, list(params))
        assert "error" not in answer, answer
        return answer["result"]

    async def reorganise(self, depth: int) -> None:
        """Let the chain drop its newest blocks for as many empty ones."""
        await self.rpc("anvil_reorg", depth, [])
        await self.rpc("evm_setTime", now_ms())  # anvil sets its clock to the older block's

    async def leap(self) -> int:
        """Let the node count `LEAP` more transactions of the wallet; return what it counted."""
        count, _ = await self.counts()
        await self.rpc("anvil_setNonce", self.key.address, hex(count + LEAP))
        return count

    async def offer(self, raw: str) -> None:
        """Broadcast a transaction that may come too late."""
        await self.node.w3.provider.make_request(RPCEndpoint("eth_sendRawTransaction"), [raw])

    async def send_through(self, raw: str) -> None:
        """Broadcast a transaction through endpoint 0, as another client of it would."""
        body = {"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": [raw]}
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(self.proxies[0].url, json=body)
        assert "result" in answer.json(), answer.text

    async def held(self) -> dict[int, bytes]:
        """Return what the chain holds, by the node itself."""
        words = {}
        for group in GROUPS:
            data = "0x" + group_word_call(group).hex()
            word = await self.rpc("eth_call", {"to": self.oracle, "data": data}, "latest")
            words[group] = bytes.fromhex(word[2:])
        return words

    async def counts(self) -> tuple[int, int]:
        """Return the wallet's transactions in blocks, and with the pool's."""
        latest, pending = [
            int(await self.rpc("eth_getTransactionCount", self.key.address, tag), 16)
            for tag in ("latest", "pending")
        ]
        return latest, pending

    async def pool(self) -> list[dict[str, str]]:
        """Return what waits in the node's pool."""
        content = await self.rpc("txpool_content")
        return [
            transaction
            for by_nonce in (*content["pending"].values(), *content["queued"].values())
            for transaction in by_nonce.values()
        ]

    async def offers(self) -> list[int]:
        """Return the most per gas, in wei, that each update in a block offered."""
        height = int(await self.rpc("eth_blockNumber"), 16)
        blocks = [
            await self.rpc("eth_getBlockByNumber", hex(number), True)
            for number in range(height + 1)
        ]
        return [
            int(transaction["maxFeePerGas"], 16)
            for block in blocks
            for transaction in block["transactions"]
            if transaction["from"] == self.key.address.lower()
        ]

    def foreign(self, nonce: int, *, gwei: int = 10, tip_gwei: int | None = None) -> str:
        """Sign a transfer of nothing with the relayer's own key, as another process might."""
        stored = json.loads(self.key.keystore.read_text())
        account = Account.from_key(Account.decrypt(stored, self.key.password_file.read_text()))
        fields = {
            "type": 2,
            "chainId": CHAIN_ID,
            "to": self.key.address,
            "value": 0,
            "gas": 21_000,
            "nonce": nonce,
            "maxFeePerGas": gwei * 10**9,
            "maxPriorityFeePerGas": (gwei if tip_gwei is None else tip_gwei) * 10**9,
        }
        return "0x" + bytes(account.sign_transaction(fields).raw_transaction).hex()
