"""Engines as processes that share the shards of one deployment, with ticks under way all along.

Each process runs what `plumb oracle` runs, and is forked from a server that has imported
everything once, so that one that was killed is back in a moment on two cores.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import signal
import sys
import time
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Final

import yaml
from prometheus_client import REGISTRY

from oracle.bus.interface import Start
from oracle.bus.kafka import KafkaBus
from oracle.config.load import load
from oracle.config.root import Config
from oracle.model.errors import Retryable
from oracle.model.fixed import Px
from oracle.model.messages import Mark, StepManifest
from oracle.model.ticks import Tick, pack
from oracle.model.topics import SHARDED, Topic
from oracle.node.sharding import Router
from oracle.report.word import shard_of
from tests.kafka_broker import make_topics

SHARDS: Final = 4
MARKETS: Final = 16
VENUES: Final = ("a", "b", "c")
_MODULE: Final = "tests.integration.shards.world"
_PRELOADED: Final = ["oracle.cli.stack", "oracle.bus.kafka", "oracle.engine.compiled", _MODULE]


def market_name(number: int) -> str:
    """Return a market's name; number 0 is the one that the others convert through."""
    return "USDT-USD" if number == 0 else f"M{number}-USD"


def configuration(bootstrap: str, prefix: str, request_timeout_s: int) -> dict[str, Any]:
    """Return the file's content: one market in two quotes in another's currency."""
    markets = {
        market_name(number): {
            "number": number,
            "sources": [
                {"source": f"{venue}:{_symbol(number, at)}"} for at, venue in enumerate(VENUES)
            ],
        }
        for number in range(MARKETS)
    }
    return {
        "version": 1,
        "bus": {
            "kind": "kafka",
            "bootstrap": bootstrap,
            "prefix": prefix,
            "session": "3s",
            "request_timeout": f"{request_timeout_s}s",
        },
        "markets": markets,
        "engine": {"step": "50ms", "coalesce": "2ms", "shards": SHARDS},
    }


def _symbol(number: int, venue: int) -> str:
    if number == 0:
        return "USDT/USD"
    return f"M{number}/{'USDT' if venue == 0 else 'USD'}"


def serve(config: Path, state: Path) -> None:
    """Run engines until a signal ends it."""
    log = os.open(state / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    asyncio.run(_served(config, state))


async def _served(file: Path, state: Path) -> None:
    from oracle.cli.output import configure_logging
    from oracle.cli.roles import Role
    from oracle.cli.stack import open_stack
    from oracle.cli.supervise import Supervisor

    configure_logging(as_json=True)
    loop, running = asyncio.get_running_loop(), asyncio.current_task()
    assert running is not None
    loop.add_signal_handler(signal.SIGTERM, running.cancel)
    async with open_stack(load(file), state, REGISTRY) as stack:
        try:
            await Supervisor().run(stack.services([Role.ORACLE]))
        except asyncio.CancelledError:
            return


@dataclass
class World:
    """A deployment on a broker."""

    folder: Path
    bus: KafkaBus
    config: Config
    running: dict[str, ForkServerProcess] = field(default_factory=dict)
    sent: int = 0
    lost: int = 0
    """Ticks that could not be published: the broker was away."""

    @classmethod
    def made(
        cls, folder: Path, bootstrap: str, prefix: str, *, request_timeout_s: int = 5
    ) -> World:
        """Write the configuration; topics are made by `enter`."""
        file = folder / "config.yaml"
        file.write_text(yaml.safe_dump(configuration(bootstrap, prefix, request_timeout_s)))
        multiprocessing.set_forkserver_preload(_PRELOADED)
        bus = KafkaBus(
            bootstrap,
            prefix=prefix,
            request_timeout_ms=request_timeout_s * 1000,
            session_timeout_ms=3000,
        )
        return cls(folder, bus, load(file))

    async def make_topics(self) -> None:
        """Make the topics."""
        await make_topics(self.bus, dict.fromkeys(SHARDED, SHARDS))

    def start(self, name: str) -> None:
        """Start a process, with the state folder of its name."""
        state = self.folder / name
        state.mkdir(exist_ok=True)
        context = multiprocessing.get_context("forkserver")
        process = context.Process(
            target=serve, args=(self.folder / "config.yaml", state), daemon=True
        )
        process.start()
        self.running[name] = process

    def has_share(self, name: str) -> bool:
        """Whether a process has been told shards of its own."""
        log = self.folder / name / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        told = [line for line in lines if '"shards_divided"' in line]
        return any(json.loads(line)["ours"] for line in told)

    def kill(self, name: str) -> None:
        """End a process as a crash does."""
        process = self.running.pop(name)
        process.kill()
        process.join()

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a process a signal."""
        pid = self.running[name].pid
        assert pid is not None
        os.kill(pid, number)

    def end(self, name: str, within_s: float = 240.0) -> None:
        """Ask a process to end, and wait for it."""
        process = self.running.pop(name)
        process.terminate()
        process.join(within_s)
        assert process.exitcode is not None, f"{name} did not end"

    def end_all(self) -> None:
        """Kill what is left."""
        for name in list(self.running):
            self.kill(name)

    async def feed(self, ticks_per_s: int, seed: int) -> None:
        """Publish ticks of random sources, until cancelled; prices walk."""
        rng = random.Random(seed)
        router = Router(self.config.markets, SHARDS)
        sources = [entry.source for m in self.config.markets.values() for entry in m.sources]
        prices = dict.fromkeys(sources, 10_000)
        began, sequence = time.monotonic(), 0
        while True:
            await asyncio.sleep(0.02)
            due = int((time.monotonic() - began) * ticks_per_s) - sequence
            now_ns, batch = time.time_ns(), []
            for _ in range(min(due, ticks_per_s)):
                source, sequence = rng.choice(sources), sequence + 1
                prices[source] = max(9_000, min(11_000, prices[source] + rng.choice((-1, 0, 1))))
                price = Px(prices[source], -4 if "USDT/" in source else -2)
                batch.append(Tick(source, now_ns + sequence, now_ns, now_ns, last=price))
            pairs = [(str(at), pack(part)) for at, part in router.divide(batch).items()]
            try:
                await self.bus.publish(Topic.TICKS, pairs)
                self.sent += len(batch)
            except Retryable:
                self.lost += len(batch)

    async def committed(self) -> tuple[list[StepManifest], list[Mark]]:
        """Return all steps and marks that readers see."""
        steps: list[StepManifest] = []
        marks: list[Mark] = []
        async with self.bus.subscribe(Topic.STEPS, Topic.MARKS, start=Start.EARLIEST) as reader:
            while not await reader.caught_up():
                for record in await reader.take(timeout_s=0.5):
                    if isinstance(record.message, StepManifest):
                        steps.append(record.message)
                    elif isinstance(record.message, Mark):
                        marks.append(record.message)
        return steps, marks

    def shard(self, mark: Mark) -> int:
        """Return the shard of a mark."""
        return shard_of(mark.number, SHARDS)
