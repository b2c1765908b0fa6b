"""Nonces that nobody of ours has, before those of ours that wait behind them."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Final

import structlog

from oracle.model.errors import Retryable
from relayer.evm.account import Account
from relayer.evm.fees import Fees
from relayer.evm.ledger import FILLER, Transaction
from relayer.evm.moves import MISSING_POLLS
from relayer.evm.node import Look
from relayer.evm.transaction import Call

FILLER_GAS: Final = 21_000
MAX_FILLED: Final = 64
"""A larger gap is no gap: the chain was put back to long ago, beyond what is kept."""

_log = structlog.get_logger(__name__)


class Gaps:
    """Finds and fills the gaps of one account; fillers go to itself."""

    def __init__(self, account: Account) -> None:
        self._account: Final = account
        self._book: Final = account.book
        self._faults: Final = account.faults
        self._gap_since_s: float | None = None

    async def repair(self, look: Look) -> None:
        """Record a transaction for each missing nonce, once they have been missing for long.

        Where those are too many, what is behind them is set aside, until the chain comes there.
        What was settled is no gap, but keeps what is behind it as well when the chain drops it.
        """
        self._book.doubt(look.confirmed)
        back = self._book.take_back(look.confirmed)
        if back:
            _log.warning("stranded_taken_back", chain=self._account.chain, nonces=back)
        first = look.confirmed + look.leeway
        lowest = min((t.nonce for t in self._book.open), default=first)
        gap = (n for n in range(first, lowest) if n not in self._book.all)
        missing = list(islice(gap, MAX_FILLED + 1))
        now_s = asyncio.get_running_loop().time()
        if not missing:
            self._gap_since_s = None
            return
        if self._gap_since_s is None:
            self._gap_since_s = now_s
        if now_s - self._gap_since_s < MISSING_POLLS * self._account.pace.poll_s:
            return
        if len(missing) > MAX_FILLED:
            if look.quorate:  # else one endpoint's lie could set everything aside
                self._gap_since_s = None
                self._start_anew(first)
            return
        self._gap_since_s = None
        self._faults.note("nonce_gap", confirmed=look.confirmed, first_of_ours=lowest)
        history = await self._account.pricing.history()
        fees = await self._account.pricing.quote(look.head, history, urgent=False)
        for nonce in missing:
            await self._fill(nonce, fees)

    async def _fill(self, nonce: int, fees: Fees) -> None:
        """Send nothing to ourselves: what is behind the gap can then go on."""
        account, call = self._account, Call(self._account.address, b"", FILLER_GAS)
        bid = await account.sign(call, nonce, fees)
        self._book.add(Transaction(nonce, FILLER, call, [bid], account.clock()))

    def _start_anew(self, confirmed: int) -> None:
        """Go on from the chain's count; what was signed stays the only thing for its nonce."""
        stranded, chain = self._book.strand(confirmed), self._account.chain
        self._faults.note("rolled_back", confirmed=confirmed, stranded=stranded)
        for nonce in stranded:
            self._book.fail(nonce, Retryable(f"chain {chain} went back to before its nonce"))
