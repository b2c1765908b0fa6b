"""The whole relayer on two real nodes with different chain ids at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
from prometheus_client import CollectorRegistry

from oracle.bus.interface import Start
from oracle.bus.memory import MemoryBus
from oracle.model.messages import Receipt
from oracle.model.topics import Topic
from relayer.lane import Destination
from relayer.metrics import RelayerMetrics
from relayer.policy import PushPolicy
from relayer.service import Relayer
from tests.integration.relayer.conftest import Site, fresh_word, now_ms, until
from tests.unit.relayer.words import COMMITTEE, report

pytestmark = pytest.mark.evm

POLICY = PushPolicy(deviation_bps=10.0, heartbeat_ms=60_000, confidence=3.0, early=1.0)


class Bench:
    """A bus and a relayer over some sites, each with its own metrics; receipts by chain."""

    def __init__(self, *sites: Site) -> None:
        self.bus = MemoryBus()
        self.slot = 0
        policies = dict.fromkeys(range(8), POLICY)
        self.relayer = Relayer(
            self.bus,
            COMMITTEE,
            [
                Destination(site.chain, policies, poll_s=0.05, backoff_s=(0.05, 0.2))
                for site in sites
            ],
            names={0: "BTC-USD"},
            metrics=RelayerMetrics(CollectorRegistry()),
        )
        self.received: dict[str, list[Receipt]] = {site.node.name: [] for site in sites}

    async def publish(self, *words: bytes) -> None:
        """Sign and publish the next report."""
        self.slot += 1
        signed = report(self.slot, dict(enumerate(words)), signed_ns=now_ms() * 10**6)
        await self.bus.publish(Topic.REPORTS, [("main", signed)])

    def groups(self, chain: str) -> list[tuple[int, ...]]:
        """Return the groups that each receipt of a chain says were stored."""
        return [receipt.groups for receipt in self.received[chain]]

    def has(self, chain: str, count: int) -> bool:
        """Tell whether a chain has given so many receipts."""
        return len(self.received[chain]) == count

    async def _collect(self) -> None:
        async with self.bus.subscribe(Topic.RECEIPTS, start=Start.EARLIEST) as reader:
            while True:
                for record in await reader.take():
                    assert isinstance(record.message, Receipt)
                    self.received[record.key].append(record.message)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Relay until the block ends."""
        tasks = [asyncio.create_task(self.relayer.run()), asyncio.create_task(self._collect())]
        await until(lambda: bool(self.bus.readers[Topic.REPORTS]))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task


async def test_one_report_lands_on_both_chains(home: Site, away: Site) -> None:
    """The same signed bytes are verified by both contracts and read back equal."""
    bench = Bench(home, away)
    first, second = fresh_word(65_000_000), fresh_word(3_500_000)
    async with bench.running():
        await bench.publish(first, second)
        await until(lambda: all(bench.received.values()))

    (at_home,), (far,) = bench.received["home"], bench.received["away"]
    assert (at_home.chain_id, far.chain_id) == (31_001, 31_002)
    assert at_home.accepted
    assert far.accepted
    assert at_home.groups == far.groups == (0, 1)
    assert at_home.reason == far.reason == "first"
    for site in (home, away):
        assert await site.chain.held([0, 1]) == {0: first, 1: second}
    for market, price in ((0, 65_000), (3, 65_003), (4, 3_500)):
        assert await home.mark(market) == await away.mark(market)
        assert (await home.mark(market))[0] == price * 10**18


async def test_pushes_only_what_is_due(home: Site) -> None:
    """Below the deviation nothing; beyond it one group; past the heartbeat the other."""
    bench = Bench(home)
    start_ms = now_ms() - 100_000
    async with bench.running():
        await bench.publish(fresh_word(100_000, at_ms=start_ms), fresh_word(at_ms=start_ms))
        await until(lambda: len(bench.received["home"]) == 1)
        await bench.publish(
            fresh_word(100_050, at_ms=start_ms + 1000), fresh_word(at_ms=start_ms + 1000)
        )
        await bench.publish(
            fresh_word(100_500, at_ms=start_ms + 2000), fresh_word(at_ms=start_ms + 2000)
        )
        await until(lambda: len(bench.received["home"]) == 2)
        await bench.publish(
            fresh_word(100_500, at_ms=start_ms + 60_000), fresh_word(at_ms=start_ms + 60_000)
        )
        await until(lambda: len(bench.received["home"]) == 3)

    assert bench.groups("home") == [(0, 1), (0,), (1,)]
    assert [r.reason for r in bench.received["home"]] == ["first", "deviation", "heartbeat"]


async def test_a_killed_node_delays_no_other_chain(home: Site, away: Site) -> None:
    """While one node is down the other takes every report; back again, it gets the newest."""
    bench = Bench(home, away)
    async with bench.running():
        await bench.publish(fresh_word(100_000), fresh_word())
        await until(lambda: all(bench.received.values()))
        await home.node.stop()
        for count in range(2, 5):
            await bench.publish(fresh_word(100_000 * count), fresh_word(100_000 * count))
            await until(partial(bench.has, "away", count))
        assert len(bench.received["home"]) == 1
        await home.node.start()
        await until(lambda: len(bench.received["home"]) == 2)

    assert await home.mark(0) == await away.mark(0)
    assert (await home.mark(0))[0] == 400 * 10**18
    assert bench.received["home"][-1].slot == 4
    assert home.metric("rpc_errors_total", endpoint=home.node.rpc_url[7:], kind="connection") > 0
