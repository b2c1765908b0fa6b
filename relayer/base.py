"""The seam between the relayer and its chains: each kind of chain is one class behind `Chain`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from oracle.model.errors import Rejected, Retryable
from oracle.model.messages import Receipt

Clock = Callable[[], int]
"""Returns unix time in ns."""
MayPush = Callable[[], bool]
"""Says whether something new may be sent to a chain at this moment."""


def always() -> bool:
    """Who has its chains to itself may always push."""
    return True


@dataclass(frozen=True, slots=True)
class Delivery:
    """One report, cut to the groups that a chain needs."""

    body: bytes
    groups: tuple[int, ...]
    slot: int
    reason: str
    signed_ns: int


class UpdateRefused(Rejected):
    """The contract refuses this delivery; `error` is its own name for why, without arguments."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        name = reason.partition("(")[0]
        self.error = name if name.isidentifier() else "Reverted"


class TooLarge(Retryable):
    """A delivery is more than one transaction may carry: part it."""


class PassedOn(Retryable):
    """A chain was passed on, or may have been, while a push was made ready; nothing was sent."""

    def __init__(self, chain: str) -> None:
        super().__init__(f"chain {chain}: another relayer may have it by now; nothing was sent")


class Chain(Protocol):
    """One deployment of the contracts on one chain, and the wallet that pays there."""

    @property
    def name(self) -> str:
        """The operator's name for the chain."""
        ...

    @property
    def chain_id(self) -> int:
        """The chain's own number."""
        ...

    @property
    def kind(self) -> str:
        """`evm`, or another family of chains."""
        ...

    async def start(self, salt: bytes) -> None:
        """Check that this is the chain it should be, with the contract of this deployment.

        Raises:
            ConfigError: another chain, no contract there, or one of another deployment.
            Retryable: the chain cannot be reached.
        """
        ...

    async def held(self, groups: Collection[int]) -> dict[int, bytes]:
        """Return the 32-byte word that the chain holds for each group; zeros for never stored.

        Raises:
            Retryable: the chain cannot be reached.
        """
        ...

    async def push(self, delivery: Delivery, may_push: MayPush = always) -> Receipt:
        """Send a delivery and wait until it is in a block; several may be under way at once.

        `may_push` is asked once more when all is ready, before anything is written or sent.

        The receipt's `groups` are those the contract stored: none when another relayer was first,
        which is a success. What was sent is seen to until its block is final, also when nobody
        waits for it any more.

        Raises:
            UpdateRefused: the contract would revert; nothing was sent.
            TooLarge, PassedOn: nothing was sent.
            Retryable: not sent, or not seen in a block in time. It may still arrive: harmless, as
                a contract takes each group only once and only forward.
        """
        ...

    def in_flight(self) -> list[Delivery]:
        """Return what is sent and in no block yet, by this process or one before."""
        ...

    async def settled(self) -> list[Receipt]:
        """Return receipts that nobody waited for any more, each once."""
        ...

    def spent_day_wei(self) -> int:
        """Return the fees paid in the last 24 hours."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...
