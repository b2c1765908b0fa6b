"""A lane beside its pushes: what goes at once, what waits, what a budget leaves."""

from __future__ import annotations

import asyncio

from oracle.model.messages import SignedReport
from oracle.model.validity import Validity
from oracle.report.report import decode
from oracle.report.word import Entry
from relayer.base import Delivery, TooLarge, UpdateRefused
from relayer.budget import Budget
from tests.unit.relayer.fakes import FakeChain
from tests.unit.relayer.test_service import Bench, running, until
from tests.unit.relayer.words import report, valid, word

HALTED = Entry(Validity.HALTED)


def delivery(signed: SignedReport) -> Delivery:
    """The whole of a report, as an earlier process sent it."""
    groups = tuple(leaf.group for leaf in decode(signed.body).leaves)
    return Delivery(signed.body, groups, signed.slot, "first", 0)


async def test_a_change_of_validity_does_not_wait_for_what_is_in_flight() -> None:
    """It goes while another hangs; what only moved waits; and goes once nothing hangs."""
    chain = FakeChain()
    bench = Bench(chain)
    async with running(bench):
        await bench.publish(report(1, {0: word(1), 1: word(1)}))
        await until(lambda: len(chain.deliveries) == 1)
        chain.open.clear()
        await bench.publish(report(2, {0: word(2, valid(200_000)), 1: word(2)}))
        await until(lambda: len(chain.deliveries) == 2)
        moved = {0: word(3, valid(300_000)), 1: word(3, valid(300_000))}
        await bench.publish(report(3, moved))
        await bench.publish(report(4, moved | {1: word(4, HALTED)}))
        await until(lambda: len(chain.deliveries) == 3)
        assert bench.lane.pushing
        chain.open.set()
        await until(lambda: len(chain.deliveries) == 4)

    sent = [(d.slot, d.groups, d.reason) for d in chain.deliveries]
    assert sent[:3] == [(1, (0, 1), "first"), (2, (0,), "deviation"), (4, (1,), "validity")]
    assert sent[3] == (4, (0,), "deviation")


async def test_so_many_at_once_and_no_more() -> None:
    """A market that flaps does not fill the pool."""
    chain = FakeChain()
    chain.open.clear()
    bench = Bench(chain)
    async with running(bench):
        for slot in range(1, 8):
            entry = HALTED if slot % 2 else valid()
            await bench.publish(report(slot, {0: word(slot, entry), 1: word(slot)}))
            await until(lambda: bench.metric("reports_total", outcome="taken") == slot)  # noqa: B023
            await until(lambda: len(chain.deliveries) >= min(slot, 4))  # noqa: B023
        reads = chain.reads
        await until(lambda: chain.reads >= reads + 3)
        assert len(chain.deliveries) == 4


async def test_what_an_earlier_process_sent_counts_as_held() -> None:
    """Nothing is sent twice after a restart; a change of validity goes all the same."""
    chain = FakeChain()
    first = report(1, {0: word(1), 1: word(1)})
    chain.sent_before = [delivery(first)]
    bench = Bench(chain)
    async with running(bench):
        await bench.publish(report(2, {0: word(2, valid(200_000)), 1: word(2)}))
        await until(lambda: bench.lane.ailing_s > 0)
        assert chain.deliveries == []
        await bench.publish(report(3, {0: word(3, HALTED), 1: word(3)}))
        await until(lambda: len(chain.deliveries) == 1)
        chain.sent_before = []
        await until(lambda: len(chain.deliveries) == 2)

    assert [(d.slot, d.groups) for d in chain.deliveries] == [(3, (0,)), (3, (1,))]


async def test_receipts_that_nobody_waited_for_are_published() -> None:
    """Those of an earlier process, and of transactions that came back after a reorganisation."""
    chain = FakeChain()
    chain.unclaimed = [await FakeChain().push(delivery(report(1, {0: word(1), 1: word(1)})))]
    bench = Bench(chain)
    async with running(bench):
        await until(lambda: not chain.unclaimed)
        await until(lambda: bench.metric("updates_accepted_total", chain="fake", reason="first"))

    assert [receipt.slot for receipt in await bench.receipts()] == [1]


async def test_large_offers_go_in_parts() -> None:
    """At most so many groups in a transaction, each with its own proof."""
    chain = FakeChain()
    bench = Bench(chain, markets=range(0, 20, 4), most_groups=2)
    async with running(bench):
        await bench.publish(report(1, {group: word(1) for group in range(5)}))
        await until(lambda: len(chain.words) == 5)

    assert sorted(d.groups for d in chain.deliveries) == [(0, 1), (2, 3), (4,)]


async def test_what_needs_too_much_gas_is_parted() -> None:
    """The chain says that it is too much: half as many groups from then on."""
    chain = FakeChain()
    chain.push_failures = [TooLarge("needs 11000000 gas")]
    bench = Bench(chain, markets=range(0, 16, 4), most_groups=4)
    async with running(bench):
        await bench.publish(report(1, {group: word(1) for group in range(4)}))
        await until(lambda: len(chain.words) == 4)

    assert sorted(d.groups for d in chain.deliveries[1:]) == [(0, 1), (2, 3)]
    assert bench.metric("faults_total", chain="fake", fault="too_large") == 1


async def test_a_budget_at_its_end_is_never_silent() -> None:
    """Moves stop at the reserve, all stops at the end; level, fault and metrics say so."""
    chain = FakeChain()
    bench = Bench(chain, budget=Budget(wei=1000))
    async with running(bench):
        await bench.publish(report(1, {0: word(1), 1: word(1)}))
        await until(lambda: len(chain.deliveries) == 1)
        chain.spent_wei = 850
        await bench.publish(report(2, {0: word(2, valid(200_000)), 1: word(2)}))
        await until(lambda: bench.metric("faults_total", chain="fake", fault="budget_saving"))
        await bench.publish(report(3, {0: word(3, HALTED), 1: word(3)}))
        await until(lambda: len(chain.deliveries) == 2)
        chain.spent_wei = 1000
        await bench.publish(report(4, {0: word(4), 1: word(4)}))
        await until(lambda: bench.metric("faults_total", chain="fake", fault="budget_spent"))
        assert bench.metric("budget_level", chain="fake") == 3
        assert bench.metric("spent_day_wei", chain="fake") == 1000
        assert len(chain.deliveries) == 2
        chain.spent_wei = 0
        await until(lambda: len(chain.deliveries) == 3)

    assert [d.reason for d in chain.deliveries] == ["first", "validity", "validity"]


async def test_saving_stretches_heartbeats() -> None:
    """One that would be due is not; four times as old it is."""
    chain = FakeChain()
    bench = Bench(chain, budget=Budget(wei=1000))
    async with running(bench):
        await bench.publish(report(1, {0: word(1), 1: word(1)}))
        await until(lambda: len(chain.words) == 2)
        chain.spent_wei = 850
        await bench.publish(report(2, {0: word(60_001), 1: word(60_001)}))
        reads = chain.reads
        await until(lambda: chain.reads >= reads + 3)
        assert len(chain.deliveries) == 1
        await bench.publish(report(3, {0: word(240_001), 1: word(240_001)}))
        await until(lambda: len(chain.deliveries) == 2)

    assert chain.deliveries[1].reason == "heartbeat"


async def test_a_receipt_that_the_chain_contradicts_is_doubted() -> None:
    """Stored, says the receipt; the chain holds nothing: it is named, and pushed again."""
    chain = FakeChain()
    chain.forgets = 1
    bench = Bench(chain)
    async with running(bench):
        await bench.publish(report(1, {0: word(1), 1: word(1)}))
        await until(lambda: len(chain.words) == 2)

    assert len(chain.deliveries) == 2
    assert bench.metric("faults_total", chain="fake", fault="receipt_contradicted") == 1


async def test_refusals_are_backed_off_from_until_one_lands() -> None:
    """Each is counted by the name that the contract gives it, until one gets through."""
    chain = FakeChain()
    chain.push_failures = [UpdateRefused("would revert: Paused(1)", "Paused(1)")] * 3
    bench = Bench(chain)
    async with running(bench):
        await bench.publish(report(1, {0: word(1), 1: word(1)}))
        await until(lambda: len(chain.words) == 2)
        await until(lambda: bench.lane.ailing_s == 0)

    assert bench.metric("updates_failed_total", chain="fake", error="Paused") == 3
    assert bench.metric("faults_total", chain="fake", fault="reverted") == 3


async def test_a_cancelled_lane_leaves_no_push_behind() -> None:
    """A chain that is passed on is not pushed to by a task that nobody has."""
    chain = FakeChain()
    chain.open.clear()
    bench = Bench(chain)
    async with running(bench):
        await bench.publish(report(1, {0: word(1), 1: word(1)}))
        await until(lambda: len(chain.deliveries) == 1)
    chain.open.set()
    await asyncio.sleep(0)

    assert chain.words == {}
    assert not bench.lane.pushing


async def test_a_market_that_the_chain_has_not_bound_to_our_epoch_costs_one_push() -> None:
    """Not one a slot; its group goes for another market, and goes on once the market is heard."""
    chain = FakeChain()
    chain.unbound = frozenset({1})
    bench = Bench(chain, markets=range(2))
    async with running(bench):
        for slot in range(1, 6):
            await bench.publish(report(slot, {0: word(slot, valid(), valid())}))
            await until(lambda: bench.metric("reports_total", outcome="taken") == slot)  # noqa: B023
            reads = chain.reads
            await until(lambda: chain.reads >= reads + 2)  # noqa: B023
        assert [delivery.slot for delivery in chain.deliveries] == [1]
        chain.unbound = frozenset()
        await bench.publish(report(6, {0: word(6, HALTED, valid())}))
        await until(lambda: len(chain.deliveries) == 2)
        await bench.publish(report(7, {0: word(7, HALTED, HALTED)}))
        await until(lambda: len(chain.deliveries) == 3)

    sent = [(delivery.slot, delivery.reason) for delivery in chain.deliveries]
    assert sent == [(1, "first"), (6, "validity"), (7, "validity")]
