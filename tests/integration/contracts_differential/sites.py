"""MarkOracle on a real node, once for each size of committee, asked by JSON-RPC."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import coincurve
import httpx
from eth_abi.abi import decode, encode

from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.contracts import transact
from deploy.sandbox.chains.oracle import MAX_FUTURE_MS, deploy_mark_oracle
from oracle.report.committee import Committee
from oracle.report.digest import deployment_salt
from relayer.evm.abi import load_abi, selector, update_call
from relayer.evm.reverts import Reverts
from tests.vectors.generate import address, members

NOW_MS: Final = 1_790_000_000_000
"""The block's time in every call."""
LIMIT_MS: Final = NOW_MS + MAX_FUTURE_MS

SIZES: Final = (
    (1, 1, ()),
    (3, 2, (0,)),
    (7, 5, (2, 6)),
    (19, 13, ()),
    (32, 22, (31,)),
)
"""Members and threshold of each site, and who of them is revoked."""

_GOVERNOR: Final = bytes(19) + b"\x01"
_TIMEOUT_S: Final = 30.0
_LEAVES: Final = "(uint16,uint40,uint256)[]"
_MARK: Final = "(uint256,uint64,uint64,uint8,bool,uint32,int32,bool)"
_GAS: Final = 1_000_000_000


@dataclass(frozen=True)
class Verified:
    """What `verify` returned. Times of groups before are as in a word: ms since 2020."""

    epoch: int
    slot: int
    inputs_root: bytes
    leaves: list[tuple[int, int, bytes]]


@dataclass(frozen=True)
class Refused:
    """The name of the error a call reverted with."""

    error: str


class Mark(tuple[Any, ...]):
    """A `Mark` as the contract returns it, by position."""


@dataclass(frozen=True)
class Site:
    """One deployment, its committee and the keys of its members."""

    oracle: str
    committee: Committee
    revoked: tuple[int, ...]
    keys: tuple[coincurve.PrivateKey, ...]
    rpc_url: str
    client: httpx.Client
    reverts: Reverts

    def verify(self, body: bytes) -> Verified | Refused:
        """Call `verify(bytes)`."""
        data = selector("verify(bytes)") + encode(["bytes"], [body])
        (answer,) = self._simulate([data])
        if isinstance(answer, Refused):
            return answer
        epoch, slot, inputs_root, leaves = decode(["uint32", "uint64", "bytes32", _LEAVES], answer)
        words = [(group, prev, word.to_bytes(32, "big")) for group, prev, word in leaves]
        return Verified(epoch, slot, inputs_root, words)

    def update_and_read(
        self, body: bytes, markets: Sequence[int]
    ) -> tuple[int | Refused, list[Mark]]:
        """Call `update(bytes)` on an oracle that holds nothing, then read `markets`."""
        reads = [selector("readMark(uint256)") + encode(["uint256"], [at]) for at in markets]
        updated, *marks = self._simulate([update_call(body), *reads])
        if isinstance(updated, Refused):
            return updated, []
        read = [Mark(decode([_MARK], mark)[0]) for mark in marks if isinstance(mark, bytes)]
        return int.from_bytes(updated, "big"), read

    def _simulate(self, calls: Sequence[bytes]) -> list[bytes | Refused]:
        """Make calls one after the other in a block at NOW_MS that is then forgotten."""
        block = {
            "blockOverrides": {"time": hex(NOW_MS // 1000), "gasLimit": hex(_GAS)},
            "calls": [{"to": self.oracle, "data": "0x" + data.hex()} for data in calls],
        }
        params = [{"blockStateCalls": [block]}, "latest"]
        request = {"jsonrpc": "2.0", "id": 1, "method": "eth_simulateV1", "params": params}
        answer = self.client.post(self.rpc_url, json=request).json()
        assert "result" in answer, answer
        return [self._outcome(call) for call in answer["result"][0]["calls"]]

    def _outcome(self, call: dict[str, Any]) -> bytes | Refused:
        data = bytes.fromhex(call["returnData"][2:])
        if call["status"] == "0x1":
            return data
        return Refused(self.reverts.name(data).partition("(")[0])


@contextmanager
def open_sites() -> Iterator[list[Site]]:
    """Start a node and deploy all sites; the node ends with the context."""
    with asyncio.Runner() as runner, httpx.Client(timeout=_TIMEOUT_S) as client:
        chain = SandboxChain(31_337, start_s=NOW_MS // 1000 - 1000)
        runner.run(chain.__aenter__())
        try:
            yield [runner.run(_deploy(chain, at, client)) for at in range(len(SIZES))]
        finally:
            runner.run(chain.__aexit__(None, None, None))


async def _deploy(chain: SandboxChain, at: int, client: httpx.Client) -> Site:
    size, threshold, revoked = SIZES[at]
    keys = tuple(members(size))
    addresses = tuple(address(key) for key in keys)
    checksummed = [chain.w3.to_checksum_address(member) for member in addresses]
    owner = await chain.account()
    oracle = await deploy_mark_oracle(
        chain,
        network="plumbline-test",
        home_governor="0x" + _GOVERNOR.hex(),
        nonce=at,
        members=checksummed,
        threshold=threshold,
        guardian="0x" + _GOVERNOR.hex(),
        owner=owner,
    )
    contract = chain.w3.eth.contract(chain.w3.to_checksum_address(oracle), abi=load_abi())
    for member in revoked:
        revoke = contract.functions.revokeMember(1, checksummed[member])
        await transact(chain.w3, revoke, owner)
    salt = deployment_salt("plumbline-test", _GOVERNOR, at)
    committee = Committee(salt, 1, threshold, addresses)
    return Site(oracle, committee, revoked, keys, chain.rpc_url, client, Reverts(load_abi()))
