"""Reads the perp contracts at one block, through the relayer's endpoints and their quorum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from oracle.model.errors import Retryable
from relayer.evm import results
from relayer.evm.endpoint import Head
from relayer.evm.errors import Malformed
from relayer.evm.results import Log
from relayer.evm.rpc import JsonRpc
from relayer.evm.wire import Query
from relayer.keeper import abi
from relayer.keeper.abi import Function
from relayer.keeper.margin import Account, Position

CALLS_AT_ONCE: Final = 90
"""In one request, beside the block's header."""

Call = tuple[str, Function, tuple[Any, ...]]
"""A contract, its function and the arguments."""


class MovedOn(Retryable):
    """The block that was read at is not in the chain any more."""


@dataclass(frozen=True, slots=True)
class Contracts:
    """Where the perp contracts are."""

    oracle: str
    engine: str
    vault: str
    orders: str
    liquidator: str
    risk: str

    @property
    def heard(self) -> list[str]:
        """Those whose events are followed."""
        return [self.engine, self.vault, self.orders, self.liquidator]


@dataclass(frozen=True, slots=True)
class Heard:
    """A log, and the block that it is in."""

    block: int
    log: Log


class PerpReader:
    """Reads state at a named block, and events."""

    def __init__(self, rpc: JsonRpc, contracts: Contracts) -> None:
        self.rpc: Final = rpc
        self.contracts: Final = contracts

    async def head(self) -> Head:
        """Return the newest block that a quorum knows."""
        return await self.rpc.head(results.first_head)

    async def block(self, number: int) -> Head | None:
        """Return a block's header; None beyond the end of the chain."""
        calls: list[Query] = [("eth_getBlockByNumber", [hex(number), False])]
        return await self.rpc.agreed(
            calls, lambda said: None if said[0] is None else results.head(said[0])
        )

    async def logs(self, first: int, last: int) -> tuple[Head, tuple[Heard, ...]]:
        """Return the contracts' events of some blocks, and the header of the last.

        Raises:
            Retryable: no endpoint answers, or it is more than one answer may hold: ask for less.
        """
        topics = [*abi.ACCOUNT_TOPICS, *sorted(abi.ORDER_TOPICS)]
        asked = {
            "fromBlock": hex(first),
            "toBlock": hex(last),
            "address": self.contracts.heard,
            "topics": [topics],
        }
        calls: list[Query] = [
            ("eth_getLogs", [asked]),
            ("eth_getBlockByNumber", [hex(last), False]),
        ]
        return await self.rpc.agreed(calls, _heard)

    async def read(self, head: Head, calls: Sequence[Call]) -> list[tuple[Any, ...]]:
        """Return what calls that never revert answer at a block.

        Raises:
            MovedOn: the block has left the chain.
            Retryable: no endpoint answers.
        """
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(calls), CALLS_AT_ONCE):
            found += await self._read(head, calls[start : start + CALLS_AT_ONCE])
        return found

    async def _read(self, head: Head, calls: Sequence[Call]) -> list[tuple[Any, ...]]:
        tag = hex(head.number)
        queries: list[Query] = [
            ("eth_getBlockByNumber", [tag, False]),
            *(
                ("eth_call", [{"to": to, "data": "0x" + function.call(*given).hex()}, tag])
                for to, function, given in calls
            ),
        ]

        def parse(said: list[Any]) -> tuple[str, tuple[bytes, ...]]:
            here = "" if said[0] is None else results.head(said[0]).hash
            return here, tuple(results.data(one) for one in said[1:])

        here, answers = await self.rpc.agreed(queries, parse)
        if here != head.hash:
            raise MovedOn(f"chain {self.rpc.chain}: block {head.number} is no longer {head.hash}")
        try:
            return [one[1].read(answer) for one, answer in zip(calls, answers, strict=True)]
        except Malformed as error:
            raise Retryable(f"chain {self.rpc.chain}: {error}: other contracts there?") from error

    async def accounts(self, head: Head, numbers: Sequence[int]) -> list[Account]:
        """Return what accounts hold at a block."""
        at = self.contracts
        first = await self.read(
            head,
            [
                call
                for number in numbers
                for call in (
                    (at.vault, abi.CASH_OF, (number,)),
                    (at.vault, abi.HELD_BY, (number,)),
                    (at.engine, abi.MARKETS_OF, (number,)),
                )
            ],
        )
        held = [_bits(mask) for (mask,) in first[1::3]]
        markets = [open_ for (open_,) in first[2::3]]
        asked: list[Call] = []
        for number, collaterals, open_ in zip(numbers, held, markets, strict=True):
            asked += [(at.vault, abi.SHARES_OF, (number, which)) for which in collaterals]
            asked += [(at.engine, abi.POSITION, (number, market)) for market in open_]
        answers = iter(await self.read(head, asked))
        made = []
        for number, (cash,), collaterals, open_ in zip(
            numbers, first[::3], held, markets, strict=True
        ):
            shares = {which: next(answers)[0] for which in collaterals}
            positions = tuple(Position(market, *next(answers)) for market in open_)
            made.append(Account(number, cash, positions, shares))
        return made


def _bits(mask: int) -> list[int]:
    """Return the collaterals of a bit map; 0 is the settlement token, which is cash."""
    return [at for at in range(1, mask.bit_length()) if mask >> at & 1]


def _heard(said: list[Any]) -> tuple[Head, tuple[Heard, ...]]:
    try:
        found = tuple(
            Heard(
                results.number(one["blockNumber"]),
                Log(one["address"].lower(), tuple(one["topics"]), results.data(one["data"])),
            )
            for one in said[0]
            if not one.get("removed")
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Malformed(f"answers {said[0]!r:.80}") from error
    return results.head(said[1]), found
