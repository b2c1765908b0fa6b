"""See one step's transaction into a block: signed, recorded, broadcast, replaced, seen.

One transaction at a time, and each is in the record before it is broadcast. After a crash the same
bytes go out again, and a nonce never gets a transaction for another step.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Final

import structlog
from eth_utils.address import to_checksum_address
from msgspec.structs import replace

from deploy.evm.finality import outcome_of
from deploy.evm.record import Bid, Record, StepRecord
from deploy.evm.steps import Step
from oracle.keys.signer import Signer
from oracle.model.errors import Rejected, Retryable
from relayer.evm.errors import NodeError, Reverted, SendRefusal, Unreachable, send_refusal_of
from relayer.evm.fees import Fees, outbid, quote, quote_legacy
from relayer.evm.node import Node
from relayer.evm.results import Mined
from relayer.evm.reverts import Reverts
from relayer.evm.sender import GAS_MARGIN_PERCENT
from relayer.evm.transaction import Call, call_of, sign_transaction

BIDS: Final = 6
LATE_RECEIPT_POLLS: Final = 5

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Limits:
    """What may be spent, in fees and in time."""

    max_fee_wei: int
    receipt_timeout_s: float
    poll_s: float
    finality_depth: int
    finality_timeout_s: float


class Wallet:
    """The account that deploys on one chain."""

    def __init__(
        self, node: Node, signer: Signer, limits: Limits, record: Record, reverts: Reverts
    ) -> None:
        self.address: Final = str(to_checksum_address(signer.address))
        self._node: Final = node
        self._signer: Final = signer
        self._limits: Final = limits
        self._record: Final = record
        self._reverts: Final = reverts

    async def quoted(self) -> Fees:
        """Return what gas costs now.

        Raises:
            Retryable: more than the limit, or no node answers.
        """
        history = await self._node.fee_history()
        if history is None:
            return quote_legacy(await self._node.gas_price(), self._limits.max_fee_wei)
        return quote(history, self._limits.max_fee_wei)

    async def finish(self) -> None:
        """See into a block what was signed and is in none, or in none any more.

        Raises:
            Retryable: it is in none yet.
        """
        steps = self._record.deployed.steps
        for name, step in sorted(steps.items(), key=lambda item: item[1].nonce):
            if step.outcome is None:
                _log.info("resuming", step=name, nonce=step.nonce, bids=len(step.bids))
                await self._see_through(name)

    async def send(self, step: Step) -> None:
        """Send a step's transaction and return once it is in a block, failed or not.

        Raises:
            Rejected: it would revert.
            ConfigError: the wallet cannot pay, or has transactions of somebody else pending.
            Retryable: not in a block in time; run again.
        """
        gas = await self.estimate(step)
        fees = await self.quoted()
        nonce = await self._free_nonce()
        bid = await self._signed(Call(step.to, step.data, gas), nonce, fees)
        self._record.write_step(step.name, StepRecord(nonce, (bid,)))
        await self._see_through(step.name)

    async def _signed(self, call: Call, nonce: int, fees: Fees) -> Bid:
        chain_id = self._node.rpc.chain_id
        signed = await sign_transaction(self._signer, call, chain_id, nonce, fees)
        return Bid(signed.hash, "0x" + signed.raw.hex(), fees.max_wei, fees.priority_wei)

    async def estimate(self, step: Step) -> int:
        """Return the gas that a step may use.

        Raises:
            Rejected: it would revert.
        """
        try:
            estimate = await self._node.estimate(self.address, step.to, step.data)
        except Reverted as error:
            raise Rejected(
                f"step {step.name} would revert: {self._reverts.name(error.data)}"
            ) from error
        return estimate * GAS_MARGIN_PERCENT // 100

    async def _free_nonce(self) -> int:
        look = await self._node.look(self.address, ())
        pending = await self._node.rpc.call("eth_getTransactionCount", self.address, "pending")
        if isinstance(pending, str) and int(pending, 16) > look.confirmed:
            raise Retryable(
                f"wallet {self.address} has transactions pending that are not of this record: wait "
                "until they are in blocks, or deploy with a wallet that nothing else uses"
            )
        return look.confirmed

    async def _see_through(self, name: str) -> None:
        for bid in range(BIDS):
            if bid:
                await self._bid_higher(name)
            await self._broadcast(name)
            if await self._watch(name, self._limits.receipt_timeout_s / BIDS):
                return
        raise Retryable(
            f"step {name}: {self._entry(name).bids[-1].hash} is in no block after "
            f"{self._limits.receipt_timeout_s:g} s; run again to go on with it"
        )

    async def _bid_higher(self, name: str) -> None:
        step = self._entry(name)
        first, last = (Fees(bid.max_wei, bid.priority_wei) for bid in (step.bids[0], step.bids[-1]))
        try:
            fees = outbid(first, last, await self.quoted(), self._limits.max_fee_wei)
        except Retryable as error:
            _log.warning("not_replaced", step=name, error=str(error))
            return
        call = call_of(bytes.fromhex(step.bids[0].raw[2:]))
        bid = await self._signed(call, step.nonce, fees)
        self._record.write_step(name, replace(step, bids=(*step.bids, bid)))
        _log.warning("replaced", step=name, nonce=step.nonce, max_wei=fees.max_wei)

    async def _broadcast(self, name: str) -> None:
        bid = self._entry(name).bids[-1]
        try:
            await self._node.send_raw(bytes.fromhex(bid.raw[2:]))
        except Unreachable as error:
            _log.warning("not_broadcast", step=name, error=str(error))
        except NodeError as error:
            match send_refusal_of(error):
                case SendRefusal.KNOWN | SendRefusal.SPENT | SendRefusal.UNDERPRICED:
                    pass  # what is in the pool or in a block is seen by its receipt
                case SendRefusal.POOR:
                    raise Retryable(
                        f"wallet {self.address} cannot pay: top it up and run again"
                    ) from error
                case _:
                    raise Retryable(
                        f"step {name}: {bid.hash} is refused: {error.reason}; run again, or if "
                        f"that is final remove the step from {self._record.path}"
                    ) from error

    async def _watch(self, name: str, for_s: float) -> bool:
        deadline, wait_s = time.monotonic() + for_s, 0.02
        step = self._entry(name)
        hashes = [bid.hash for bid in step.bids]
        while True:
            look = await self._node.look(self.address, hashes)
            if (mined := next(filter(None, look.mined), None)) is not None:
                self._settle(name, step, mined)
                return True
            if look.confirmed > step.nonce:
                await self._displaced(name, step)
                return True
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, self._limits.poll_s)

    def _settle(self, name: str, step: StepRecord, mined: Mined) -> None:
        self._record.write_step(name, replace(step, outcome=outcome_of(mined)))
        _log.log(
            logging.INFO if mined.succeeded else logging.WARNING, "mined",
            step=name, transaction=mined.transaction, block=mined.block, succeeded=mined.succeeded,
        )  # fmt: skip

    async def _displaced(self, name: str, step: StepRecord) -> None:
        """The nonce is spent: by a bid whose receipt comes late, or by somebody else. Then what is
        to do is decided anew by what the chain has."""
        for _ in range(LATE_RECEIPT_POLLS):
            await asyncio.sleep(self._limits.poll_s)
            look = await self._node.look(self.address, [bid.hash for bid in step.bids])
            if (mined := next(filter(None, look.mined), None)) is not None:
                self._settle(name, step, mined)
                return
        _log.warning("displaced", step=name, nonce=step.nonce, hint="the wallet is used elsewhere")
        self._record.drop_step(name)

    def _entry(self, name: str) -> StepRecord:
        step = self._record.step(name)
        if step is None:
            raise LookupError(name)
        return step
