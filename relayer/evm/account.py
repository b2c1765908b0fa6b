"""One wallet on one chain, and what it takes to send from it."""

from __future__ import annotations

from dataclasses import dataclass

from oracle.keys.signer import Signer
from relayer.base import Clock
from relayer.evm.book import Book
from relayer.evm.fees import Fees
from relayer.evm.ledger import Bid
from relayer.evm.moves import Pace
from relayer.evm.node import Node
from relayer.evm.pricing import Pricing
from relayer.evm.transaction import Call, sign_transaction
from relayer.faults import Faults
from relayer.metrics import RelayerMetrics


@dataclass(frozen=True, slots=True)
class Account:
    """`address` is the wallet's, `book` what it has sent."""

    node: Node
    signer: Signer
    address: str
    book: Book
    pricing: Pricing
    pace: Pace
    metrics: RelayerMetrics
    faults: Faults
    clock: Clock

    @property
    def chain(self) -> str:
        """The operator's name for the chain."""
        return self.node.rpc.chain

    async def sign(self, call: Call, nonce: int, fees: Fees) -> Bid:
        """Sign a call; nothing has it before the journal does.

        Raises:
            Retryable: the key's holder gives no signature in time.
        """
        chain_id = self.node.rpc.chain_id
        return Bid(await sign_transaction(self.signer, call, chain_id, nonce, fees), fees)
