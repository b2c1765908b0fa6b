"""Sees a wallet's transactions into final blocks: broadcasts, watches, replaces, fills gaps.

It alone broadcasts, and only bytes that the journal has. It runs while anything is unsettled,
whether somebody waits for it or not: a process that was killed goes on with what it had sent.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from oracle.model.errors import PlumblineError
from relayer.evm.account import Account
from relayer.evm.broadcaster import Broadcaster
from relayer.evm.errors import NonceSpent
from relayer.evm.fees import FeeAboveCap, FeeHistory, outbid
from relayer.evm.gaps import Gaps
from relayer.evm.ledger import Transaction, TransactionState
from relayer.evm.moves import MISSING_POLLS, Move, Verdict, judge, next_step
from relayer.evm.node import Look
from relayer.evm.results import Mined
from relayer.faults import fault_of

FIRST_LOOK_S: Final = 0.02
"""A receipt is first looked for after this; then the wait doubles up to the chain's poll."""

_log = structlog.get_logger(__name__)


class Tender:
    """Tends the transactions of one account."""

    def __init__(self, account: Account) -> None:
        self._account: Final = account
        self._node: Final = account.node
        self._chain: Final = account.chain
        self._book: Final = account.book
        self._pricing: Final = account.pricing
        self._pace: Final = account.pace
        self._metrics: Final = account.metrics
        self._faults: Final = account.faults
        self._broadcaster: Final = Broadcaster(account.node, account.address, account.faults)
        self._gaps: Final = Gaps(account)
        self._task: asyncio.Task[None] | None = None
        self._kicked: Final = asyncio.Event()
        self._looked_at = ""
        """Hash of the block at which all receipts were looked for, mined ones too."""
        self._blind_since_s: float | None = None
        self._resend = False
        """Whether what is in no block may be in no pool either."""
        self.busy: Final = asyncio.Lock()
        """Held while a nonce is given out and signed."""

    async def broadcast(self, transaction: Transaction, head: int) -> None:
        """Send a new transaction, which the journal has, and tend it."""
        try:
            await self._broadcaster.broadcast(transaction, head)
        finally:  # cancelled too: it is in the journal, and may be in a pool
            self.kick()

    def kick(self) -> None:
        """Look again soon, and go on until all is settled."""
        self._kicked.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        """Stop tending; the journal has what is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        wait_s = FIRST_LOOK_S
        while self._book.unsettled:
            try:
                async with asyncio.timeout(wait_s):
                    await self._kicked.wait()
                self._kicked.clear()
                wait_s = FIRST_LOOK_S
                continue
            except TimeoutError:
                wait_s = (
                    min(2 * wait_s, self._pace.poll_s) if self._book.open else self._pace.poll_s
                )
            try:
                await self._turn()
            except PlumblineError as error:
                self._stumbled(fault_of(error), str(error))
                wait_s = self._pace.poll_s
            except Exception as error:  # noqa: BLE001 (what is in flight must be seen to)
                _log.exception("tender_crashed", chain=self._chain)
                self._stumbled("crashed", str(error))
                wait_s = self._pace.poll_s

    def _stumbled(self, fault: str, error: str) -> None:
        self._faults.note(fault, error=error)
        if self._blind_since_s is None:
            self._blind_since_s = asyncio.get_running_loop().time()

    async def _turn(self) -> None:
        watched = self._book.open or self._book.unsettled
        look = await self._look(watched)
        if len(watched) != len(self._book.unsettled) and self._is_time_for_all(look):
            look = await self._look(self._book.unsettled)
        self._looked_at = look.head.hash
        async with self.busy:
            await self._gaps.repair(look)
        await self._proceed(look)

    def _is_time_for_all(self, look: Look) -> bool:
        doubtful = any(
            t.state is TransactionState.MINED
            and (t.missing_since_s is not None or t.nonce >= look.confirmed)
            for t in self._book.unsettled
        )
        return doubtful or look.head.hash != self._looked_at

    async def _look(self, watched: list[Transaction]) -> Look:
        """Ask for receipts, and take what they say of the transactions."""
        owners = {hash_: t for t in watched for hash_ in t.hashes}
        look = await self._node.look(self._account.address, list(owners))
        self._faults.cleared("unreachable", "quorum_failed")
        mined = {owners[m.transaction].nonce: m for m in look.mined if m is not None}
        claimed = {owners[m.transaction].nonce: m for m in look.claimed if m is not None}
        for transaction in watched:
            nonce = transaction.nonce
            self._settle(transaction, mined.get(nonce), claimed.get(nonce), look)
        self._book.prune(self._account.clock())
        self._metrics.nonce.labels(self._chain).set(self._book.next_nonce(look.confirmed))
        return look

    def _settle(
        self, transaction: Transaction, mined: Mined | None, claimed: Mined | None, look: Look
    ) -> None:
        now_s = asyncio.get_running_loop().time()
        t, verdict = transaction, judge(transaction, mined, look, now_s, self._pace)
        if verdict is Verdict.DOUBTFUL:
            t.missing_since_s = now_s if t.missing_since_s is None else t.missing_since_s
            return
        t.missing_since_s = None
        if verdict is Verdict.DISPLACED and claimed is not None:
            verdict, mined = Verdict.MINED, claimed  # one endpoint has it; the others may hide it
        if verdict is Verdict.MINED and mined is not None:
            if t.state is TransactionState.MINED:
                self._reorganised(t, f"from block {t.block} to {mined.block}")
            self._book.mined(t, self._bounded(t, mined), self._account.clock())
        elif verdict is Verdict.FINAL:
            self._book.become(t, TransactionState.FINAL)
        elif verdict is Verdict.VANISHED:
            self._reorganised(t, f"from block {t.block} to none")
            self._book.become(t, TransactionState.OPEN)
            self._resend = True
        elif verdict is Verdict.DISPLACED:
            self._faults.note("displaced", nonce=t.nonce, transactions=t.hashes)
            self._book.become(t, TransactionState.DISPLACED)
            self._book.fail(
                t.nonce,
                NonceSpent(
                    f"chain {self._chain}: nonce {t.nonce} is spent by a transaction that is not "
                    f"ours: is the key of {self._account.address} used elsewhere?"
                ),
            )

    def _bounded(self, transaction: Transaction, mined: Mined) -> Mined:
        bounded = transaction.bounded(mined, self._pricing.cap_wei)
        if bounded.paid_wei < mined.paid_wei:
            self._faults.note(
                "fee_contradicted",
                transaction=mined.transaction,
                claimed_wei=mined.paid_wei,
                counted_wei=bounded.paid_wei,
            )
        return bounded

    def _reorganised(self, transaction: Transaction, moved: str) -> None:
        self._metrics.reorged.labels(self._chain).inc()
        hash_ = transaction.last.signed.hash
        self._faults.note("reorg", nonce=transaction.nonce, transaction=hash_, moved=moved)

    async def _proceed(self, look: Look) -> None:
        """Do for each transaction in no block what is due, in the order of nonces."""
        blind_s, self._blind_since_s = self._blind_s(), None
        again = self._resend or blind_s >= MISSING_POLLS * self._pace.poll_s
        self._resend = False
        for transaction in self._book.open:
            t, now_s = transaction, asyncio.get_running_loop().time()
            if again:  # it may have been lost: no fee would have helped
                t.last.taken_block = None
                await self._rebroadcast(t, look)
                continue
            waits = t.last.taken_block is not None and t.nonce == look.confirmed
            due = waits and now_s - t.broadcast_s >= self._pace.replace_after_s
            history = await self._pricing.history() if due or t.underpriced else None
            step = next_step(t, history, look, now_s, self._pace)
            if step.fault:
                self._faults.note(step.fault, nonce=t.nonce, transaction=t.last.signed.hash)
            if step.move is Move.BUMP:
                await self._bump(t, look, history)
            elif step.move is Move.REBROADCAST:
                await self._rebroadcast(t, look)

    def _blind_s(self) -> float:
        """Return for how long no look succeeded before this one."""
        since_s = self._blind_since_s
        return 0.0 if since_s is None else asyncio.get_running_loop().time() - since_s

    async def _rebroadcast(self, transaction: Transaction, look: Look) -> None:
        if transaction.broadcast_s > float("-inf"):
            self._metrics.rebroadcast.labels(self._chain).inc()
        await self._broadcaster.broadcast(transaction, look.head.number)

    async def _bump(self, transaction: Transaction, look: Look, history: FeeHistory | None) -> None:
        """Replace a transaction by the same call for more, or leave it where that is too much."""
        t = transaction
        try:
            fresh = await self._pricing.quote(look.head, history, urgent=True)
            fees = outbid(t.bids[0].fees, t.last.fees, fresh, self._pricing.cap_wei)
        except FeeAboveCap as error:
            self._faults.note("fee_above_cap", nonce=t.nonce, error=str(error))
            await self._rebroadcast(t, look)
            return
        self._book.add_bid(t, await self._account.sign(t.call, t.nonce, fees))
        self._metrics.replaced.labels(self._chain).inc()
        _log.warning("replaced", chain=self._chain, nonce=t.nonce, fees=str(fees))
        await self._broadcaster.broadcast(t, look.head.number)
