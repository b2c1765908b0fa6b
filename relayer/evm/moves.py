"""What becomes of a transaction by what the chain says, and what is done for it next. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

from relayer.evm.fees import FeeHistory, pays_enough
from relayer.evm.ledger import Transaction, TransactionState
from relayer.evm.node import Look
from relayer.evm.results import Mined

MISSING_POLLS: Final = 3
"""Polls for which the chain must contradict what was known: one endpoint may be behind another."""
PATIENT_BLOCKS: Final = 12
"""Blocks for which a bid that pays enough is not raised: it is not its fee that keeps it out."""


class Verdict(Enum):
    """What the chain says of a transaction."""

    STAYS = auto()
    DOUBTFUL = auto()
    """The chain contradicts what was known, but not yet for long."""
    MINED = auto()
    """Now in a block, or in another one than before."""
    FINAL = auto()
    VANISHED = auto()
    """It was in a block, and is in none."""
    DISPLACED = auto()
    """Its nonce is spent, and not by any bid of ours."""


class Move(Enum):
    """What is done for a transaction in no block."""

    WAIT = auto()
    REBROADCAST = auto()
    """The same bytes once more: as they may have been lost, or no node has taken them."""
    BUMP = auto()


class Step(NamedTuple):
    """A move, and the fault that makes it necessary; empty when that is just time passing."""

    move: Move
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait for what."""

    poll_s: float
    replace_after_s: float
    max_replacements: int
    finality_depth: int


def judge(
    transaction: Transaction, mined: Mined | None, look: Look, now_s: float, pace: Pace
) -> Verdict:
    """Return what a look at the chain says of a transaction; `mined` is the bid in a block."""
    t, spent = transaction, look.confirmed > transaction.nonce
    if mined is not None and spent:
        if t.state is TransactionState.OPEN or mined.block_hash != t.block_hash:
            return Verdict.MINED
        final = look.head.number - mined.block >= pace.finality_depth
        return Verdict.FINAL if final else Verdict.STAYS
    if t.state is TransactionState.OPEN and not spent:
        return Verdict.STAYS
    if t.missing_since_s is None or now_s - t.missing_since_s < MISSING_POLLS * pace.poll_s:
        return Verdict.DOUBTFUL
    return Verdict.DISPLACED if spent else Verdict.VANISHED


def next_step(
    transaction: Transaction,
    history: FeeHistory | None,
    look: Look,
    now_s: float,
    pace: Pace,
) -> Step:
    """Return what to do for a transaction in no block.

    Only the one whose nonce is next is ever raised: it alone keeps the others. `history` None
    stands for fees that are not known.
    """
    rest_s = now_s - transaction.broadcast_s
    if transaction.last.taken_block is None:
        return _untaken(transaction, rest_s, pace)
    if rest_s < pace.replace_after_s:
        return Step(Move.WAIT)
    kept_by = _kept_by(transaction, history, look)
    if kept_by != "stuck":
        return Step(Move.REBROADCAST, kept_by)
    exhausted = transaction.replacements >= pace.max_replacements
    return Step(Move.REBROADCAST, "bumps_exhausted") if exhausted else Step(Move.BUMP, "stuck")


def _kept_by(transaction: Transaction, history: FeeHistory | None, look: Look) -> str:
    """Return the fault that keeps a transaction out of blocks: `stuck` is that it pays too little,
    an empty one that others of ours go first."""
    blocks = look.head.number - (transaction.last.taken_block or 0)
    if blocks <= 0:
        return "no_new_block"
    if transaction.nonce != look.confirmed or history is None:
        return ""
    enough = pays_enough(transaction.last.fees, history)
    return "not_included" if enough and blocks < PATIENT_BLOCKS else "stuck"


def _untaken(transaction: Transaction, rest_s: float, pace: Pace) -> Step:
    """What to do for a bid that no node has taken yet."""
    if transaction.underpriced and transaction.replacements < pace.max_replacements:
        return Step(Move.BUMP if rest_s >= pace.poll_s else Move.WAIT)
    patience_s = pace.replace_after_s if transaction.underpriced else pace.poll_s
    return Step(Move.REBROADCAST if rest_s >= patience_s else Move.WAIT)
