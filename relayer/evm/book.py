"""A wallet's transactions in memory, and on disk before anything else happens."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, replace
from typing import Final

from oracle.model.errors import PlumblineError
from relayer.evm.journal import Journal
from relayer.evm.ledger import Bid, Transaction, TransactionState
from relayer.evm.results import Mined
from relayer.metrics import RelayerMetrics

MAX_UNCLAIMED: Final = 256


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction in a block, and when that was seen."""

    transaction: Transaction
    mined: Mined
    received_ns: int


class Book:
    """All of a wallet's transactions by nonce, rising; the one writer of its journal."""

    def __init__(self, journal: Journal, chain: str, metrics: RelayerMetrics) -> None:
        self.all: Final = journal.load()
        self.unclaimed: Final[deque[Sent]] = deque(maxlen=MAX_UNCLAIMED)
        """Transactions seen in a block that nobody waits for any more."""
        self._journal: Final = journal
        self._chain: Final = chain
        self._metrics: Final = metrics
        self._waiting: Final[dict[int, asyncio.Future[Sent]]] = {}
        self._show()

    @property
    def open(self) -> list[Transaction]:
        """Those in no block, by nonce."""
        return [t for t in self.all.values() if t.state is TransactionState.OPEN]

    @property
    def unsettled(self) -> list[Transaction]:
        """Those in no block or in one that may leave the chain, by nonce."""
        return [
            t
            for t in self.all.values()
            if t.state in (TransactionState.OPEN, TransactionState.MINED)
        ]

    def next_nonce(self, confirmed: int) -> int:
        """Return the nonce after all that are ours and all that are in blocks.

        What is stranded keeps its nonces, and others go before it.
        """
        tended = (t.nonce for t in self.all.values() if t.state is not TransactionState.STRANDED)
        nonce = max(confirmed, max(tended, default=-1) + 1)
        while nonce in self.all:
            nonce += 1
        return nonce

    def add(self, transaction: Transaction) -> None:
        """Record a new transaction; durable once this returns."""
        self._journal.add(transaction)
        self.all[transaction.nonce] = transaction
        for nonce in sorted(self.all):  # a filler goes before those it makes way for
            self.all[nonce] = self.all.pop(nonce)
        self._show()

    def add_bid(self, transaction: Transaction, bid: Bid) -> None:
        """Record a replacement; durable once this returns."""
        self._journal.add_bid(transaction, bid)
        transaction.bids.append(bid)
        transaction.underpriced = False

    def mined(self, transaction: Transaction, mined: Mined, now_ns: int) -> None:
        """Record the block a transaction is in, and tell who waits.

        Raises:
            Unwritten: the disk does not take it; nothing has changed.
        """
        more_wei = mined.paid_wei - transaction.paid_wei
        first = not transaction.block_hash
        noted = replace(transaction)
        noted.mine(mined, now_ns)
        self._journal.update(noted, more_wei)  # else it is noted, and counted, with the next look
        transaction.mine(mined, now_ns)
        if first:
            self._metrics.gas.labels(self._chain).inc(mined.gas_used)
        self._metrics.spent_wei.labels(self._chain).inc(max(more_wei, 0))
        sent = Sent(transaction, mined, now_ns)
        waiting = self._waiting.pop(transaction.nonce, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(sent)
        else:
            self.unclaimed.append(sent)
        self._show()

    def become(self, transaction: Transaction, state: TransactionState) -> None:
        """Record another state."""
        transaction.state, transaction.missing_since_s = state, None
        if state is TransactionState.OPEN:
            transaction.broadcast_s, transaction.last.taken_block = float("-inf"), None
        self._journal.update(transaction)
        self._show()

    def prune(self, now_ns: int) -> None:
        """Forget what is long settled."""
        for nonce in self._journal.prune(now_ns):
            self.all.pop(nonce, None)

    def doubt(self, confirmed: int) -> None:
        """Have what was settled looked for again, at once, where the chain is before it."""
        settled = (TransactionState.FINAL, TransactionState.DISPLACED)
        gone = [t for t in self.all.values() if t.nonce >= confirmed and t.state in settled]
        for transaction in gone:
            transaction.state, transaction.missing_since_s = TransactionState.MINED, None
        if gone:
            self._journal.update_all(gone)

    def strand(self, first: int) -> list[int]:
        """Set aside, at once, all from a nonce on; return their nonces."""
        gone = [t for t in self.all.values() if t.nonce >= first]
        for transaction in gone:
            transaction.state, transaction.missing_since_s = TransactionState.STRANDED, None
        self._journal.update_all(gone)
        self._show()
        return [transaction.nonce for transaction in gone]

    def take_back(self, confirmed: int) -> list[int]:
        """Tend again what was stranded and is next, or was in blocks all the time; return the
        nonces."""
        following = confirmed
        while following in self.all:
            following += 1
        back = [
            t
            for t in self.all.values()
            if t.state is TransactionState.STRANDED and t.nonce < following
        ]
        for transaction in back:
            was_mined = transaction.nonce < confirmed and transaction.block_hash
            self.become(transaction, TransactionState.MINED if was_mined else TransactionState.OPEN)
        return [transaction.nonce for transaction in back]

    def spent_day_wei(self, now_ns: int) -> int:
        """Return the fees paid in the last 24 hours."""
        return self._journal.spent_day_wei(now_ns)

    def awaiting(self, nonce: int) -> asyncio.Future[Sent]:
        """Return what becomes of a transaction: its first block, or why there is none."""
        future = self._waiting[nonce] = asyncio.get_running_loop().create_future()
        return future

    def fail(self, nonce: int, error: PlumblineError) -> None:
        """Tell who waits for a transaction that it comes to nothing."""
        waiting = self._waiting.pop(nonce, None)
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)

    def close(self) -> None:
        """Give the journal up."""
        for waiting in self._waiting.values():
            waiting.cancel()
        self._journal.close()

    def _show(self) -> None:
        self._metrics.in_flight.labels(self._chain).set(len(self.open))
