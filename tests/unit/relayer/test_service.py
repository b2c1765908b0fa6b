"""The relayer's loops on the in-process bus, with chains that behave as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from oracle.bus.interface import Start
from oracle.bus.memory import MemoryBus
from oracle.model.errors import ConfigError, Rejected, Retryable
from oracle.model.messages import Message, Receipt, SignedReport
from oracle.model.topics import Topic
from oracle.report.digest import deployment_salt
from oracle.report.report import decode, subset
from relayer.evm.errors import Unreachable
from relayer.lane import Destination, Lane
from relayer.metrics import RelayerMetrics
from relayer.policy import PushPolicy
from relayer.service import Relayer
from relayer.tail import open_offer
from tests.unit.relayer.fakes import FakeChain
from tests.unit.relayer.words import COMMITTEE, T0_MS, report, valid, word
from tests.vectors.generate import members

POLICY = PushPolicy(deviation_bps=10.0, heartbeat_ms=60_000, confidence=3.0, early=1.0)
NAMES = {0: "BTC-USD", 4: "ETH-USD"}


class Bench:
    """A bus, a relayer over some chains, and what to wait for."""

    def __init__(
        self,
        *chains: FakeChain,
        bus: MemoryBus | None = None,
        poll_s: float = 0.01,
        markets: Iterable[int] = NAMES,
        **limits: Any,
    ) -> None:
        self.bus = bus or MemoryBus()
        self.registry = CollectorRegistry()
        policies, backoff_s = dict.fromkeys(markets, POLICY), (0.001, 0.002)
        self.relayer = Relayer(
            self.bus,
            COMMITTEE,
            [Destination(chain, policies, poll_s, backoff_s, **limits) for chain in chains],
            names=NAMES,
            metrics=RelayerMetrics(self.registry),
            clock=lambda: T0_MS * 10**6,
        )

    @property
    def lane(self) -> Lane:
        """The lane of the only chain."""
        (lane,) = self.relayer.lanes.values()
        return lane

    async def publish(self, *reports: SignedReport) -> None:
        """Put reports on the bus, together."""
        await self.bus.publish(Topic.REPORTS, [("main", report) for report in reports])

    async def receipts(self) -> list[Receipt]:
        """Return all receipts so far."""
        async with self.bus.subscribe(Topic.RECEIPTS, start=Start.EARLIEST) as reader:
            records = await reader.take(timeout_s=0.01)
        return [record.message for record in records if isinstance(record.message, Receipt)]

    def metric(self, name: str, **labels: str) -> float:
        """Return a sample, 0 where there is none."""
        return self.registry.get_sample_value(f"plumbline_relayer_{name}", labels) or 0


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, to a deadline."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (fakes have no event for every condition)
            await asyncio.sleep(0.001)


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[None]:
    """Run the relayer until the test is over; it is reading once this is entered."""
    task = asyncio.create_task(bench.relayer.run())
    await until(lambda: bool(bench.bus.readers[Topic.REPORTS]) or task.done())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_pushes_first_then_only_what_moved() -> None:
    """All groups go at first; later only the group that moved, with its proof."""
    chain = FakeChain()
    bench = Bench(chain)
    async with running(bench):
        await bench.publish(report(1, {0: word(0), 1: word(0)}, signed_ns=5))
        await until(lambda: len(chain.deliveries) == 1)
        await bench.publish(report(2, {0: word(250), 1: word(250, valid(101_000))}))
        await until(lambda: len(chain.deliveries) == 2)
        await until(
            lambda: bench.metric("success_timestamp_seconds", chain="fake", market="ETH-USD") > 0
        )

    first, second = chain.deliveries
    assert (first.groups, first.reason, first.slot, first.signed_ns) == ((0, 1), "first", 1, 5)
    assert (second.groups, second.reason) == ((1,), "deviation")
    assert len(decode(second.body).leaves) == 1
    assert [(r.slot, r.groups, r.accepted) for r in await bench.receipts()] == [
        (1, (0, 1), True),
        (2, (1,), True),
    ]
    assert bench.metric("updates_accepted_total", chain="fake", reason="deviation") == 1
    assert (
        bench.metric("mark_timestamp_seconds", chain="fake", market="ETH-USD")
        == (T0_MS + 250) / 1000
    )


async def test_a_backlog_is_never_sent() -> None:
    """Of reports that come together only the newest counts, in whatever order they come."""
    chain = FakeChain()
    bench = Bench(chain)
    async with running(bench):
        reports = [report(n, {0: word(n), 1: word(n)}) for n in (1, 3, 2)]
        await bench.publish(reports[0], reports[1])
        await until(lambda: len(chain.deliveries) == 1)
        await bench.publish(reports[2])
        await until(lambda: bench.metric("reports_total", outcome="old") == 1)

    assert [delivery.slot for delivery in chain.deliveries] == [3]


def _has_taken(chain: FakeChain, count: int) -> bool:
    return len(chain.deliveries) == count


async def test_a_dead_chain_delays_no_other() -> None:
    """While one chain hangs in a push, another takes report after report."""
    dead, alive = FakeChain("dead"), FakeChain("alive")
    dead.open.clear()
    bench = Bench(dead, alive)
    async with running(bench):
        for n in range(1, 4):
            await bench.publish(report(n, {0: word(n, valid(100_000 * n)), 1: word(n)}))
            await until(partial(_has_taken, alive, n))
        dead.open.set()
        await until(lambda: len(dead.deliveries) == 2)

    assert [delivery.slot for delivery in dead.deliveries] == [1, 3]


async def test_another_relayer_first_is_no_failure() -> None:
    """What the chain turns out to hold already is not sent, and is counted apart."""
    chain = FakeChain()
    bench = Bench(chain, poll_s=60)
    same = {0: word(5), 1: word(5)}
    async with running(bench):
        await until(lambda: bench.metric("progress_timestamp_seconds", chain="fake") > 0)
        chain.on_held = [same]
        await bench.publish(report(1, same))
        await until(lambda: bench.metric("updates_stale_total", chain="fake") == 1)

    assert chain.deliveries == []


async def test_comes_back_with_the_newest_report() -> None:
    """A chain that fails is tried again, and gets what is newest by then."""
    chain = FakeChain()
    chain.failures = [Unreachable("chain fake: no RPC endpoint answers")] * 3
    bench = Bench(chain)
    async with running(bench):
        await bench.publish(report(1, {0: word(1), 1: word(1)}))
        await until(lambda: len(chain.deliveries) == 1)

    assert chain.starts == 1
    assert bench.metric("updates_failed_total", chain="fake", error="Unreachable") == 3


async def test_a_chain_dead_at_the_start_is_waited_for() -> None:
    """A relayer of many chains starts without one of them, and checks it when it comes."""
    chain = FakeChain()
    chain.start_failures = [Unreachable("chain fake: no RPC endpoint answers")] * 2
    bench = Bench(chain)
    async with running(bench):
        await bench.publish(report(1, {0: word(1), 1: word(1)}))
        await until(lambda: len(chain.deliveries) == 1)

    assert chain.starts == 3


async def test_a_bug_stops_one_turn_only() -> None:
    """The supervisor logs, counts and goes on."""
    chain = FakeChain()
    chain.failures = [ZeroDivisionError("bug")]
    bench = Bench(chain)
    async with running(bench):
        await bench.publish(report(1, {0: word(1), 1: word(1)}))
        await until(lambda: len(chain.deliveries) == 1)

    assert bench.metric("updates_failed_total", chain="fake", error="ZeroDivisionError") == 1


async def test_a_configuration_error_of_one_chain_ends_no_other() -> None:
    """What a person must mend is said and counted, and tried again; the other chains go on."""
    wrong, fine = FakeChain("wrong"), FakeChain("fine")
    wrong.start_failures = [ConfigError("chain wrong: another contract")] * 2
    bench = Bench(wrong, fine)
    async with running(bench):
        await bench.publish(report(1, {0: word(1), 1: word(1)}))
        await until(lambda: len(fine.deliveries) == 1 and len(wrong.deliveries) == 1)

    assert wrong.starts == 3
    assert bench.metric("updates_failed_total", chain="wrong", error="ConfigError") == 2
    assert bench.metric("faults_total", chain="wrong", fault="config_error") == 2


async def test_a_reverted_update_is_published_and_backed_off_from() -> None:
    """It cost gas: the receipt says so, by the contract's own name for it."""
    chain = FakeChain()
    chain.reverts = "FutureTime(2, 1)"
    bench = Bench(chain)
    async with running(bench):
        await bench.publish(report(1, {0: word(1), 1: word(1)}))
        await until(lambda: len(chain.deliveries) == 2)

    assert (await bench.receipts())[0].error == "FutureTime(2, 1)"
    assert bench.metric("updates_failed_total", chain="fake", error="FutureTime") >= 1


class DeafBus(MemoryBus):
    """Takes no receipts."""

    async def publish(self, topic: Topic, messages: Iterable[tuple[str, Message]]) -> None:
        """Refuse receipts."""
        if topic is Topic.RECEIPTS:
            raise Retryable("the log cannot be reached")
        await super().publish(topic, messages)


async def test_an_unpublished_receipt_is_no_failed_push() -> None:
    """The chain has the update: it is counted, and not sent again."""
    chain = FakeChain()
    bench = Bench(chain, bus=DeafBus())
    async with running(bench):
        await bench.publish(report(1, {0: word(1), 1: word(1)}))
        await until(
            lambda: (
                bench.metric("updates_failed_total", chain="fake", error="ReceiptUnpublished") == 1
            )
        )
        await bench.publish(report(2, {0: word(2), 1: word(2)}))
        await until(lambda: bench.metric("reports_total", outcome="taken") == 2)

    assert len(chain.deliveries) == 1


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (report(1, {0: word(1)}, keys=members(12)[7:]), "signature of member"),
        (report(1, {0: word(1)}, salt=deployment_salt("other", bytes(20), 1)), "of deployment"),
        (SignedReport("0x" + COMMITTEE.salt.hex(), 1, 1, 0, 0, True, b"\x01"), "shorter"),
    ],
)
def test_refuses_what_the_committee_did_not_sign(bad: SignedReport, message: str) -> None:
    """Nothing goes near a chain unless the committee of this deployment signed it."""
    with pytest.raises(Rejected, match=message):
        open_offer(bad, COMMITTEE)


def test_refuses_a_report_without_all_its_groups() -> None:
    """A subset cannot be cut for chains that need other groups."""
    full = report(1, {0: word(1), 1: word(1)})
    part = SignedReport(full.deployment, 1, 1, 0, 0, True, subset(full.body, [1]))

    with pytest.raises(Rejected, match="carries 1 of 2 groups"):
        open_offer(part, COMMITTEE)


async def test_a_bad_report_does_not_hide_a_good_one() -> None:
    """Of a batch, the newest that verifies is taken; the others are counted."""
    chain = FakeChain()
    bench = Bench(chain)
    async with running(bench):
        good = report(1, {0: word(1), 1: word(1)})
        bad = report(2, {0: word(2), 1: word(2)}, keys=members(12)[7:])
        await bench.publish(good, bad)
        await until(lambda: len(chain.deliveries) == 1)

    assert chain.deliveries[0].slot == 1
    assert bench.metric("reports_total", outcome="rejected") == 1
