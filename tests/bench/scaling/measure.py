"""Measure what one tick, one mark and one market cost: processor time and bytes, on a real broker.

Processor time and not wall time: the machine may be shared. Three loads give three equations, so
that the cost of ticks, of marks and of merely running come apart.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import numpy as np
import yaml
import zstandard
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.kafka.broker import Broker
from deploy.sandbox.venues.server import SandboxVenues
from oracle.bus.kafka import KafkaBus
from oracle.model.messages import encode
from oracle.model.ticks import MISSING, TickBatch
from oracle.model.topics import Topic

PLUMB: Final = Path(sys.executable).with_name("plumb")
SOURCES: Final = 40
VENUES: Final = tuple(f"venue{at:02}" for at in range(SOURCES))
TICKS_A_MESSAGE: Final = 100
SECONDS: Final = 20.0
SETTLE_S: Final = 5.0
START_S: Final = 120.0


class Load(NamedTuple):
    """So many markets of `SOURCES`, under so many ticks a second."""

    markets: int
    ticks_per_s: int


LOADS: Final = (Load(100, 4_000), Load(100, 20_000), Load(400, 20_000))


class Ticks:
    """What forty venues send: a message is new quotes of a hundred of one venue's instruments."""

    def __init__(self, markets: int) -> None:
        draw = np.random.default_rng(1)
        self._names = [[f"{venue}:A{at:04}/USD" for at in range(markets)] for venue in VENUES]
        self._cents = draw.integers(10_000, 10_000_000, (SOURCES, markets))
        self._draw, self._turn, self._sequence = draw, 0, 0

    def message(self, now_ns: int) -> TickBatch:
        """Return the next message."""
        size = TICKS_A_MESSAGE
        venue = self._turn % SOURCES
        first = self._turn // SOURCES * size % len(self._names[venue])
        names = self._names[venue][first : first + size]
        self._turn += 1
        rows = len(names)
        cents = self._cents[venue, first : first + rows]
        cents += self._draw.integers(-3, 4, rows)
        self._sequence += 1
        received = np.full(rows, now_ns, "<i8")
        event = received - self._draw.integers(1_000_000, 60_000_000, rows) // 1_000_000 * 1_000_000
        return TickBatch(
            tuple(names),
            np.arange(rows, dtype="<u2").tobytes(),
            np.full(rows, self._sequence, "<i8").tobytes(),
            event.tobytes(),
            received.tobytes(),
            np.full(rows, -2, "i1").tobytes(),
            cents.astype("<i8").tobytes(),
            (cents + 1).astype("<i8").tobytes(),
            np.full(rows, MISSING, "<i8").tobytes(),
        )


def measured(told: Any = print) -> dict[str, Any]:
    """Return all figures; takes some three minutes."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "broker"
        with Broker(data) as broker:
            runs = []
            for at, load in enumerate(LOADS):
                told(f"{load.markets} markets x {SOURCES} sources, {load.ticks_per_s:,} ticks/s")
                home = Path(folder) / f"run{at}"
                home.mkdir()
                runs.append(asyncio.run(_run(broker, data, home, load, f"scale{at}.")))
            told("feeds from sandbox venues")
            feeds = asyncio.run(_feeds(broker, Path(folder)))
    return {"load": _loads(runs), "bytes": _bytes(runs), "cpu_us": _costs(runs) | feeds["cpu_us"],
            "rss_mib": _memory(runs) | feeds["rss_mib"]}  # fmt: skip


async def _run(
    broker: Broker, data: Path, home: Path, load: Load, prefix: str
) -> dict[str, Any]:
    config = home / "config.yaml"
    config.write_text(yaml.safe_dump(_configuration(broker, home, load, prefix)))
    bus = KafkaBus(broker.bootstrap, prefix=prefix)
    async with bus:
        await bus.ensure_topics()
        with ExitStack() as running:
            ports = dict(zip(("engine", "archive"), _free_ports(2), strict=True))
            pids = {
                role: running.enter_context(_process(role, config, home, port))
                for role, port in ports.items()
            }
            pids["broker"] = broker._process.pid
            sender = _Sender(bus, load)
            sending = asyncio.create_task(sender.run())
            try:
                await _until_stepping(ports["engine"])
                await asyncio.sleep(SETTLE_S)
                before = await _state(broker, data, prefix, pids, sender, ports["engine"])
                await asyncio.sleep(SECONDS)
                after = await _state(broker, data, prefix, pids, sender, ports["engine"])
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
            rss = {role: _rss_mib(pid) for role, pid in pids.items()}
    return {
        "load": load,
        "delta": {name: after[name] - before[name] for name in after},
        "rss": rss,
        "archive": _archived(home / "kept"),
    }


def _configuration(broker: Broker, home: Path, load: Load, prefix: str) -> dict[str, Any]:
    return {
        "version": 1,
        "bus": {"kind": "kafka", "bootstrap": broker.bootstrap, "prefix": prefix},
        "archive": {"url": str(home / "kept"), "roll_age": "10s"},
        "defaults": {"mark": "index_only", "min_sources": 3, "min_origins": 3},
        "markets": {
            f"A{at:04}-USD": {
                "number": at,
                "sources": [{"source": f"{venue}:A{at:04}/USD"} for venue in VENUES],
            }
            for at in range(load.markets)
        },
        "engine": {"step": "100ms", "coalesce": "100ms"},
    }


class _Sender:
    """Publishes at a rate, and knows what processor time the publishing took."""

    def __init__(self, bus: KafkaBus, load: Load) -> None:
        self._bus, self._load, self._ticks = bus, load, Ticks(load.markets)
        self.sent = self.made_s = 0.0
        self.encoded = 0
        self.sample: list[bytes] = []

    async def run(self) -> None:
        """Send until cancelled."""
        began, sent = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - began) * self._load.ticks_per_s) - sent
            if due < TICKS_A_MESSAGE:
                await asyncio.sleep(0.005)
                continue
            at = time.process_time()
            message = self._ticks.message(time.time_ns())
            self.made_s += time.process_time() - at
            sent += len(message)
            self.sent = float(sent)
            self.encoded = len(encode(message)) // len(message)
            await self._bus.publish(Topic.TICKS, [("0", message)])


async def _until_stepping(port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if (await _metrics(port)).get("plumbline_ticks_total", 0.0) > 0:
            return
        await asyncio.sleep(0.2)
    raise TimeoutError("the engine takes no ticks")


async def _metrics(port: int) -> dict[str, float]:
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            text = (await client.get(f"http://127.0.0.1:{port}/metrics", timeout=10)).text
    except httpx.HTTPError:
        return {}
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


async def _state(
    broker: Broker, data: Path, prefix: str, pids: Mapping[str, int], sender: _Sender, port: int
) -> dict[str, float]:
    """Return counters: processor seconds, bytes on disk, ticks taken, marks made, steps."""
    found = {f"cpu_{role}": _cpu_s(pid) for role, pid in pids.items()}
    found["cpu_publish"] = time.process_time() - sender.made_s
    found["s"] = time.monotonic()
    for topic in (Topic.TICKS, Topic.MARKS, Topic.STEPS):
        folder = data / "data" / f"{prefix}{topic}-0"
        found[f"disk_{topic}"] = float(sum(f.stat().st_size for f in folder.glob("*.log")))
    metrics = await _metrics(port)
    found["ticks"] = metrics["plumbline_ticks_total"]
    found["steps"] = metrics["plumbline_steps_total"]
    ends = await _ends(broker, [f"{prefix}{Topic.MARKS}"])
    found["marks"] = ends[0] - found["steps"]  # a transaction ends with a marker in each partition
    return found


async def _ends(broker: Broker, topics: Sequence[str]) -> list[float]:
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap)
    await consumer.start()
    try:
        of = [TopicPartition(topic, 0) for topic in topics]
        ends = await consumer.end_offsets(of)
        return [float(ends[one]) for one in of]
    finally:
        await consumer.stop()


def _cpu_s(pid: int) -> float:
    """Return the processor time of a process so far: user and system of /proc/PID/stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


@contextmanager
def _process(role: str, config: Path, home: Path, port: int) -> Iterator[int]:
    command = [str(PLUMB), role, "-c", str(config), "--state", str(home / role),
               "--metrics-port", str(port)]  # fmt: skip
    with (home / f"{role}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ)
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(60)


def _archived(folder: Path) -> dict[str, tuple[int, int]]:
    """Return rows and bytes of the Parquet of each kind."""
    import pyarrow.parquet as parquet

    found = {}
    for kind in ("ticks", "marks", "steps"):
        parts = list(folder.glob(f"kind={kind}/**/part-*.parquet"))
        rows = sum(parquet.read_metadata(part).num_rows for part in parts)
        found[kind] = (rows, sum(part.stat().st_size for part in parts))
    return found


async def _feeds(broker: Broker, folder: Path) -> dict[str, Any]:
    """Run `plumb feeds` on venues that quote as fast as they can, and see what a tick costs."""
    home = folder / "feeds"
    home.mkdir()
    async with SandboxVenues(seed=1, step_ms=20) as venues:
        symbols = {"binance": ["BTC/USDT", "ETH/USDT"], "okx": ["BTC/USDT", "ETH/USDT"],
                   "coinbase": ["BTC/USD", "ETH/USD"], "kraken": ["BTC/USD", "ETH/USD"]}  # fmt: skip
        config = home / "config.yaml"
        config.write_text(yaml.safe_dump({
            "bus": {"kind": "kafka", "bootstrap": broker.bootstrap, "prefix": "feeds."},
            "feeds": [
                {"kind": "ccxt", "venue": venue, "symbols": listed,
                 "rest_url": venues.urls[venue][0], "ws_url": venues.urls[venue][1]}
                for venue, listed in symbols.items()
            ],
            "markets": {"BTC-USD": {"number": 0, "sources": [
                {"source": "coinbase:BTC/USD"}, {"source": "kraken:BTC/USD"}]}},
        }))  # fmt: skip
        bus = KafkaBus(broker.bootstrap, prefix="feeds.")
        async with bus:
            await bus.ensure_topics()
        (port,) = _free_ports(1)
        with _process("feeds", config, home, port) as pid:
            deadline = time.monotonic() + START_S
            while _ticks(await _metrics(port)) < 500 and time.monotonic() < deadline:
                await asyncio.sleep(0.2)
            before = _cpu_s(pid), _ticks(await _metrics(port))
            await asyncio.sleep(SECONDS)
            after = _cpu_s(pid), _ticks(await _metrics(port))
            rss = _rss_mib(pid)
    ticks = after[1] - before[1]
    return {
        "cpu_us": {"feeds_tick": (after[0] - before[0]) / ticks * 1e6},
        "rss_mib": {"feeds": rss},
    }


def _ticks(metrics: Mapping[str, float]) -> float:
    return sum(value for name, value in metrics.items() if name.startswith("plumbline_feed_ticks_total"))


def _loads(runs: Sequence[dict[str, Any]]) -> list[dict[str, float]]:
    return [
        {
            "markets": run["load"].markets,
            "ticks_per_s": run["delta"]["ticks"] / run["delta"]["s"],
            "marks_per_s": run["delta"]["marks"] / run["delta"]["s"],
            "steps_per_s": run["delta"]["steps"] / run["delta"]["s"],
        }
        for run in runs
    ]


def _bytes(runs: Sequence[dict[str, Any]]) -> dict[str, float]:
    last, ticks = runs[-1], Ticks(LOADS[-1].markets)
    delta = last["delta"]
    messages = [encode(ticks.message(time.time_ns())) for _ in range(400)]
    packed = zstandard.ZstdCompressor().compress(b"".join(messages))
    return {
        "tick_message": sum(map(len, messages)) / (len(messages) * TICKS_A_MESSAGE),
        "tick_log": delta["disk_ticks"] / delta["ticks"],
        "tick_zstd_ratio": sum(map(len, messages)) / len(packed),
        "mark_log": delta["disk_marks"] / delta["marks"],
        "step_log": delta["disk_steps"] / delta["steps"],
        "tick_archive": last["archive"]["ticks"][1] / last["archive"]["ticks"][0],
        "mark_archive": last["archive"]["marks"][1] / last["archive"]["marks"][0],
    }


def _costs(runs: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Solve for what a second, a tick and a mark cost each process, in us of processor time."""
    found: dict[str, float] = {}
    rows = np.array([[d["s"], d["ticks"], d["marks"]] for d in (run["delta"] for run in runs)])
    for role in ("broker", "engine", "archive", "publish"):
        cpu_s = np.array([run["delta"][f"cpu_{role}"] for run in runs])
        second, tick, mark = np.linalg.solve(rows, cpu_s) * 1e6
        found |= {f"{role}_second": second, f"{role}_tick": tick, f"{role}_mark": mark}
    return {name: float(value) for name, value in found.items()}


def _memory(runs: Sequence[dict[str, Any]]) -> dict[str, float]:
    few, many = runs[1], runs[2]
    more = many["load"].markets - few["load"].markets
    each = (many["rss"]["engine"] - few["rss"]["engine"]) / more
    return {
        "engine": few["rss"]["engine"] - each * few["load"].markets,
        "engine_market": each,
        "archive": many["rss"]["archive"],
        "broker": many["rss"]["broker"],
    }


def _free_ports(count: int) -> list[int]:
    listeners = [socket.socket() for _ in range(count)]
    try:
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()
