"""What becomes of a transaction, and what is done for it: cases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from relayer.evm.endpoint import Head
from relayer.evm.fees import FeeHistory, Fees, pays_enough
from relayer.evm.ledger import FILLER, Bid, Transaction, TransactionState
from relayer.evm.moves import PATIENT_BLOCKS, Move, Pace, Step, Verdict, judge, next_step
from relayer.evm.node import Look, is_clear, merged
from relayer.evm.results import Mined
from relayer.evm.transaction import Call, SignedTransaction

PACE = Pace(poll_s=1.0, replace_after_s=15.0, max_replacements=2, finality_depth=10)
HISTORY = FeeHistory(100, [10], [20])
RICH, POOR = Fees(220, 20), Fees(90, 10)


def mined(block: int = 100, block_hash: str = "0xb1", transaction: str = "0x0") -> Mined:
    """A receipt."""
    return Mined(transaction, True, block, block_hash, 1, 1, ())


def look(confirmed: int = 5, head: int = 100, *receipts: Mined | None) -> Look:
    """What the chain says; without `receipts` of no transaction."""
    return Look(Head(head, f"0x{head:x}", 0, 7), confirmed, receipts)


def transaction(
    state: TransactionState = TransactionState.OPEN,
    fees: Fees = RICH,
    *,
    bids: int = 1,
    **known: Any,
) -> Transaction:
    """Nonce 5, first broadcast at 0 s, taken at block 100 unless `taken` says otherwise."""
    made = [Bid(SignedTransaction(b"", f"0x{n}"), fees) for n in range(bids)]
    made[-1].taken_block = known.pop("taken", 100)
    t = Transaction(5, FILLER, Call("0x", b"", 0), made, 0, state, broadcast_s=0.0)
    t.block_hash = "0xb1" if state is TransactionState.MINED else ""
    for name, value in known.items():
        setattr(t, name, value)
    return t


@pytest.mark.parametrize(
    ("state", "receipt", "seen", "since_s", "verdict"),
    [
        (TransactionState.OPEN, None, look(5), None, Verdict.STAYS),
        (TransactionState.OPEN, None, look(3), None, Verdict.STAYS),
        (TransactionState.OPEN, mined(), look(6), None, Verdict.MINED),
        (TransactionState.OPEN, mined(), look(5), None, Verdict.STAYS),
        (TransactionState.OPEN, None, look(6), None, Verdict.DOUBTFUL),
        (TransactionState.OPEN, None, look(6), 7.5, Verdict.DOUBTFUL),
        (TransactionState.OPEN, None, look(6), 7.0, Verdict.DISPLACED),
        (TransactionState.MINED, mined(), look(6, 109), None, Verdict.STAYS),
        (TransactionState.MINED, mined(), look(6, 110), None, Verdict.FINAL),
        (TransactionState.MINED, mined(101, "0xb2"), look(6, 111), None, Verdict.MINED),
        (TransactionState.MINED, None, look(5), None, Verdict.DOUBTFUL),
        (TransactionState.MINED, mined(), look(5), None, Verdict.DOUBTFUL),
        (TransactionState.MINED, None, look(5), 7.0, Verdict.VANISHED),
        (TransactionState.MINED, None, look(6), 7.0, Verdict.DISPLACED),
    ],
)
def test_what_the_chain_says(
    state: TransactionState,
    receipt: Mined | None,
    seen: Look,
    since_s: float | None,
    verdict: Verdict,
) -> None:
    """A receipt counts once the wallet's count agrees; contradictions have to last three polls."""
    t = transaction(state, missing_since_s=since_s)

    assert judge(t, receipt, seen, 10.0, PACE) is verdict


@pytest.mark.parametrize(
    ("t", "seen", "history", "now_s", "step"),
    [
        (transaction(taken=None), look(), HISTORY, 0.9, Step(Move.WAIT)),
        (transaction(taken=None), look(), HISTORY, 1.0, Step(Move.REBROADCAST)),
        (transaction(taken=None, underpriced=True), look(), HISTORY, 0.9, Step(Move.WAIT)),
        (transaction(taken=None, underpriced=True), look(), HISTORY, 1.0, Step(Move.BUMP)),
        (transaction(taken=None, underpriced=True, bids=3), look(), HISTORY, 14, Step(Move.WAIT)),
        (
            transaction(taken=None, underpriced=True, bids=3),
            look(),
            HISTORY,
            15,
            Step(Move.REBROADCAST),
        ),
        (transaction(fees=POOR), look(5, 103), HISTORY, 14.9, Step(Move.WAIT)),
        (transaction(fees=POOR), look(5, 103), HISTORY, 15, Step(Move.BUMP, "stuck")),
        (transaction(fees=POOR), look(5, 100), HISTORY, 15, Step(Move.REBROADCAST, "no_new_block")),
        (transaction(fees=POOR), look(4, 103), HISTORY, 15, Step(Move.REBROADCAST)),
        (transaction(fees=POOR), look(5, 103), None, 15, Step(Move.REBROADCAST)),
        (transaction(), look(5, 103), HISTORY, 15, Step(Move.REBROADCAST, "not_included")),
        (
            transaction(),
            look(5, 100 + PATIENT_BLOCKS),
            HISTORY,
            15,
            Step(Move.BUMP, "stuck"),
        ),
        (
            transaction(fees=POOR, bids=3),
            look(5, 103),
            HISTORY,
            15,
            Step(Move.REBROADCAST, "bumps_exhausted"),
        ),
    ],
)
def test_what_is_done(
    t: Transaction, seen: Look, history: FeeHistory | None, now_s: float, step: Step
) -> None:
    """More is paid only for the next nonce, when blocks come, ask for more, and bumps are left."""
    assert next_step(t, history, seen, now_s, PACE) == step


@pytest.mark.parametrize(
    ("bid", "enough"),
    [
        (Fees(120, 20), True),
        (Fees(119, 20), False),
        (Fees(500, 19), False),
        (Fees(120, None), True),
        (Fees(119, None), False),
    ],
)
def test_enough_is_what_those_in_a_hurry_pay(bid: Fees, enough: bool) -> None:
    """The next base fee and an urgent tip on top."""
    assert pays_enough(bid, HISTORY) is enough


def test_one_look_is_what_a_quorum_says() -> None:
    """Numbers that so many reach; receipts that so many have alike."""
    honest, late = look(6, 100, mined(), None), look(5, 99, None, None)
    forged = look(900, 10**6, mined(99, "0xf0"), mined(7, "0xf1", "0x1"))

    said = merged([forged, honest, honest], 2)
    assert (said.confirmed, said.head.number, said.mined) == (6, 100, (mined(), None))
    assert said.claimed == (mined(99, "0xf0"), mined(7, "0xf1", "0x1"))
    said = merged([forged, honest, late], 2)
    assert (said.confirmed, said.head.number, said.mined) == (6, 100, (None, None))
    assert merged([honest], 2).mined == (mined(), None)


def test_a_look_is_clear_when_nobody_else_could_change_it() -> None:
    """Every receipt, or its absence, has a quorum, and so has the wallet's count."""
    has, has_not = look(6, 100, mined()), look(6, 100, None)
    other = look(6, 100, replace(mined(), succeeded=False))

    assert is_clear([has, has], 2)
    assert is_clear([has, other, has], 2)
    assert not is_clear([has, has_not], 2)
    assert not is_clear([has, has_not, other], 2)
    assert not is_clear([look(6), look(7)], 2)
    assert is_clear([look(6), look(7), look(6)], 2)


def test_a_receipt_counts_for_no_more_than_its_bid() -> None:
    """Gas as signed, at the price of the very bid; a rollup's data at the dearest thinkable."""
    cheap, dear = (
        Bid(SignedTransaction(bytes(10), "0x0"), POOR),
        Bid(SignedTransaction(bytes(10), "0x1"), RICH),
    )
    t = Transaction(5, FILLER, Call("0x", b"", 1000), [cheap, dear], 0)
    lie = Mined("0x0", True, 1, "0xb", 10**9, 10**18, (), 10**30)

    assert t.bounded(lie, 1).paid_wei == 1000 * POOR.max_wei + 10 * 16 * 500 * 10**9
    assert t.bounded(lie, 10**12).data_fee_wei == 10 * 16 * 10**12
    assert t.bounded(replace(lie, transaction="0x1"), 1).price_wei == RICH.max_wei


def test_an_honest_receipt_counts_as_it_is() -> None:
    """And one without a price for what was bid."""
    t = transaction()
    honest = Mined("0x0", True, 1, "0xb", 0, 200, (), 0)

    assert t.bounded(honest, 1) == honest
    assert t.bounded(replace(honest, price_wei=None), 1).price_wei == RICH.max_wei
