"""The few methods of an EVM node that a relayer needs, typed. Quantities are in wei and gas."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from relayer.evm.errors import NodeError, Reverted
from relayer.evm.fees import HISTORY_BLOCKS, REWARD_PERCENTILE, FeeHistory
from relayer.evm.rpc import Call, JsonRpc

_QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction in a block."""

    transaction: str
    succeeded: bool
    block: int
    gas_used: int
    paid_wei: int
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True)
class Log:
    """An event: the address that emitted it (lower case), its topics and data."""

    address: str
    topics: tuple[str, ...]
    data: bytes


class Node:
    """An EVM node behind `JsonRpc`. Every method raises Retryable when it cannot answer."""

    def __init__(self, rpc: JsonRpc) -> None:
        self.rpc: Final = rpc

    async def code(self, address: str) -> bytes:
        """Return the code at an address; empty where there is none."""
        return self._bytes("eth_getCode", await self.rpc.call("eth_getCode", address, "latest"))

    async def call(
        self, to: str, data: bytes, *, sender: str | None = None, block: int | str = "latest"
    ) -> bytes:
        """Return what a call returns.

        Raises:
            Reverted: with the contract's data.
        """
        transaction = {"to": to, "data": "0x" + data.hex()} | ({"from": sender} if sender else {})
        tag = block if isinstance(block, str) else hex(block)
        try:
            return self._bytes("eth_call", await self.rpc.call("eth_call", transaction, tag))
        except NodeError as error:
            raise _reverted(error) from error

    async def calls_and_balance(
        self, to: str, datas: Collection[bytes], account: str
    ) -> tuple[list[bytes], int]:
        """Return what several calls return, and an account's balance, read together."""
        calls: list[Call] = [
            ("eth_call", [{"to": to, "data": "0x" + data.hex()}, "latest"]) for data in datas
        ]
        *results, balance = await self.rpc.batch([*calls, ("eth_getBalance", [account, "latest"])])
        values = [self._bytes("eth_call", result) for result in results]
        return values, self._quantity("eth_getBalance", balance)

    async def counts(self, account: str) -> tuple[int, int]:
        """Return how many transactions an account has in blocks, and with the pool's."""
        name = "eth_getTransactionCount"
        results = await self.rpc.batch([(name, [account, tag]) for tag in ("latest", "pending")])
        confirmed, pending = (self._quantity(name, result) for result in results)
        return confirmed, max(confirmed, pending)

    async def estimate(self, sender: str, to: str, data: bytes) -> int:
        """Return the gas that a transaction would use.

        Raises:
            Reverted: it would fail, with the contract's data.
        """
        transaction = {"from": sender, "to": to, "data": "0x" + data.hex()}
        try:
            return await self._estimate(transaction, "latest")
        except Reverted:
            # By the clock of an old block a fresh report is from the future, so ask for the next
            # one too. Not first: there an update that waits in the pool makes ours look cheap.
            return await self._estimate(transaction, "pending")

    async def _estimate(self, transaction: dict[str, str], block: str) -> int:
        try:
            result = await self.rpc.call("eth_estimateGas", transaction, block)
        except NodeError as error:
            raise _reverted(error) from error
        return self._quantity("eth_estimateGas", result)

    async def fee_history(self) -> FeeHistory | None:
        """Return recent fees; None on a chain without EIP-1559."""
        name = "eth_feeHistory"
        try:
            history = await self.rpc.call(
                name, hex(HISTORY_BLOCKS), "latest", [float(REWARD_PERCENTILE)]
            )
        except NodeError:
            return None
        try:
            base = history["baseFeePerGas"]
            rewards = [self._quantity(name, row[0]) for row in history.get("reward") or ()]
            return FeeHistory(self._quantity(name, base[-1]), rewards) if base else None
        except (KeyError, TypeError, IndexError):
            return None

    async def gas_price(self) -> int:
        """Return the node's legacy gas price."""
        return self._quantity("eth_gasPrice", await self.rpc.call("eth_gasPrice"))

    async def send_raw(self, raw: bytes) -> None:
        """Broadcast a signed transaction."""
        await self.rpc.call("eth_sendRawTransaction", "0x" + raw.hex())

    async def mined(self, transactions: Collection[str]) -> Mined | None:
        """Return the one of these transactions that is in a block, if any."""
        name = "eth_getTransactionReceipt"
        for receipt in await self.rpc.batch([(name, [hash_]) for hash_ in transactions]):
            if receipt is None:
                continue
            if not isinstance(receipt, dict):
                raise self._malformed(name, receipt)
            if receipt.get("blockNumber") is not None:
                return self._mined(name, receipt)
        return None

    def _mined(self, method: str, receipt: dict[str, Any]) -> Mined:
        gas = self._quantity(method, receipt.get("gasUsed"))
        try:
            logs = tuple(
                Log(log["address"].lower(), tuple(log["topics"]), self._bytes(method, log["data"]))
                for log in receipt["logs"]
            )
            hash_ = str(receipt["transactionHash"])
        except (KeyError, TypeError, AttributeError) as error:
            raise self._malformed(method, receipt) from error
        return Mined(
            transaction=hash_,
            succeeded=self._quantity(method, receipt.get("status")) == 1,
            block=self._quantity(method, receipt["blockNumber"]),
            gas_used=gas,
            paid_wei=gas * self._quantity(method, receipt.get("effectiveGasPrice", "0x0")),
            logs=logs,
        )

    def _quantity(self, method: str, value: Any) -> int:
        if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
            raise self._malformed(method, value)
        return int(value, 16)

    def _bytes(self, method: str, value: Any) -> bytes:
        try:
            return bytes.fromhex(value.removeprefix("0x"))
        except (AttributeError, ValueError) as error:
            raise self._malformed(method, value) from error

    def _malformed(self, method: str, value: Any) -> NodeError:
        return NodeError(self.rpc.chain, method, {"message": f"answers {value!r:.80}"})


def _reverted(error: NodeError) -> Exception:
    """Return a revert as `Reverted`, any other error as it is. Nodes agree only on this much."""
    data = error.data
    if isinstance(data, dict):  # some wrap it once more
        data = data.get("data")
    if isinstance(data, str) and data.startswith("0x"):
        try:
            return Reverted(bytes.fromhex(data[2:]))
        except ValueError:
            return error
    return Reverted(b"") if "revert" in error.reason.lower() else error
