"""Send a transaction from one wallet and see it into a block: sign, broadcast, watch, replace."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import structlog
from eth_utils.address import to_checksum_address

from oracle.keys.signer import Signer
from oracle.model.errors import PlumblineError, Rejected, Retryable
from relayer.base import Clock
from relayer.evm.errors import NodeError, NonceSpent, Refusal, Unreachable, refusal_of
from relayer.evm.fees import Fees, outbid, quote, quote_legacy
from relayer.evm.node import Mined, Node
from relayer.evm.nonces import Nonces
from relayer.evm.transaction import Call, sign_transaction
from relayer.metrics import RelayerMetrics

BIDS: Final = 4
"""Times that a transaction is offered, each at a higher fee, within the receipt time-out."""
GAS_MARGIN_PERCENT: Final = 120
MAX_GAS: Final = 15_000_000
FIRST_LOOK_S: Final = 0.02
"""A receipt is first looked for after this; then the wait doubles up to the chain's poll."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sender may spend, in fees and in time."""

    max_fee_wei: int
    receipt_timeout_s: float
    poll_s: float


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction in a block, when it was first broadcast and when that was seen."""

    mined: Mined
    sent_ns: int
    received_ns: int


class Sender:
    """The one sender of a wallet on one chain."""

    def __init__(
        self,
        node: Node,
        signer: Signer,
        limits: Limits,
        metrics: RelayerMetrics,
        clock: Clock = time.time_ns,
    ) -> None:
        self._node: Final = node
        self._chain: Final = node.rpc.chain
        self._signer: Final = signer
        self._limits: Final = limits
        self._metrics: Final = metrics
        self._clock: Final = clock
        self._nonces: Nonces | None = None
        self._doubtful = True
        self._bids: dict[int, Fees] = {}  # the last fees broadcast under a nonce not settled

    @property
    def address(self) -> str:
        """The wallet's address."""
        return str(to_checksum_address(self._signer.address))

    async def send(self, to: str, data: bytes) -> Sent:
        """Send a call and return once it is in a block, reverted or not.

        Raises:
            Reverted: it would revert; nothing was sent.
            Rejected: it needs more gas than any call of ours may use.
            Retryable: not sent, or not in a block in time; what became of the nonce is looked up
                before the next call.
        """
        estimate, fresh = await asyncio.gather(
            self._node.estimate(self.address, to, data), self._quote()
        )
        gas = estimate * GAS_MARGIN_PERCENT // 100
        if gas > MAX_GAS:
            raise Rejected(
                f"chain {self._chain}: a call of {len(data)} bytes needs {gas} gas; at most "
                f"{MAX_GAS} is sent"
            )
        nonces = await self._current_nonces()
        nonce = nonces.reserve()
        self._metrics.nonce.labels(self._chain).set(nonces.next)
        try:
            sent = await self._see_through(nonce, Call(to, data, gas), fresh)
        except NonceSpent:
            nonces.settle(nonce)
            self._doubtful = True
            raise
        except BaseException:  # cancellation too: the nonce must not stay in flight
            nonces.release(nonce)
            self._doubtful = True
            raise
        nonces.settle(nonce)
        self._bids.pop(nonce, None)
        self._metrics.gas.labels(self._chain).inc(sent.mined.gas_used)
        self._metrics.spent_wei.labels(self._chain).inc(sent.mined.paid_wei)
        return sent

    async def _current_nonces(self) -> Nonces:
        if self._nonces is None:
            self._nonces = Nonces(*await self._node.counts(self.address))
        elif self._doubtful or self._nonces.has_released:
            confirmed, pending = await self._node.counts(self.address)
            self._nonces.synchronise(confirmed, pending)
            self._bids = {n: fees for n, fees in self._bids.items() if n >= confirmed}
        self._doubtful = False
        return self._nonces

    async def _quote(self) -> Fees:
        history = await self._node.fee_history()
        if history is None:
            return quote_legacy(await self._node.gas_price(), self._limits.max_fee_wei)
        return quote(history, self._limits.max_fee_wei)

    async def _see_through(self, nonce: int, call: Call, fresh: Fees) -> Sent:
        """Bid until the transaction is in a block. Does not bid higher while no node answers."""
        hashes: list[str] = []
        sent_ns = self._clock()
        reachable = True
        for bid in range(BIDS):
            if reachable:
                try:
                    fees = self._next_bid(nonce, fresh if bid == 0 else await self._quote())
                    hashes.append(await self._broadcast(nonce, call, fees))
                    if bid:
                        self._metrics.replaced.labels(self._chain).inc()
                        _log.warning("replaced", chain=self._chain, nonce=nonce, fees=str(fees))
                except NonceSpent:
                    if not hashes:
                        raise
                except Retryable as error:
                    if not hashes:
                        raise
                    _log.warning("not_replaced", chain=self._chain, nonce=nonce, error=str(error))
            mined, reachable = await self._watch(hashes, self._limits.receipt_timeout_s / BIDS)
            if mined is not None:
                return Sent(mined, sent_ns, self._clock())
        raise Retryable(
            f"chain {self._chain}: {hashes[-1]} is in no block after "
            f"{self._limits.receipt_timeout_s:g} s"
            + ("" if reachable else "; no RPC endpoint answers")
        )

    def _next_bid(self, nonce: int, fresh: Fees) -> Fees:
        before = self._bids.get(nonce)
        return fresh if before is None else outbid(before, fresh, self._limits.max_fee_wei)

    async def _broadcast(self, nonce: int, call: Call, fees: Fees) -> str:
        """Sign and broadcast; return the hash.

        Raises:
            NonceSpent: another transaction took the nonce.
            Retryable: refused, or no endpoint answers. In the latter case it may have arrived.
        """
        signed = await sign_transaction(self._signer, call, self._node.rpc.chain_id, nonce, fees)
        try:
            await self._node.send_raw(signed.raw)
        except Unreachable:
            self._bids[nonce] = fees
            raise
        except NodeError as error:
            refusal = self._refusal(error, nonce, fees)
            if refusal is not None:
                raise refusal from error
        self._bids[nonce] = fees
        return signed.hash

    def _refusal(self, error: NodeError, nonce: int, fees: Fees) -> PlumblineError | None:
        """Return what a node's refusal of a transaction means; None when it has it already."""
        match refusal_of(error):
            case Refusal.KNOWN:
                return None
            case Refusal.SPENT:
                return NonceSpent(f"chain {self._chain}: nonce {nonce} is spent: {error.reason}")
            case Refusal.UNDERPRICED:
                self._bids[nonce] = fees  # something sits there that the next bid has to beat
            case Refusal.POOR:
                return Retryable(
                    f"chain {self._chain}: wallet {self.address} cannot pay for gas; top it up "
                    f"({error.reason})"
                )
            case Refusal.OTHER:
                pass
        return error

    async def _watch(self, hashes: list[str], for_s: float) -> tuple[Mined | None, bool]:
        """Look for a receipt; say also whether the last look reached a node."""
        loop = asyncio.get_running_loop()
        deadline, wait_s, reachable = loop.time() + for_s, FIRST_LOOK_S, True
        while loop.time() < deadline:
            await asyncio.sleep(min(wait_s, max(deadline - loop.time(), 0)))
            wait_s = min(2 * wait_s, self._limits.poll_s)
            try:
                mined = await self._node.mined(hashes)
            except Retryable:
                reachable = False
                continue
            reachable = True
            if mined is not None:
                return mined, True
        return None, reachable
