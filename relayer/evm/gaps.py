"""Nonces that nobody of ours has, before those of ours that wait behind them."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Final

import structlog

from oracle.keys.signer import Signer
from oracle.model.errors import Retryable
from relayer.base import Clock
from relayer.evm.book import Book
from relayer.evm.fees import Fees
from relayer.evm.ledger import FILLER, Bid, Transaction
from relayer.evm.moves import MISSING_POLLS, Pace
from relayer.evm.node import Look, Node
from relayer.evm.pricing import Pricing
from relayer.evm.transaction import Call, sign_transaction
from relayer.faults import Faults

FILLER_GAS: Final = 21_000
MAX_FILLED: Final = 64
"""A larger gap is no gap: the chain is another, or went back beyond what is kept."""

_log = structlog.get_logger(__name__)


class Gaps:
    """Finds and fills the gaps of one wallet, whose `address` is where fillers go."""

    def __init__(
        self,
        node: Node,
        signer: Signer,
        address: str,
        book: Book,
        pricing: Pricing,
        pace: Pace,
        faults: Faults,
        clock: Clock,
    ) -> None:
        self._node: Final = node
        self._chain: Final = node.rpc.chain
        self._signer: Final = signer
        self._address: Final = address
        self._book: Final = book
        self._pricing: Final = pricing
        self._pace: Final = pace
        self._faults: Final = faults
        self._clock: Final = clock
        self._gap_since_s: float | None = None

    async def repair(self, look: Look) -> None:
        """Record a transaction for each missing nonce, once they have been missing for long."""
        lowest = min((t.nonce for t in self._book.open), default=look.confirmed)
        gap = (n for n in range(look.confirmed, lowest) if n not in self._book.all)
        missing = list(islice(gap, MAX_FILLED + 1))
        now_s = asyncio.get_running_loop().time()
        if not missing:
            self._gap_since_s = None
            return
        if self._gap_since_s is None:
            self._gap_since_s = now_s
        if now_s - self._gap_since_s < MISSING_POLLS * self._pace.poll_s:
            return
        self._gap_since_s = None
        if len(missing) > MAX_FILLED:
            self._start_anew(look)
            return
        self._faults.note("nonce_gap", confirmed=look.confirmed, first_of_ours=lowest)
        history = await self._pricing.history()
        fees = await self._pricing.quote(look.head, history, urgent=False)
        for nonce in missing:
            await self._fill(nonce, fees)

    async def _fill(self, nonce: int, fees: Fees) -> None:
        """Send nothing to ourselves: what is behind the gap can then go on."""
        call = Call(self._address, b"", FILLER_GAS)
        signed = await sign_transaction(self._signer, call, self._node.rpc.chain_id, nonce, fees)
        self._book.add(Transaction(nonce, FILLER, call, [Bid(signed, fees)], self._clock()))

    def _start_anew(self, look: Look) -> None:
        _log.error("chain_went_back", chain=self._chain, confirmed=look.confirmed)
        self._faults.note("rolled_back", confirmed=look.confirmed)
        for nonce in self._book.all:
            self._book.fail(nonce, Retryable(f"chain {self._chain} went back to before its nonce"))
        self._book.forget_all()
