"""What can go wrong between a relayer and an EVM node; library errors become these in `rpc`."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any, Final

from oracle.model.errors import ConfigError, Rejected, Retryable
from relayer.base import TooLarge

MAX_REASON: Final = 500
"""Characters that are kept of what a node or a contract says: it goes into logs and messages."""


class Unreachable(Retryable):
    """Too few endpoints of a chain answer."""


class QuorumFailed(Retryable):
    """Endpoints of a chain contradict each other."""


class Malformed(Exception):
    """A result that a node may not give; its endpoint is passed over."""


class NodeError(Retryable):
    """A node answered with an error."""

    def __init__(self, chain: str, method: str, error: dict[str, Any]) -> None:
        self.reason: Final = str(error.get("message", error))[:MAX_REASON]
        self.data: Final = error.get("data")
        super().__init__(f"chain {chain}: {method} failed: {self.reason}")


class Reverted(Rejected):
    """A call would revert; `data` is what the contract returned."""

    def __init__(self, data: bytes) -> None:
        super().__init__(f"reverts with 0x{data.hex()}")
        self.data: Final = data


class NonceSpent(Retryable):
    """Another transaction took the nonce."""


class Unwritten(Retryable):
    """The journal does not take what would be sent."""


class WalletEmpty(Retryable):
    """The wallet cannot pay for gas."""


class InNoBlock(Retryable):
    """What was sent is in no block yet; it stays in flight."""


class GasAboveMax(TooLarge):
    """A call needs more gas than one transaction may use."""


class OtherDeployment(ConfigError):
    """The contract at an address is not one of the configured deployment."""

    def __init__(self, chain: str, oracle: str, found: bytes, salt: bytes) -> None:
        super().__init__(
            f"chain {chain}: the contract at {oracle} has deployment salt "
            f"0x{found.hex()[:64] or '(none)'}, the configuration's is 0x{salt.hex()}; mend "
            "'oracle' or 'deployment'"
        )


class SendRefusal(Enum):
    """Why a node does not take a transaction."""

    KNOWN = auto()
    """It has it already."""
    SPENT = auto()
    """Another transaction with its nonce is in a block."""
    AHEAD = auto()
    """The node knows no transaction with the nonce before."""
    UNDERPRICED = auto()
    """Another transaction with its nonce is in the pool, or the pool asks more."""
    POOR = auto()
    """The wallet cannot pay."""
    OTHER = auto()


# Nodes agree on no error codes, only (nearly) on these words.
_WORDS: Final = {
    SendRefusal.KNOWN: ("already known", "already imported", "known transaction"),
    SendRefusal.SPENT: ("nonce too low", "nonce is too low", "oldnonce", "already been used"),
    SendRefusal.AHEAD: ("nonce too high", "nonce is too high", "nonce gap", "nonce out of range"),
    SendRefusal.UNDERPRICED: (
        "underpriced",
        "fee too low",
        "gas price too low",
        "less than block base fee",
        "lower than the minimum",
    ),
    SendRefusal.POOR: ("insufficient funds", "insufficient balance"),
}


def send_refusal_of(error: NodeError) -> SendRefusal:
    """Return why a node refused a transaction, by the words that it used."""
    reason = error.reason.lower()
    for refusal, words in _WORDS.items():
        if any(word in reason for word in words):
            return refusal
    return SendRefusal.OTHER
