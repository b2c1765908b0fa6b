"""The few methods of an EVM node that a relayer needs, typed. Quantities are in wei and gas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median_high, median_low
from typing import Any, Final

from relayer.evm import results
from relayer.evm.endpoint import Head
from relayer.evm.errors import NodeError, Reverted
from relayer.evm.fees import HISTORY_BLOCKS, URGENT_PERCENTILE, USUAL_PERCENTILE, FeeHistory
from relayer.evm.results import Mined
from relayer.evm.rpc import JsonRpc, known
from relayer.evm.wire import Query


@dataclass(frozen=True, slots=True)
class Look:
    """What the chain says of a wallet: transactions in blocks, and which of those asked for."""

    head: Head
    confirmed: int
    mined: tuple[Mined | None, ...]
    claimed: tuple[Mined | None, ...] = ()
    """The same as some endpoint has it, where too few do."""
    leeway: int = 0
    """By so much the count may be higher: no quorum rules it out."""
    quorate: bool = True
    """Whether a quorum of endpoints answered."""


AtBlock = tuple[Head, tuple[bytes, ...], int]
"""A block, what calls return there, and a balance."""


class Node:
    """An EVM node behind `JsonRpc`. Every method raises Retryable when it cannot answer."""

    def __init__(self, rpc: JsonRpc) -> None:
        self.rpc: Final = rpc

    async def code(self, address: str) -> bytes:
        """Return the code at an address; empty where there is none."""
        calls: list[Query] = [("eth_getCode", [address, "latest"])]
        return await self.rpc.agreed(calls, lambda said: results.data(said[0]))

    async def call(
        self, to: str, data: bytes, *, sender: str | None = None, block: int | str = "latest"
    ) -> bytes:
        """Return what a call returns.

        Raises:
            Reverted: with the contract's data.
        """
        transaction = {"to": to, "data": "0x" + data.hex()} | ({"from": sender} if sender else {})
        tag = block if isinstance(block, str) else hex(block)
        calls: list[Query] = [("eth_call", [transaction, tag])]
        try:
            return await self.rpc.agreed(calls, lambda said: results.data(said[0]))
        except NodeError as error:
            raise _reverted(error) from error

    async def read(
        self,
        to: str,
        datas: Sequence[bytes],
        account: str,
        choose: Callable[[Sequence[bytes]], bytes] | None = None,
    ) -> AtBlock:
        """Return what several calls return and an account's balance, of one block.

        Where endpoints have to agree, it is the newest block that enough of them know; when they
        do not, `choose` takes one of the values that they claim.

        Raises:
            QuorumFailed: they do not, and there is no `choose`.
        """
        tag = "latest"
        if self.rpc.several:
            head = await self.rpc.head(results.first_head)
            tag = hex(head.number) if self.rpc.quorum > 1 else tag
        calls: list[Query] = [
            ("eth_getBlockByNumber", [tag, False]),
            ("eth_getBalance", [account, tag]),
            *(("eth_call", [{"to": to, "data": "0x" + data.hex()}, tag]) for data in datas),
        ]

        def parse(said: list[Any]) -> AtBlock:
            values = tuple(results.data(result) for result in said[2:])
            return results.head(said[0]), values, results.quantity(said[1])

        return await self.rpc.agreed(calls, parse, partial(_settled, choose) if choose else None)

    async def look(self, account: str, hashes: Sequence[str]) -> Look:
        """Return the wallet's count and the receipts of `hashes`, as far as a quorum says so."""
        calls: list[Query] = [
            ("eth_getBlockByNumber", ["latest", False]),
            ("eth_getTransactionCount", [account, "latest"]),
            *(("eth_getTransactionReceipt", [hash_]) for hash_ in hashes),
        ]

        def parse(said: list[Any]) -> Look:
            mined = tuple(
                results.receipt(result, hash_)
                for result, hash_ in zip(said[2:], hashes, strict=True)
            )
            return Look(results.head(said[0]), results.number(said[1]), mined)

        quorum = self.rpc.quorum

        def enough(looks: Sequence[Look]) -> bool:
            return is_clear(looks, quorum) and self.rpc.near([look.head for look in looks])

        looks = await self.rpc.each(calls, parse, enough)
        return merged(looks, quorum)

    async def balance(self, account: str) -> int:
        """Return an account's balance."""
        return await self._median([("eth_getBalance", [account, "latest"])])

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
            return await self._median([("eth_estimateGas", [transaction, block])])
        except NodeError as error:
            raise _reverted(error) from error

    async def fee_history(self) -> FeeHistory | None:
        """Return recent fees, each of the median endpoint; None where nobody knows them."""
        percentiles = [float(USUAL_PERCENTILE), float(URGENT_PERCENTILE)]
        calls: list[Query] = [("eth_feeHistory", [hex(HISTORY_BLOCKS), "latest", percentiles])]
        try:
            said = await self.rpc.each(calls, lambda said: results.fees(said[0]), self._outvoted)
        except NodeError:
            return None
        told = [history for history in said if history is not None]
        if len(told) < 2:
            return told[0] if told else None
        return FeeHistory(
            median_low(history.next_base_wei for history in told),
            (median_low(history.tip_wei(urgent=False) for history in told),),
            (median_low(history.tip_wei(urgent=True) for history in told),),
        )

    async def gas_price(self) -> int:
        """Return the legacy gas price."""
        return await self._median([("eth_gasPrice", [])])

    async def _median(self, calls: Sequence[Query]) -> int:
        said = await self.rpc.each(calls, lambda said: results.quantity(said[0]), self._outvoted)
        return median_high(said)

    def _outvoted(self, said: Sequence[object]) -> bool:
        """Tell whether so many answered that fewer than a quorum cannot make the median."""
        return len(said) >= 2 * self.rpc.quorum - 1

    async def send_raw(self, raw: bytes) -> None:
        """Broadcast a signed transaction."""
        await self.rpc.broadcast(raw)


def _settled(choose: Callable[[Sequence[bytes]], bytes], said: list[AtBlock]) -> AtBlock:
    claimed = zip(*(values for _, values, _ in said), strict=True)
    oldest = min((head for head, *_ in said), key=lambda head: head.number)
    return oldest, tuple(map(choose, claimed)), min(balance for *_, balance in said)


def is_clear(looks: Sequence[Look], quorum: int) -> bool:
    """Tell whether more endpoints could not change what is known: of the count, of any receipt."""
    counts = [look.confirmed for look in looks]
    for said in (counts, *zip(*(look.mined for look in looks), strict=True)):
        if max(said.count(one) for one in said) < quorum:
            return False
    return True


def merged(looks: Sequence[Look], quorum: int) -> Look:
    """Return what a quorum says: of numbers the highest that so many reach, else what they say
    alike. A receipt that too few know is only claimed."""
    enough = min(quorum, len(looks))
    counts = sorted(look.confirmed for look in looks)
    confirmed, not_more = counts[-enough], counts[enough - 1]
    told = list(zip(*(look.mined for look in looks), strict=True))
    return Look(
        known([look.head for look in looks], quorum),
        confirmed,
        tuple(
            next((one for one in said if one is not None and said.count(one) >= enough), None)
            for said in told
        ),
        tuple(next((one for one in said if one is not None), None) for said in told),
        leeway=max(not_more - confirmed, 0),
        quorate=len(looks) >= quorum,
    )


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
