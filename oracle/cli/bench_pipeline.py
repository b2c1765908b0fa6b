"""Ticks through a real broker and an engine process into committed marks: how many, how late."""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from oracle.bus.interface import Start
from oracle.bus.kafka import KafkaBus
from oracle.config.load import load
from oracle.model.messages import StepManifest
from oracle.model.ticks import MISSING, TickBatch
from oracle.model.topics import Topic

MARKETS: Final = 100
SOURCES: Final = 16
TICKS_A_MESSAGE: Final = 250
RATES: Final = (25_000, 50_000, 75_000, 100_000, 150_000, 200_000, 300_000)
SINGLE_RATES: Final = (2_000, 5_000, 10_000, 20_000)
SECONDS: Final = 8.0
IN_FLIGHT: Final = 64
"""Messages that are being published; more wait, and the rate is not reached."""
DRAIN_S: Final = 10.0
LOSSLESS_MS: Final = 1_000.0
"""A rate at which marks are later than this at the 99th percentile is not carried."""

Told = Callable[[str, float], None]


def configuration(bootstrap: str, prefix: str) -> dict[str, Any]:
    """Return a deployment of one shard."""
    return {
        "version": 1,
        "bus": {"kind": "kafka", "bootstrap": bootstrap, "prefix": prefix},
        "markets": {
            f"M{number}-USD": {
                "number": number,
                "sources": [{"source": f"v{at}:M{number}/USD"} for at in range(SOURCES)],
            }
            for number in range(MARKETS)
        },
        "engine": {"step": "100ms", "coalesce": "5ms"},
    }


def serve(config: Path, state: Path) -> None:
    """Run an oracle as `plumb oracle` does, until killed."""
    from prometheus_client import REGISTRY

    from oracle.cli.output import configure_logging
    from oracle.cli.roles import Role
    from oracle.cli.stack import open_stack
    from oracle.cli.supervise import Supervisor

    async def run() -> None:
        async with open_stack(load(config), state, REGISTRY) as stack:
            await Supervisor().run(stack.services([Role.ORACLE]))

    configure_logging(quiet=True)
    asyncio.run(run())


class Source:
    """Makes tick messages of all sources in turn, as columns: what a feed has after parsing."""

    def __init__(self, size: int) -> None:
        names = [f"v{at}:M{number}/USD" for at in range(SOURCES) for number in range(MARKETS)]
        self._size = size
        self._parts = [tuple(names[at : at + size]) for at in range(0, len(names), size)]
        self._turn = 0
        self._draw = np.random.default_rng(1)

    def message(self, now_ns: int) -> TickBatch:
        """Return the next message: quotes received now."""
        names = self._parts[self._turn % len(self._parts)]
        self._turn += 1
        rows = len(names)
        bids = 1_000_000 + self._draw.integers(-500, 500, rows)
        times = np.full(rows, now_ns, "<i8").tobytes()
        return TickBatch(
            names,
            np.arange(rows, dtype="<u2").tobytes(),
            np.full(rows, now_ns, "<i8").tobytes(),
            times,
            times,
            np.full(rows, -2, "i1").tobytes(),
            bids.astype("<i8").tobytes(),
            (bids + 10).astype("<i8").tobytes(),
            np.full(rows, MISSING, "<i8").tobytes(),
        )


@dataclass
class Book:
    """When each message was received, by its offset, and when a step with it was seen."""

    offset: int
    received_ns: list[int] = field(default_factory=list)
    ticks: list[int] = field(default_factory=list)
    seen_ns: list[int] = field(default_factory=list)
    taken: int = 0

    def sent(self, received_ns: int, ticks: int) -> None:
        """Note a message, in the order of the log."""
        self.received_ns.append(received_ns)
        self.ticks.append(ticks)

    def step(self, manifest: StepManifest, now_ns: int) -> None:
        """Note a step that a reader sees now."""
        self.taken += manifest.ticks
        until = min(manifest.tick_offsets[0] - self.offset, len(self.received_ns))
        self.seen_ns += [now_ns] * (until - len(self.seen_ns))

    @property
    def waiting(self) -> int:
        """Messages that no step has taken."""
        return len(self.received_ns) - len(self.seen_ns)

    def late_ms(self, quantile: float) -> float:
        """Return how late ticks were, weighted by them."""
        known = len(self.seen_ns)
        late = (np.array(self.seen_ns) - np.array(self.received_ns[:known])) / 1e6
        return float(np.quantile(np.repeat(late, self.ticks[:known]), quantile)) if known else 0.0


class Run:
    """One deployment under load."""

    def __init__(self, bus: KafkaBus) -> None:
        self._bus = bus
        self._offset = 0
        self._book = Book(0)

    async def at(self, rate: int, size: int, seconds: float) -> dict[str, float]:
        """Send so many ticks a second; return the figures of what came of them."""
        self._book = book = Book(self._offset)
        source, sending, sent = Source(size), set[asyncio.Task[None]](), 0
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < seconds:
            due = int(elapsed * rate) - sent
            if due < size:
                await asyncio.sleep(min(0.002, size / rate))
                continue
            message = source.message(time.time_ns())
            sent += len(message)
            book.sent(time.time_ns(), len(message))
            self._offset += 1
            sending.add(task := asyncio.create_task(self._publish(message)))
            task.add_done_callback(sending.discard)
            if len(sending) > IN_FLIGHT:
                await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
        took_s = time.monotonic() - began
        await asyncio.gather(*sending)
        deadline = time.monotonic() + DRAIN_S
        while book.waiting and time.monotonic() < deadline:  # noqa: ASYNC110 - a count
            await asyncio.sleep(0.02)
        return {
            "ticks_per_s": sent / took_s,
            "p50_ms": book.late_ms(0.5),
            "p99_ms": book.late_ms(0.99),
            "lost": sent - book.taken,
        }

    async def _publish(self, message: TickBatch) -> None:
        await self._bus.publish(Topic.TICKS, [("0", message)])

    async def follow(self) -> None:
        """Read steps until cancelled."""
        async with self._bus.subscribe(Topic.STEPS, start=Start.TAIL) as reader:
            while True:
                for record in await reader.take():
                    if isinstance(record.message, StepManifest):
                        self._book.step(record.message, time.time_ns())


async def measure(bootstrap: str, folder: Path, told: Told, seconds: float) -> dict[str, Any]:
    """Find what one engine process carries on the broker at `bootstrap`."""
    prefix = "bench."
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(configuration(bootstrap, prefix)))
    bus = KafkaBus(bootstrap, prefix=prefix)
    async with bus:
        await bus.ensure_topics()
        engine = multiprocessing.get_context("spawn").Process(
            target=serve, args=(file, folder), daemon=True
        )
        engine.start()
        run = Run(bus)
        following = asyncio.create_task(run.follow())
        try:
            while (await run.at(1_000, TICKS_A_MESSAGE, 1.0))["lost"]:
                told("the engine starts", 0.0)
            curve = await _curve(run, RATES, TICKS_A_MESSAGE, seconds, told)
            single = await _curve(run, SINGLE_RATES, 1, seconds, told)
            best = _carried(curve)
            half = await run.at(int(best / 2), TICKS_A_MESSAGE, seconds)
        finally:
            engine.kill()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    return {
        "lossless_ticks_per_s": best,
        "p99_ms_at_half": half["p99_ms"],
        "baseline_ticks_per_s": _carried(single),
        "curve": curve,
        "baseline_curve": single,
        "half": half,
    }


async def _curve(
    run: Run, rates: Sequence[int], size: int, seconds: float, told: Told
) -> list[dict[str, float]]:
    """Raise the rate until it is not carried any more."""
    curve = []
    for at, rate in enumerate(rates):
        told(f"{rate:,} ticks/s, {size} a message", at / len(rates))
        curve.append(await run.at(rate, size, seconds))
        if not _carries(curve[-1]):
            break
    return curve


def _carries(row: dict[str, float]) -> bool:
    return row["lost"] == 0 and row["p99_ms"] <= LOSSLESS_MS


def _carried(curve: Sequence[dict[str, float]]) -> float:
    return max((row["ticks_per_s"] for row in curve if _carries(row)), default=0.0)


def measured(told: Told, seconds: float = SECONDS) -> dict[str, Any]:
    """Start a broker and an engine process, and measure."""
    from deploy.kafka.broker import Broker

    with tempfile.TemporaryDirectory() as folder, Broker() as broker:
        return asyncio.run(measure(broker.bootstrap, Path(folder), told, seconds))
