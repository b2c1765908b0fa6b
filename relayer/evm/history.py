"""What updates of a contract cost a wallet, as the chain's own events and receipts tell.

Bounded in requests and in receipts: what a chain's endpoint does not tell within that is not
guessed, and `over_s` says what the figures are of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from oracle.model.errors import Retryable
from relayer.evm.abi import UPDATED_TOPIC, stored_groups
from relayer.evm.endpoint import Head
from relayer.evm.errors import Malformed
from relayer.evm.results import data, first_head, number, quantity
from relayer.evm.rpc import JsonRpc

DAY_S: Final = 86_400.0
FIRST_SPAN: Final = 2_000
"""Blocks asked for in one request; many providers refuse more than 10,000, some more than 1,000."""
LEAST_SPAN: Final = 50
MOST_REQUESTS: Final = 40
MOST_RECEIPTS: Final = 300
RECEIPTS: Final = 50
"""In one request."""
_FEW_EVENTS: Final = 50


@dataclass(frozen=True, slots=True)
class Update:
    """A transaction that stored groups, of whoever sent it."""

    transaction: str
    sender: str
    """Lower case."""
    block: int
    time_s: float
    gas_used: int
    paid_wei: int
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class History:
    """Updates, newest first, and how far back that is complete, in seconds."""

    updates: tuple[Update, ...]
    over_s: float

    def spent_wei(self, wallet: str) -> int:
        """Return what a wallet paid in all that time."""
        return sum(update.paid_wei for update in self.of(wallet))

    def of(self, wallet: str) -> list[Update]:
        """Return a wallet's updates, newest first."""
        return [update for update in self.updates if update.sender == wallet.lower()]

    def wei_per_day(self, wallet: str, now_s: float, useless: int = 0) -> float | None:
        """Return a wallet's rate of spending since its first update here; None of nothing after it.

        The first one only begins the time, so that a relayer that started an hour ago is not
        taken to spend a day's fees in that hour, nor an hour's in a day. What stored nothing
        (reverts, no-ops, fillers of nonces) leaves no event: it is taken to cost what an update
        does, which is more than it did.
        """
        updates = self.of(wallet)
        if len(updates) + useless < 2:
            return None
        paid = sum(update.paid_wei for update in updates[:-1])
        paid += useless * self.spent_wei(wallet) // len(updates)
        return paid * DAY_S / max(now_s - updates[-1].time_s, 1.0)


class HistoryReader:
    """Reads one contract's past."""

    def __init__(self, rpc: JsonRpc, oracle: str) -> None:
        self._rpc: Final = rpc
        self._oracle: Final = oracle

    async def read(self, block: int, time_s: float, window_s: float = DAY_S) -> History:
        """Return the updates up to a block, of a day or of as much as the bounds allow.

        Raises:
            Retryable: the chain cannot be reached, or does not tell.
        """
        events, from_s = await self._events(block, time_s, time_s - window_s)
        if len(events) > MOST_RECEIPTS:
            events = events[:MOST_RECEIPTS]
            from_s = events[-1].time_s
        updates = await self._updates([event for event in events if event.time_s >= from_s])
        return History(tuple(updates), time_s - from_s)

    async def useless_of(self, history: History, wallet: str) -> int:
        """Return how many transactions of a wallet since its first update here stored nothing.

        Raises:
            Retryable: the chain cannot be reached, or does not tell.
        """
        updates = history.of(wallet)
        if not updates:
            return 0
        sent = await self._rpc.first(
            [
                ("eth_getTransactionByHash", [updates[-1].transaction]),
                ("eth_getTransactionCount", [wallet, "latest"]),
            ],
            _sent_since,
        )
        return max(sent - len(updates), 0)

    async def _events(
        self, block: int, time_s: float, since_s: float
    ) -> tuple[list[_Event], float]:
        """Return events, newest first, and the time that they go back to."""
        events: list[_Event] = []
        span, end, known, known_s = FIRST_SPAN, block + 1, block, time_s
        for _ in range(MOST_REQUESTS):
            if end == 0 or known_s <= since_s or len(events) >= MOST_RECEIPTS:
                break
            first = max(end - span, 0)
            try:
                found = await self._logs(first, end - 1)
                first_s = float((await self._block(first)).time_s)
            except Retryable:
                if span <= LEAST_SPAN:
                    raise
                span //= 4  # too many blocks or events for this provider
                continue
            pace_s = (known_s - first_s) / max(known - first, 1)
            events += [
                event
                if event.time_s
                else replace(event, time_s=known_s - (known - event.block) * pace_s)
                for event in found
            ]
            end, known, known_s = first, first, first_s
            if len(found) < _FEW_EVENTS:
                span = min(2 * span, 4 * FIRST_SPAN)
        return events, max(known_s, since_s)

    async def _block(self, number: int) -> Head:
        return await self._rpc.first([("eth_getBlockByNumber", [hex(number), False])], first_head)

    async def _logs(self, first: int, last: int) -> list[_Event]:
        asked = {
            "address": self._oracle,
            "topics": [UPDATED_TOPIC],
            "fromBlock": hex(first),
            "toBlock": hex(last),
        }
        events = await self._rpc.first([("eth_getLogs", [asked])], lambda said: _events_of(said[0]))
        return sorted(events, key=lambda event: event.block, reverse=True)

    async def _updates(self, events: Sequence[_Event]) -> list[Update]:
        by_hash: dict[str, _Event] = {}
        for event in events:
            before = by_hash.get(event.transaction)
            groups = event.groups if before is None else before.groups + event.groups
            by_hash[event.transaction] = replace(event, groups=groups)
        hashes, updates = list(by_hash), list[Update]()
        for start in range(0, len(hashes), RECEIPTS):
            part = hashes[start : start + RECEIPTS]
            updates += await self._rpc.first(
                [("eth_getTransactionReceipt", [hash_]) for hash_ in part],
                lambda said: [_update(receipt, by_hash) for receipt in said if receipt],
            )
        return updates


@dataclass(frozen=True, slots=True)
class _Event:
    transaction: str
    block: int
    time_s: float
    """0 where the node leaves it out."""
    groups: tuple[int, ...]


def _events_of(logs: Any) -> list[_Event]:
    try:
        return [
            _Event(
                str(log["transactionHash"]),
                quantity(log["blockNumber"]),
                float(quantity(log.get("blockTimestamp") or "0x0")),
                stored_groups(data(log["data"])),
            )
            for log in logs
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise Malformed(f"answers {logs!r:.80}") from error


def _sent_since(said: list[Any]) -> int:
    """Count a transaction and those after it."""
    try:
        return number(said[1]) - number(said[0]["nonce"])
    except (KeyError, TypeError) as error:
        raise Malformed(f"answers {said!r:.80}") from error


def _update(receipt: Any, events: Mapping[str, _Event]) -> Update:
    try:
        event = events[receipt["transactionHash"]]
        gas, price = quantity(receipt["gasUsed"]), quantity(receipt.get("effectiveGasPrice", "0x0"))
        data_fee = quantity(receipt.get("l1Fee") or "0x0")  # of rollups, on top of gas
        return Update(
            transaction=event.transaction,
            sender=str(receipt["from"]).lower(),
            block=event.block,
            time_s=event.time_s,
            gas_used=gas,
            paid_wei=gas * price + data_fee,
            groups=event.groups,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Malformed(f"answers {receipt!r:.80}") from error
