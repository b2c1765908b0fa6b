"""From a tick received to its signed report, through bus, engine and a committee of 5 of 7."""

from __future__ import annotations

import asyncio
import contextlib
import time

from prometheus_client import CollectorRegistry

from oracle.bus.memory import MemoryBus
from oracle.cli.demo.latency import LatencyBook
from oracle.committee.journal import SigningJournal
from oracle.committee.shared.attestation import Attestor
from oracle.engine.spec import EngineSpec
from oracle.keys.signer import LocalSigner
from oracle.model.fixed import Px
from oracle.model.ticks import Tick, pack
from oracle.model.topics import Topic
from oracle.node.metrics import NodeMetrics
from oracle.node.sharding import Shard
from oracle.node.stepper import Cadence, Stepper
from oracle.report.committee import Committee
from tests.engine_builders import market, source
from tests.vectors.generate import address, members

MARKETS, SOURCES = 8, 5
TICKS_PER_S = 500
SLOTS_MS = (50, 250)


async def measure(seconds: float = 5.0) -> list[dict[str, float]]:
    """Run live at `TICKS_PER_S` with each slot length. A wait for the slot is part of it."""
    return [await _run(seconds, slot_ms) for slot_ms in SLOTS_MS]


async def _run(seconds: float, slot_ms: int) -> dict[str, float]:
    bus, registry, book = MemoryBus(), CollectorRegistry(), LatencyBook()
    keys = members()
    committee = Committee(bytes(32), 1, 5, tuple(address(key) for key in keys))
    names = {f"M{number}-USD": number for number in range(MARKETS)}
    shard = Shard(0, _spec(), frozenset(names))
    stepper = Stepper(bus, shard, Cadence(100 * 10**6, 5 * 10**6), NodeMetrics(registry))
    attestor = Attestor(
        bus,
        committee,
        [LocalSigner(key.secret) for key in keys],
        names,
        slot_ms * 10**6,
        SigningJournal(None),
        registry=registry,
    )
    async with bus.subscribe(Topic.TICKS, Topic.STEPS, Topic.REPORTS) as reader:
        running = [asyncio.create_task(loop()) for loop in (stepper.run, attestor.run)]
        await _feed(bus, seconds)
        await asyncio.sleep(slot_ms / 1000 * 2)
        for task in running:
            task.cancel()
        while records := await reader.take(limit=100_000, timeout_s=0):
            for record in records:
                book.add(record)
    for task in running:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    found = book.tick_to_report()
    return {
        "slot_ms": slot_ms,
        "ticks": found.samples,
        "p50_ms": found.p50 or 0.0,
        "p99_ms": found.p99 or 0.0,
    }


def _spec() -> EngineSpec:
    made = tuple(
        market(
            f"M{number}-USD",
            [source(f"v{n}:M{number}/USD") for n in range(SOURCES)],
            number,
            min_sources=3,
            min_origins=3,
        )
        for number in range(MARKETS)
    )
    return EngineSpec(made, (tuple(each.name for each in made),))


async def _feed(bus: MemoryBus, seconds: float) -> None:
    started, sent = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - started) < seconds:
        while sent < elapsed * TICKS_PER_S:
            now = time.time_ns()
            name = f"v{sent % SOURCES}:M{sent % MARKETS}/USD"
            bid = 1_000_000 + sent % 97
            tick = Tick(name, sent, now, now, Px(bid, -2), Px(bid + 10, -2))
            await bus.publish(Topic.TICKS, [("0", pack([tick]))])
            sent += 1
        await asyncio.sleep(0.001)
