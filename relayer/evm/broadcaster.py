"""Send signed bytes, and name what nodes say to them."""

from __future__ import annotations

import asyncio
from typing import Final

from relayer.evm.errors import NodeError, SendRefusal, Unreachable, send_refusal_of
from relayer.evm.ledger import Transaction
from relayer.evm.node import Node
from relayer.faults import Faults

_FAULTS: Final = {
    SendRefusal.SPENT: "nonce_too_low",
    SendRefusal.AHEAD: "nonce_too_high",
    SendRefusal.UNDERPRICED: "underpriced",
    SendRefusal.POOR: "wallet_empty",
    SendRefusal.OTHER: "refused",
}


class Broadcaster:
    """Broadcasts for one wallet, whose `address` is for the log."""

    def __init__(self, node: Node, address: str, faults: Faults) -> None:
        self._node: Final = node
        self._address: Final = address
        self._faults: Final = faults

    async def broadcast(self, transaction: Transaction, head: int) -> None:
        """Send the newest bid's bytes; whatever comes of it is known by the next look."""
        transaction.broadcast_s = asyncio.get_running_loop().time()
        bid = transaction.last
        try:
            await self._node.send_raw(bid.signed.raw)
        except Unreachable as error:
            self._faults.note("unreachable", error=str(error))
            return
        except NodeError as error:
            refusal = send_refusal_of(error)
            if refusal is not SendRefusal.KNOWN:
                self._refused(transaction, refusal, error)
                return
        else:
            if bid.taken_block is not None:
                self._faults.note("dropped", nonce=transaction.nonce, transaction=bid.signed.hash)
        if bid.taken_block is None:
            bid.taken_block = head

    def _refused(self, transaction: Transaction, refusal: SendRefusal, error: NodeError) -> None:
        fault = _FAULTS[refusal]
        if refusal is SendRefusal.UNDERPRICED:
            transaction.underpriced = True
            fault = "replacement_underpriced" if "replacement" in error.reason.lower() else fault
        nonce = transaction.nonce
        self._faults.note(fault, nonce=nonce, wallet=self._address, error=error.reason)
