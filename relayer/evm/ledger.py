"""What a wallet has sent: a transaction for each nonce, and every bid that was signed for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from relayer.evm.fees import GWEI, Fees
from relayer.evm.results import Mined
from relayer.evm.transaction import Call, SignedTransaction

DATA_GAS: Final = 16
"""Of the home chain, for each byte of a rollup's transaction: as calldata, the dearest way."""
DATA_PRICE_WEI: Final = 500 * GWEI
"""No data fee counts for more per such gas, where `max_fee_gwei` is below."""


class TransactionState(StrEnum):
    """Where a transaction is; docs/relayer.md draws it."""

    OPEN = "open"
    """Signed; in no block."""
    MINED = "mined"
    """In a block that may still leave the chain."""
    FINAL = "final"
    DISPLACED = "displaced"
    """Another transaction, not of ours, took its nonce."""
    STRANDED = "stranded"
    """Signed, and the chain is far before its nonce: kept, and sent again once it comes there."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a transaction is for; without groups it only fills a gap of nonces."""

    slot: int
    groups: tuple[int, ...]
    reason: str
    signed_ns: int


FILLER = Purpose(0, (), "fill", 0)


@dataclass(slots=True, eq=False)
class Bid:
    """One signed transaction: these bytes, and never others, are broadcast for it."""

    signed: SignedTransaction
    fees: Fees
    taken_block: int | None = None
    """The newest block when a node first took it; None until one does. Not kept on disk."""


@dataclass(slots=True, eq=False)
class Transaction:
    """A nonce of ours, and what was bid for it. `block` and what follows are of the mined bid."""

    nonce: int
    purpose: Purpose
    call: Call
    bids: list[Bid]
    first_sent_ns: int
    state: TransactionState = TransactionState.OPEN
    block: int = 0
    block_hash: str = ""
    paid_wei: int = 0
    mined_ns: int = 0
    broadcast_s: float = field(default=float("-inf"))
    """Loop time of the newest broadcast. What follows is not kept on disk."""
    missing_since_s: float | None = None
    """Loop time since which the chain contradicts the state."""
    underpriced: bool = False
    """A node said so of the newest bid."""

    @property
    def hashes(self) -> list[str]:
        """Hashes of all bids, oldest first."""
        return [bid.signed.hash for bid in self.bids]

    @property
    def replacements(self) -> int:
        """How often it was offered again for more."""
        return len(self.bids) - 1

    @property
    def last(self) -> Bid:
        """The newest bid."""
        return self.bids[-1]

    def bounded(self, mined: Mined, cap_wei: int) -> Mined:
        """Return a receipt that claims no more than the bid it is of can have cost.

        `cap_wei` is the most that is bid per gas. What a receipt leaves out is the bid's price.
        """
        bid = next((bid for bid in self.bids if bid.signed.hash == mined.transaction), self.last)
        most_wei, data_gas = bid.fees.max_wei, DATA_GAS * len(bid.signed.raw)
        return replace(
            mined,
            gas_used=min(mined.gas_used, self.call.gas),
            price_wei=most_wei if mined.price_wei is None else min(mined.price_wei, most_wei),
            data_fee_wei=min(mined.data_fee_wei, data_gas * max(cap_wei, DATA_PRICE_WEI)),
        )

    def mine(self, mined: Mined, now_ns: int) -> None:
        """Note the block it is in."""
        self.state, self.missing_since_s = TransactionState.MINED, None
        self.block, self.block_hash = mined.block, mined.block_hash
        self.paid_wei, self.mined_ns = mined.paid_wei, now_ns
