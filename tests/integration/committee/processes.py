"""Seven members as seven processes: the real stack, with ticks that a test decides.

Each process is forked from a server that has imported everything once, so that seven start in
seconds on two cores. It runs what `plumb oracle` runs, and serves the API for the test to read.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from prometheus_client import REGISTRY

from oracle.keys.keystore import write_keystore, write_private
from oracle.report.committee import Committee
from oracle.report.digest import deployment_salt
from oracle.report.report import Report
from tests.ports import free_ports
from tests.vectors.generate import address, members

SOURCES: Final = ("a:X/USD", "b:X/USD", "c:X/USD")
FAIR_E2: Final = 10_000_00
"""Member n sees the price n cents higher."""
GOVERNOR: Final = "0x" + "11" * 20
DEADLINE_S: Final = 300.0
_MODULE: Final = "tests.integration.committee.processes"
_PRELOADED: Final = ["oracle.cli.stack", "oracle.api.app", "oracle.engine.compiled", _MODULE]

KEYS = members()
COMMITTEE = Committee(
    deployment_salt("seven", bytes.fromhex(GOVERNOR[2:]), 1),
    1,
    5,
    tuple(address(key) for key in KEYS),
)


def serve(folder: Path, maker: str) -> None:
    """Run one member until a signal ends it; `maker` names a class of `byzantine`, or nothing."""
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    if maker:
        from oracle.cli import member
        from tests.integration.committee import byzantine

        member.Node = getattr(byzantine, maker)
    asyncio.run(_served(folder))


async def _served(folder: Path) -> None:
    from oracle.cli.output import configure_logging
    from oracle.cli.roles import Role
    from oracle.cli.stack import open_stack
    from oracle.cli.supervise import Supervisor
    from oracle.config.load import load

    configure_logging(as_json=True)
    config = load(folder / "config.yaml")
    async with open_stack(config, folder / "state", REGISTRY) as stack:
        services = stack.services([Role.ORACLE, Role.API])
        services["ticks"] = lambda: _ticks(stack, folder / "feed.json")
        await Supervisor().run(services)


async def _ticks(stack: Any, told: Path) -> None:
    """Bring three sources' quotes twenty times a second, at the price the test says."""
    from oracle.model.fixed import Px
    from oracle.model.ticks import Tick

    sequence = 0
    while True:
        price_e2 = _told(told)
        sequence += 1
        now_ns = time.time_ns()
        ticks = [
            Tick(name, sequence, now_ns, now_ns, Px(price_e2 - 1, -2), Px(price_e2 + 1, -2))
            for name in SOURCES
        ]
        await stack.publish_ticks(ticks)
        await asyncio.sleep(0.05)


def _told(file: Path) -> int:
    price_e2: int = json.loads(file.read_text())["price_e2"]
    return price_e2


class Process:
    """One member's process, and what it serves."""

    def __init__(self, number: int, folder: Path, api: int) -> None:
        self.number, self.folder, self._api = number, folder, api
        self.running: ForkServerProcess | None = None
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{api}", timeout=5, trust_env=False)

    def start(self, maker: str = "") -> None:
        """Start it, from whatever its state folder has."""
        context = multiprocessing.get_context("forkserver")
        self.running = context.Process(target=serve, args=(self.folder, maker), daemon=True)
        self.running.start()

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        assert self.running is not None
        assert self.running.pid is not None
        os.kill(self.running.pid, number)

    def kill(self) -> None:
        """Kill it as a power cut would, and wait until it is gone."""
        if self.running is not None:
            self.running.kill()
            self.running.join()

    def tell(self, price_e2: int) -> None:
        """Set the price that its sources bring."""
        part = self.folder / "feed.part"
        part.write_text(json.dumps({"price_e2": price_e2}))
        part.replace(self.folder / "feed.json")

    def latest(self) -> Report | None:
        """Return its newest report, its signatures checked."""
        with contextlib.suppress(httpx.HTTPError):
            answer = self.http.get("/v1/reports/latest")
            if answer.status_code == 200:
                return COMMITTEE.verify(bytes.fromhex(answer.json()["body"][2:]))
        return None

    def signed(self, time_ms: int, until_ms: int) -> list[tuple[int, int]]:
        """Return slot and publication time of every report of marks in this time."""
        found = []
        while True:
            answer = self.http.get(f"/v1/reports/after/{time_ms}")
            if answer.status_code != 200:
                return found
            report = answer.json()
            if report["time_ms"] >= until_ms:
                return found
            found.append((report["slot"], report["signed_ms"]))
            time_ms = report["time_ms"] + 1

    def metric(self, name: str) -> dict[str, float]:
        """Return the series of a metric by their labels."""
        lines = [line for line in self.http.get("/metrics").text.splitlines() if line[:1] != "#"]
        pairs = [line.rpartition(" ") for line in lines if line.startswith(name)]
        return {series[len(name) :]: float(value) for series, _, value in pairs}


class Seven:
    """The processes."""

    def __init__(self, folder: Path, slot: str, view: str) -> None:
        ports = free_ports(14)
        peers = {
            "0x" + one.hex(): f"http://127.0.0.1:{port}"
            for one, port in zip(COMMITTEE.members, ports[:7], strict=True)
        }
        self.all = [Process(n, folder / str(n), ports[7 + n]) for n in range(7)]
        for process in self.all:
            process.folder.mkdir()
            (process.folder / "state").mkdir(mode=0o700)
            process.tell(FAIR_E2 + process.number)
            self._write_keys(process)
            config = _config(process.number, ports, peers, slot, view)
            (process.folder / "config.yaml").write_text(yaml.safe_dump(config))

    @staticmethod
    def _write_keys(process: Process) -> None:
        write_private(process.folder / "password", "drowssap")
        secret = KEYS[process.number].secret
        write_keystore(process.folder / "key.json", secret, "drowssap", 2)

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds."""
        ends = time.monotonic() + DEADLINE_S
        while not holds():
            assert time.monotonic() < ends, f"not within {DEADLINE_S:.0f} s: {what}\n{self.logs()}"
            time.sleep(0.1)

    def logs(self) -> str:
        """Return the last lines of every member's log."""
        tails = []
        for process in self.all:
            log = process.folder / "log"
            lines = log.read_text().splitlines()[-8:] if log.exists() else []
            tails.append("\n".join([f"--- member {process.number}", *lines]))
        return "\n".join(tails)

    def more(self, count: int, *numbers: int) -> list[Report]:
        """Wait until these members have moved on by so many reports with a price; return all seen.

        An engine that warms up, or that a busy machine holds up, has no price to report.
        """
        chosen = [self.all[n] for n in numbers]
        first = {p.number: p.latest() for p in chosen}
        seen: dict[int, list[Report]] = {p.number: [] for p in chosen}

        def moved() -> bool:
            for process in chosen:
                report = process.latest()
                before = first[process.number]
                known = seen[process.number]
                if report is None or (before is not None and report.slot <= before.slot):
                    continue
                if not known or report.slot > known[-1].slot:
                    known.append(report)
            return all(sum(map(has_price, known)) >= count for known in seen.values())

        self.until(moved, f"{count} more reports at {numbers}")
        return [report for known in seen.values() for report in known]


def has_price(report: Report) -> bool:
    """Whether a report has a price for the only market."""
    return report.leaves[0].decoded().entries[0].price is not None


def _config(
    number: int, ports: list[int], peers: dict[str, str], slot: str, view: str
) -> dict[str, Any]:
    return {
        "deployment": {"network": "seven", "home_governor": GOVERNOR, "nonce": 1},
        "engine": {"step": "100ms", "coalesce": "5ms"},
        "markets": {
            "X-USD": {
                "number": 0,
                "mark": "index_only",
                "sources": [{"source": source} for source in SOURCES],
                "breaker": {"deviations": [{"window": "5m", "halted": "1000%"}]},
                "admission": {"max_scale": 10},
            }
        },
        "committee": {
            "epoch": 1,
            "threshold": 5,
            "members": list(peers),
            "keys": [{"keystore": "key.json", "password_file": "password"}],
            "slot": slot,
            "view_timeout": view,
            "listen": f"127.0.0.1:{ports[number]}",
            "peers": peers,
        },
        "api": {"port": ports[7 + number]},
    }


@contextlib.contextmanager
def seven_processes(folder: Path, slot: str = "400ms", view: str = "200ms") -> Iterator[Seven]:
    """Write seven configurations; whatever is started of them is killed at the end."""
    multiprocessing.set_forkserver_preload(_PRELOADED)
    seven = Seven(folder, slot, view)
    try:
        yield seven
    finally:
        for process in seven.all:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.http.close()
