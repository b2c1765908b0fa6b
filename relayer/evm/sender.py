"""Send calls from one wallet: price, sign, journal, then broadcast; `Tender` sees to the rest."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from eth_utils.address import to_checksum_address

from oracle.keys.signer import Signer
from oracle.model.errors import Retryable
from relayer.base import Clock, MayPush, PassedOn, always
from relayer.evm.account import Account
from relayer.evm.book import Book, Sent
from relayer.evm.errors import GasAboveMax, InNoBlock, WalletEmpty
from relayer.evm.journal import Journal
from relayer.evm.ledger import Purpose, Transaction
from relayer.evm.moves import Pace
from relayer.evm.node import Look, Node
from relayer.evm.pricing import Pricing
from relayer.evm.tender import Tender
from relayer.evm.transaction import Call
from relayer.faults import Faults
from relayer.metrics import RelayerMetrics

GAS_MARGIN_PERCENT: Final = 120
GAS_BEHIND_OTHERS: Final = 150_000
"""More for each group, behind a transaction in no block: an estimate is of the state before that,
and a jump from the word it stores costs more. What is not used is not paid."""
MAX_OPEN: Final = 16
"""Transactions in no block: pools keep few more of one wallet."""


@dataclass(frozen=True, slots=True)
class SendLimits:
    """What a call may use, and how long its sender waits for a block."""

    max_gas: int
    receipt_timeout_s: float


class Sender:
    """The one sender of a wallet on one chain."""

    def __init__(
        self,
        node: Node,
        signer: Signer,
        pricing: Pricing,
        limits: SendLimits,
        pace: Pace,
        journal: Journal,
        metrics: RelayerMetrics,
        faults: Faults,
        clock: Clock = time.time_ns,
    ) -> None:
        self.address: Final = str(to_checksum_address(signer.address))
        journal.own(node.rpc.chain_id, self.address)
        self.book: Final = Book(journal, node.rpc.chain, metrics)
        self._node: Final = node
        self._chain: Final = node.rpc.chain
        self._pricing: Final = pricing
        self._limits: Final = limits
        self._account: Final = Account(
            node, signer, self.address, self.book, pricing, pace, metrics, faults, clock
        )
        self._tender: Final = Tender(self._account)

    def resume(self) -> None:
        """Go on with what an earlier process left."""
        if self.book.unsettled:
            self._tender.kick()

    async def send(
        self,
        to: str,
        data: bytes,
        purpose: Purpose,
        *,
        urgent: bool = False,
        may_push: MayPush = always,
    ) -> Sent:
        """Send a call and return once it is in a block, reverted or not.

        `may_push` is asked at the last moment: to price and to sign takes time.

        Raises:
            Reverted: it would revert; nothing was sent.
            GasAboveMax: it needs more gas than one transaction may use; nothing was sent.
            PassedOn: it may no longer be sent; nothing was.
            Retryable: not sent, or in no block in time; what was sent is seen to all the same.
        """
        transaction, sent = await self._submit(to, data, purpose, urgent=urgent, may_push=may_push)
        timeout_s = self._limits.receipt_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                return await sent
        except TimeoutError as error:
            raise InNoBlock(
                f"chain {self._chain}: {transaction.last.signed.hash} (nonce {transaction.nonce}) "
                f"is in no block after {timeout_s:g} s; it stays in flight"
            ) from error

    async def aclose(self) -> None:
        """Stop, and give the journal up."""
        await self._tender.aclose()
        self.book.close()

    async def _submit(
        self, to: str, data: bytes, purpose: Purpose, *, urgent: bool, may_push: MayPush
    ) -> tuple[Transaction, asyncio.Future[Sent]]:
        if len(self.book.open) >= MAX_OPEN:
            raise Retryable(f"chain {self._chain}: {MAX_OPEN} transactions wait for a block")
        estimate, look, balance_wei, history = await asyncio.gather(
            self._node.estimate(self.address, to, data),
            self._node.look(self.address, []),
            self._node.balance(self.address),
            self._pricing.history(),
        )
        fees = await self._pricing.quote(look.head, history, urgent=urgent)
        async with self._tender.busy:
            self.book.doubt(look.confirmed)
            gas = self._gas(estimate, len(purpose.groups), look)
            self._check_wallet(balance_wei, gas * fees.max_wei)
            nonce = self.book.next_nonce(look.confirmed)
            call = Call(to, data, gas)
            bid = await self._account.sign(call, nonce, fees)
            transaction = Transaction(nonce, purpose, call, [bid], self._account.clock())
            transaction.broadcast_s = asyncio.get_running_loop().time()  # by us, at once
            if not may_push():
                raise PassedOn(self._chain)
            self.book.add(transaction)
            sent = self.book.awaiting(nonce)
        await self._tender.broadcast(transaction, look.head.number)
        return transaction, sent

    def _gas(self, estimate: int, groups: int, look: Look) -> int:
        gas = estimate * GAS_MARGIN_PERCENT // 100
        if any(t.nonce >= look.confirmed for t in self.book.unsettled):
            gas += GAS_BEHIND_OTHERS * groups
        if gas > self._limits.max_gas:
            raise GasAboveMax(
                f"chain {self._chain}: an update of {groups} groups may need {gas} gas; max_gas is "
                f"{self._limits.max_gas}"
            )
        return gas

    def _check_wallet(self, balance_wei: int, needed_wei: int) -> None:
        if balance_wei < needed_wei:
            raise WalletEmpty(
                f"chain {self._chain}: wallet {self.address} cannot pay for gas; top it up (it has "
                f"{balance_wei} wei, this may cost {needed_wei})"
            )
