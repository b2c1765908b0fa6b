"""Measure what one tick, one mark and one market cost: processor time and bytes, on a real broker.

Processor time and not wall time: the machine may be shared. From loads that differ in ticks and in
marks, `arithmetic.costs` tells apart what ticks, marks and merely running cost.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml
import zstandard
from aiokafka import AIOKafkaConsumer, TopicPartition
from pyarrow import parquet

from deploy.kafka.broker import Broker
from oracle.bus.interface import Start
from oracle.bus.kafka import KafkaBus
from oracle.config.load import parse
from oracle.engine.engine import Engine
from oracle.keys.keystore import write_keystore
from oracle.model.messages import Message, encode
from oracle.model.topics import Topic
from oracle.node.sharding import shard
from tests.bench.scaling.apart import feeds, flat_out
from tests.bench.scaling.load import DEFAULTS, TICKS_A_MESSAGE, Load, Sender, Ticks
from tests.bench.scaling.processes import cpu_s, free_ports, rss_mib, running, total, until

SECONDS: Final = 20.0
SETTLE_S: Final = 5.0
ROLES: Final = ("engine", "committee", "archive", "api")
LOADS: Final = (Load(100, 4_000), Load(100, 20_000), Load(400, 20_000))
_KEPT: Final = "kept"


class Run(NamedTuple):
    """What came of one load."""

    load: Load
    delta: Mapping[str, float]
    """Growth of each counter while it was watched."""
    rss_mib: Mapping[str, float]
    archived: Mapping[str, float]
    """Bytes of Parquet a row, by kind."""
    marks: Sequence[Message]
    """Some."""


def measured(told: Callable[[str], object] = print) -> dict[str, Any]:
    """Return all figures; takes some four minutes, and several times that on a busy machine."""
    with tempfile.TemporaryDirectory() as made, Broker(Path(made) / "broker") as broker:
        folder = Path(made)
        runs = []
        for load in LOADS:
            told(f"{load.markets} markets, {load.ticks_per_s:,} ticks/s")
            site = _Site(broker, folder, load, f"scale{len(runs)}.")
            runs.append(asyncio.run(site.run()))
        told("the broker flat out")
        pid = _pid(broker)
        broker_us = asyncio.run(flat_out(broker.bootstrap, lambda: cpu_s(pid), runs[-1].marks))
        told("feeds from sandbox venues")
        feeds_us, feeds_mib = asyncio.run(feeds(broker.bootstrap, folder))
    return {
        "loads": [_reached(run) for run in runs],
        "bytes": _bytes(runs[-1]),
        "cpu_us": broker_us | {"feeds_tick": feeds_us},
        "rss_mib": _memory(runs) | {"feeds": feeds_mib},
    }


class _Site:
    """A deployment under one load: every role but feeds, which this process is."""

    def __init__(self, broker: Broker, folder: Path, load: Load, prefix: str) -> None:
        self._broker, self._folder, self._load, self._prefix = broker, folder, load, prefix
        self._home = folder / prefix
        self._home.mkdir()
        self._ports = dict(zip((*ROLES, "http"), free_ports(len(ROLES) + 1), strict=True))

    async def run(self) -> Run:
        """Start it, let it settle, and watch it for a while."""
        config = self._home / "config.yaml"
        config.write_text(yaml.safe_dump(self._configuration()))
        bus = KafkaBus(self._broker.bootstrap, prefix=self._prefix, request_timeout_ms=60_000)
        async with bus:
            await bus.ensure_topics()
            with ExitStack() as started:
                pids = {"broker": _pid(self._broker)}
                for role in ROLES:
                    made = running(role, config, self._home, self._ports[role])
                    pids[role] = started.enter_context(made)
                sending = asyncio.create_task(Sender(bus, self._load).run())
                try:
                    before, after = await self._watch(pids)
                finally:
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
                memory = {role: rss_mib(pid) for role, pid in pids.items()}
            async with bus.subscribe(Topic.MARKS, start=Start.EARLIEST) as reader:
                some = [record.message for record in await reader.take(limit=1_000, timeout_s=10)]
        delta = {name: after[name] - before[name] for name in after}
        return Run(self._load, delta, memory, self._archived(), some)

    async def _watch(self, pids: Mapping[str, int]) -> tuple[dict[str, float], dict[str, float]]:
        for role, counter in (
            ("engine", "plumbline_ticks_total"),
            ("archive", "plumbline_archive_rows_total"),
            ("committee", "plumbline_reports_total"),
            ("api", "plumbline_api_records_total"),
        ):
            await until(self._ports[role], counter, 1)
        await asyncio.sleep(SETTLE_S)
        before = await self._counters(pids)
        await asyncio.sleep(SECONDS)
        return before, await self._counters(pids)

    async def _counters(self, pids: Mapping[str, int]) -> dict[str, float]:
        found = {f"cpu_{role}": cpu_s(pid) for role, pid in pids.items()}
        found["s"] = time.monotonic()
        for topic in (Topic.TICKS, Topic.MARKS, Topic.STEPS):
            logs = (self._folder / f"broker/data/{self._prefix}{topic}-0").glob("*.log")
            found[f"log_{topic}"] = float(sum(log.stat().st_size for log in logs))
        found["ticks"] = await total(self._ports["engine"], "plumbline_ticks_total")
        found["steps"] = await total(self._ports["engine"], "plumbline_steps_total")
        # A transaction ends with a marker in each partition that it wrote.
        found["marks"] = await self._end_of(Topic.MARKS) - found["steps"]
        return found

    async def _end_of(self, topic: Topic) -> float:
        partition = TopicPartition(f"{self._prefix}{topic}", 0)
        consumer = AIOKafkaConsumer(bootstrap_servers=self._broker.bootstrap)
        await consumer.start()
        try:
            return float((await consumer.end_offsets([partition]))[partition])
        finally:
            await consumer.stop()

    def _configuration(self) -> dict[str, Any]:
        member = write_keystore(self._home / "key.json", bytes(31) + b"\x01", "p", scrypt_n=2)
        password = self._home / "password"
        password.write_text("p")
        key = {"keystore": str(self._home / "key.json"), "password_file": str(password)}
        return {
            "deployment": {"network": "scaling", "home_governor": "0x" + "11" * 20, "nonce": 1},
            "bus": {
                "kind": "kafka",
                "bootstrap": self._broker.bootstrap,
                "prefix": self._prefix,
            },
            "engine": {"step": "100ms", "coalesce": "100ms"},
            "defaults": DEFAULTS,
            "markets": self._load.configuration(),
            "committee": {"epoch": 1, "threshold": 1, "members": [member], "keys": [key]},
            "archive": {"url": str(self._home / _KEPT), "roll_age": "5s"},
            "api": {"port": self._ports["http"]},
        }

    def _archived(self) -> dict[str, float]:
        found = {}
        for kind in (Topic.TICKS, Topic.MARKS):
            parts = list((self._home / _KEPT).glob(f"kind={kind}/**/part-*.parquet"))
            rows = sum(parquet.read_metadata(part).num_rows for part in parts)
            found[str(kind)] = sum(part.stat().st_size for part in parts) / rows
        return found


def _pid(broker: Broker) -> int:
    process = broker._process
    assert process is not None
    return process.pid


def _reached(run: Run) -> dict[str, float]:
    """Return what each second of a load brought, and the cores that each role kept busy."""
    counted = ("ticks", "marks", "steps", *(f"cpu_{role}" for role in ROLES))
    return {"markets": run.load.markets} | {of: run.delta[of] / run.delta["s"] for of in counted}


def _bytes(run: Run) -> dict[str, float]:
    ticks, delta = Ticks(run.load.markets), run.delta
    messages = [encode(ticks.message(time.time_ns())) for _ in range(400)]
    packed = [zstandard.ZstdCompressor().compress(message) for message in messages]
    return {
        "tick_message": sum(map(len, messages)) / (len(messages) * TICKS_A_MESSAGE),
        "tick_zstd_ratio": sum(map(len, messages)) / sum(map(len, packed)),
        "tick_log": delta["log_ticks"] / delta["ticks"],
        "mark_log": delta["log_marks"] / delta["marks"],
        "step_log": delta["log_steps"] / delta["steps"],
        "tick_archive": run.archived["ticks"],
        "mark_archive": run.archived["marks"],
        "snapshot_market": _snapshot_bytes(run.load) / run.load.markets,
    }


def _snapshot_bytes(load: Load) -> int:
    """Return the state of an engine over these markets, which is as large empty as full."""
    markets = parse({"markets": load.configuration(), "defaults": DEFAULTS}).markets
    return len(Engine(shard(markets, 0, 1).spec).snapshot())


def _memory(runs: Sequence[Run]) -> dict[str, float]:
    few, many = runs[-2], runs[-1]
    more = many.load.markets - few.load.markets
    each = (many.rss_mib["engine"] - few.rss_mib["engine"]) / more
    others = {role: many.rss_mib[role] for role in ("broker", *ROLES) if role != "engine"}
    engine = few.rss_mib["engine"] - each * few.load.markets
    return others | {"engine": engine, "engine_market": each}
