"""The roles as processes of their own: feeds, oracle and relayer meet only on a real broker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from deploy.kafka.broker import Broker
from oracle.bus.interface import Start, Subscription
from oracle.bus.kafka import KafkaBus
from oracle.cli.demo.sandbox import Sandbox, open_sandbox
from oracle.model.messages import AuditEntry, Mark
from oracle.model.topics import Topic
from oracle.node.audit import verify_chain
from relayer.evm.reader import MarkReader
from tests.e2e.plumb import PLUMB, plumb
from tests.kafka_broker import make_topics
from tests.ports import free_ports

pytestmark = [pytest.mark.kafka, pytest.mark.evm]

PREFIX = "roles."
DEADLINE_S = 300.0
_METRIC_OF = {
    "oracle": "plumbline_steps_total",
    "relayer": "plumbline_relayer_",
    "feeds": "plumbline_feed_ticks_total",
}
SOURCE = "coinbase:BTC/USD"


@contextlib.contextmanager
def _process(folder: Path, role: str, config: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run one role; ask it to end, and require that it ended in order."""
    with (folder / f"{role}.log").open("wb") as log:
        command = [str(PLUMB), role, "--config", str(config), "--metrics-port", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ)
        try:
            yield process
            assert process.poll() is None, f"plumb {role} ended by itself"
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=DEADLINE_S) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _until_shown(port: int, metric: str) -> None:
    """Wait until a process's page has a metric."""
    ends = time.monotonic() + DEADLINE_S
    while metric not in httpx.get(f"http://127.0.0.1:{port}", timeout=60, trust_env=False).text:
        assert time.monotonic() < ends, metric


@contextlib.asynccontextmanager
async def _marks(bus: KafkaBus) -> AsyncIterator[Subscription]:
    async with bus.subscribe(Topic.MARKS, start=Start.TAIL) as reader:
        yield reader


async def _until_paused(reader: Subscription) -> Mark:
    """Return the first mark of BTC-USD in which the source is paused."""
    ends = time.monotonic() + DEADLINE_S
    while time.monotonic() < ends:
        for record in await reader.take(timeout_s=0.2):
            mark = record.message
            if mark.market == "BTC-USD" and any(
                view.source == SOURCE and view.reason == "paused" for view in mark.sources
            ):
                return mark
    raise AssertionError(f"{SOURCE} was not paused within {DEADLINE_S} s")


async def _entries(audit: Subscription) -> list[object]:
    """Return all that the audit has, once it has anything."""
    ends, entries = time.monotonic() + DEADLINE_S, []
    while not entries or not await audit.caught_up():
        assert time.monotonic() < ends
        entries += [record.message for record in await audit.take(timeout_s=0.5)]
    return entries


async def _stored(sandbox: Sandbox) -> dict[str, dict[str, object]]:
    """Return what both contracts hold once every market has a price there."""
    numbers = {name: market.number for name, market in sandbox.config.markets.items()}
    readers = [MarkReader(chain) for chain in sandbox.config.chains]
    ends = time.monotonic() + DEADLINE_S
    try:
        while time.monotonic() < ends:
            held = {reader.name: await reader.marks(numbers) for reader in readers}
            if all(mark.price is not None for marks in held.values() for mark in marks.values()):
                return held
            await asyncio.sleep(0.2)
    finally:
        for reader in readers:
            await reader.aclose()
    raise AssertionError("not every market reached both chains in time")


async def test_three_processes_and_a_pause_over_kafka(tmp_path: Path):
    """Ticks become marks on two chains across processes, and a pause bites within a second."""
    with Broker() as broker:
        async with open_sandbox(tmp_path, seed=3) as sandbox:
            data = yaml.safe_load(sandbox.config_file.read_text())
            data["bus"] = {"kind": "kafka", "bootstrap": broker.bootstrap, "prefix": PREFIX}
            config = tmp_path / "kafka.yaml"
            config.write_text(yaml.safe_dump(data))
            bus = KafkaBus(broker.bootstrap, prefix=PREFIX)
            async with bus:
                await make_topics(bus)
                with contextlib.ExitStack() as roles:
                    names = ("oracle", "relayer", "feeds")
                    ports = dict(zip(names, free_ports(len(names)), strict=True))
                    for role, port in ports.items():
                        roles.enter_context(_process(tmp_path, role, config, port))
                    held = await _stored(sandbox)
                    assert set(held) == {"alpha", "beta"}
                    for role, port in ports.items():
                        await asyncio.to_thread(_until_shown, port, _METRIC_OF[role])
                    async with _marks(bus) as reader:
                        done = await asyncio.to_thread(
                            plumb, "pause", "source", SOURCE, "--reason", "end to end",
                            "--for", "5m", "--who", "test", "--config", config, "--json",
                        )  # fmt: skip
                        assert done.returncode == 0, done.stderr
                        issued_ns = json.loads(done.stdout)["issued_ns"]
                        mark = await _until_paused(reader)
                    assert 0 < mark.time_ns - issued_ns < 10**9  # over Kafka, two processes away
                async with bus.subscribe(Topic.AUDIT, start=Start.EARLIEST) as audit:
                    entries = await _entries(audit)
    (entry,) = entries
    assert isinstance(entry, AuditEntry)
    assert (entry.action, entry.reason, entry.until_ns) == (
        "pause",
        "end to end",
        issued_ns + 300 * 10**9,
    )
    assert verify_chain(entries) is None
