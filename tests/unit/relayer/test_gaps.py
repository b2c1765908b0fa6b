"""A chain far before our nonces: who is believed, and what is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from oracle.keys.signer import LocalSigner
from relayer.evm.account import Account
from relayer.evm.book import Book
from relayer.evm.endpoint import Head
from relayer.evm.errors import Unwritten
from relayer.evm.gaps import MAX_FILLED, Gaps
from relayer.evm.journal import Journal
from relayer.evm.ledger import TransactionState
from relayer.evm.moves import Pace
from relayer.evm.node import Look, Node, merged
from relayer.evm.pricing import Pricing
from relayer.evm.results import Mined
from relayer.evm.rpc import JsonRpc
from relayer.faults import Faults
from relayer.metrics import RelayerMetrics
from tests.unit.relayer.test_journal import WALLET, transaction

OURS = MAX_FILLED + 10
"""The nonce of what is in no block."""
QUORUM = 2
PACE = Pace(poll_s=0.0, replace_after_s=15.0, max_replacements=2, finality_depth=10)


def look(confirmed: int) -> Look:
    """What one endpoint says."""
    return Look(Head(100, "0xb", 0, 7), confirmed, ())


class Desk:
    """One account with transactions `OURS` and the next, neither in a block."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        metrics = RelayerMetrics(self.registry)
        self.rpc = JsonRpc("home", 1, ["http://nowhere"], 1.0, metrics)
        self.journal = Journal()
        self.book = Book(self.journal, "home", metrics)
        for nonce in (OURS, OURS + 1):
            self.book.add(transaction(nonce))
        node, faults = Node(self.rpc), Faults("home", metrics)
        pricing = Pricing(node, "auto", 10**9)
        self.gaps = Gaps(
            Account(
                node,
                LocalSigner(bytes([1] * 32)),
                WALLET,
                self.book,
                pricing,
                PACE,
                metrics,
                faults,
                lambda: 0,
            )
        )

    async def hears(self, *said: int) -> None:
        """Let endpoints say how many transactions the chain has, for two polls."""
        for _ in range(2):
            await self.gaps.repair(merged([look(confirmed) for confirmed in said], QUORUM))

    @property
    def states(self) -> dict[int, TransactionState]:
        """By nonce, as the journal has them."""
        return {nonce: t.state for nonce, t in self.journal.load().items()}

    def noted(self) -> float:
        """Return how often the chain was found put back."""
        labels = {"chain": "home", "fault": "rolled_back"}
        return self.registry.get_sample_value("plumbline_relayer_faults_total", labels) or 0


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """One desk, closed after the test."""
    made = Desk()
    yield made
    await made.rpc.aclose()


@pytest.mark.parametrize("said", [(0,), (0, OURS), (OURS, 0, OURS), (0, OURS, OURS)])
async def test_one_endpoint_sets_nothing_aside(desk: Desk, said: tuple[int, ...]) -> None:
    """Alone, or first of two that answer, or of three: a low count of one is not believed."""
    await desk.hears(*said)

    assert desk.states == {OURS: TransactionState.OPEN, OURS + 1: TransactionState.OPEN}
    assert desk.book.next_nonce(OURS) == OURS + 2
    assert desk.noted() == 0


@pytest.mark.parametrize("said", [(0, 0), (0, OURS, 0), (3, 0, 0)])
async def test_a_quorum_is_believed_and_nothing_is_forgotten(
    desk: Desk, said: tuple[int, ...]
) -> None:
    """What was signed keeps its nonce, and does not keep the next ones."""
    waiting = desk.book.awaiting(OURS)
    await desk.hears(*said)

    assert desk.states == {OURS: TransactionState.STRANDED, OURS + 1: TransactionState.STRANDED}
    assert (desk.book.open, desk.book.unsettled, desk.noted()) == ([], [], 1)
    assert [desk.book.next_nonce(n) for n in (0, 5, OURS)] == [0, 5, OURS + 2]
    assert "went back" in str(waiting.exception())


async def test_what_is_set_aside_comes_back_with_the_chain(desk: Desk) -> None:
    """Its turn, or past it: it is tended again, whatever the chain made of it."""
    await desk.hears(0, 0)
    await desk.hears(OURS - 1, OURS - 1)
    assert set(desk.states.values()) == {TransactionState.STRANDED}

    await desk.hears(OURS, OURS)

    assert desk.states == {OURS: TransactionState.OPEN, OURS + 1: TransactionState.OPEN}
    assert [t.nonce for t in desk.book.open] == [OURS, OURS + 1]


async def test_what_was_in_a_block_is_looked_for_there_again(desk: Desk) -> None:
    """A count that was wrong for a while makes no reorganisation of it."""
    desk.book.mined(desk.book.all[OURS], MINED, 0)
    await desk.hears(0, 0)
    await desk.hears(OURS + 1, OURS + 1)

    assert desk.states == {OURS: TransactionState.MINED, OURS + 1: TransactionState.OPEN}


@pytest.mark.parametrize("settled", [TransactionState.FINAL, TransactionState.DISPLACED])
async def test_what_was_settled_keeps_nobody_waiting(desk: Desk, settled: TransactionState) -> None:
    """A deep reorganisation with an update in flight: nothing new goes out that would notice."""
    desk.book.become(desk.book.all[OURS], settled)
    await desk.hears(OURS + 1, OURS + 1)
    assert desk.states[OURS] is settled

    await desk.hears(OURS, OURS)

    assert desk.states == {OURS: TransactionState.MINED, OURS + 1: TransactionState.OPEN}


def test_what_is_set_aside_is_so_for_all_or_none() -> None:
    """A write that fails half-way changes nothing."""
    journal = Journal()
    for nonce in (1, 2):
        journal.add(transaction(nonce))
    first, second = journal.load().values()
    first.state = TransactionState.STRANDED
    broken: Any = object()
    second.state = broken

    with pytest.raises(Unwritten, match="cannot be written"):
        journal.update_all([first, second])
    assert [t.state for t in journal.load().values()] == [
        TransactionState.OPEN,
        TransactionState.OPEN,
    ]


async def test_a_cost_that_the_disk_does_not_take_is_counted_later(desk: Desk) -> None:
    """Who waits for the block is told then, too: until it is written it has not happened."""
    waiting = desk.book.awaiting(OURS)
    desk.journal._db.execute("PRAGMA query_only=1")
    with pytest.raises(Unwritten):
        desk.book.mined(desk.book.all[OURS], MINED, 0)
    assert desk.book.all[OURS].state is TransactionState.OPEN
    desk.journal._db.execute("PRAGMA query_only=0")
    desk.book.mined(desk.book.all[OURS], MINED, 0)

    assert desk.book.spent_day_wei(0) == MINED.paid_wei
    assert waiting.done()


MINED = Mined(f"0x{OURS:02x}00", True, 9, "0xb", 21_000, 1, ())
