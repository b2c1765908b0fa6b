"""The perp contracts on a real node, deployed once; stories are played there in passing blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import coincurve
import httpx
from eth_abi.abi import decode, encode

from oracle.report.committee import Committee
from oracle.report.report import Leaf, Unsigned
from oracle.report.report import Report as SignedReport
from oracle.report.report import encode as encode_report
from oracle.report.signature import compact
from oracle.report.word import pack_word
from relayer.evm.reverts import Reverts
from tests.property.perp_market import ALICE, BOB, KEEPER, Call, Report

_GAS: Final = 30_000_000_000
_CALL_GAS: Final = 30_000_000
_PLENTY: Final = 10**30


class Block(NamedTuple):
    """Calls in one block at a time."""

    time_s: int
    calls: Sequence[tuple[int, str, bytes]]


class Answer(NamedTuple):
    """What a call returned, or the name of the error it reverted with."""

    data: bytes
    error: str | None


@dataclass(frozen=True)
class Deployed:
    """One contract: where it is, and what of its functions a call needs."""

    address: str
    functions: Mapping[str, tuple[bytes, tuple[str, ...], tuple[str, ...]]]

    def call(self, function: str, args: Sequence[Any]) -> bytes:
        """Return the calldata of a function; addresses may be numbers."""
        begins, inputs, _ = self.functions[function]
        plain = [
            f"0x{arg:040x}" if kind == "address" and isinstance(arg, int) else arg
            for kind, arg in zip(inputs, args, strict=True)
        ]
        return begins + encode(inputs, plain)

    def result(self, function: str, data: bytes) -> tuple[Any, ...]:
        """Decode what a function returned."""
        return tuple(decode(self.functions[function][2], data))


@dataclass(frozen=True, repr=False, eq=False)
class PerpSite:
    """The deployment, its one member's key, and the node."""

    contracts: Mapping[str, Deployed]
    committee: Committee
    key: coincurve.PrivateKey
    rpc_url: str
    client: httpx.Client
    reverts: Reverts

    def calldata(self, call: Call) -> tuple[int, str, bytes]:
        """Return the sender, the target and the bytes of a call, its report signed."""
        args = [self._signed(arg) if isinstance(arg, Report) else arg for arg in call.args]
        sender = call.sender or int(self.contracts["vault"].address, 16)
        return sender, call.target, self.contracts[call.target].call(call.function, args)

    def run(self, blocks: Sequence[Block]) -> list[Answer]:
        """Make the calls, one after the other, in blocks that are then forgotten."""
        params: dict[str, Any] = {"blockStateCalls": [self._block(block) for block in blocks]}
        request = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "eth_simulateV1",
            "params": [params, "latest"],
        }
        answer = self.client.post(self.rpc_url, json=request).json()
        assert "result" in answer, answer
        return [self._answer(call) for block in answer["result"] for call in block["calls"]]

    def _block(self, block: Block) -> dict[str, Any]:
        return {
            "blockOverrides": {"time": hex(block.time_s), "gasLimit": hex(_GAS)},
            "calls": [
                {
                    "from": f"0x{sender:040x}",
                    "to": self.contracts[target].address,
                    "gas": hex(_CALL_GAS),
                    "data": "0x" + data.hex(),
                }
                for sender, target, data in block.calls
            ],
        }

    def _answer(self, call: dict[str, Any]) -> Answer:
        data = bytes.fromhex(call["returnData"][2:])
        if call["status"] == "0x1":
            return Answer(data, None)
        return Answer(data, self.reverts.name(data).partition("(")[0])

    def _signed(self, report: Report) -> bytes:
        leaf = Leaf(0, report.prev_ms, pack_word(report.time_ms, report.entries))
        unsigned = Unsigned(1, report.time_ms // 400, bytes(32), (leaf,))
        signature = self.key.sign_recoverable(unsigned.digest(self.committee.salt), hasher=None)
        signed = SignedReport(
            unsigned.epoch, unsigned.slot, bytes(32), 1, (leaf,), (), 1, (compact(signature),)
        )
        return encode_report(signed)


def opening_calls(site: PerpSite) -> list[tuple[int, str, bytes]]:
    """Return the calls that give everyone tokens, and the vault leave to take them."""
    vault = site.contracts["vault"].address
    calls = []
    for owner in (ALICE, BOB, KEEPER):
        for token in ("usd", "ether"):
            contract = site.contracts[token]
            calls.append((owner, token, contract.call("mint", [owner, _PLENTY])))
            calls.append((owner, token, contract.call("approve", [vault, _PLENTY])))
    return calls
