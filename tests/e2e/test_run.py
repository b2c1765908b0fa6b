"""`plumb run` in one process: marks over HTTP, a pause from another terminal, an orderly end."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from oracle.client import PlumblineClient
from oracle.model.errors import PlumblineError
from oracle.model.messages import decode
from oracle.model.topics import Topic
from oracle.node.audit import verify_chain
from tests.e2e.plumb import PLUMB, complaint, plumb
from tests.ports import free_ports

SOURCES = ("a:X/USD", "b:X/USD", "c:X/USD")
LASTS_S = 900
DEADLINE_S = 120.0


def _ticks(file: Path, begin_ns: int) -> None:
    """Write trades of three sources, ten a second each, at times about to come."""
    rows = ["received_ns,event_ns,source,bid,ask,last"]
    for n in range(LASTS_S * 10):
        at = begin_ns + n * 100_000_000
        rows += [f"{at},{at},{source},,,{10_000 + n % 7}" for source in SOURCES]
    file.write_text("\n".join(rows) + "\n")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration that replays ticks at their own speed."""
    _ticks(tmp_path / "ticks.csv", time.time_ns())
    (port,) = free_ports(1)
    market = {"number": 0, "sources": [{"source": source} for source in SOURCES]}
    data = {
        "feeds": [{"kind": "replay", "files": ["ticks.csv"]}],
        "markets": {"X-USD": market},
        "api": {"port": port},
    }
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(data))
    return file


@contextlib.contextmanager
def _running(config: Path) -> Iterator[tuple[subprocess.Popen[bytes], PlumblineClient]]:
    port = yaml.safe_load(config.read_text())["api"]["port"]
    log = (config.parent / "run.log").open("wb")
    with log, PlumblineClient(f"http://127.0.0.1:{port}") as client:
        process = subprocess.Popen(
            [str(PLUMB), "run", "--config", str(config)], stdout=log, stderr=log
        )
        try:
            yield process, client
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def _until(seen: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
    """Wait until something holds; who cannot be asked yet is asked again."""
    ends = time.monotonic() + deadline_s
    while time.monotonic() < ends:
        with contextlib.suppress(PlumblineError, httpx.HTTPError):
            if seen():
                return
        time.sleep(0.05)
    raise AssertionError(f"not seen within {deadline_s} s")


def _reason(client: PlumblineClient, source: str) -> str:
    return next(view.reason for view in client.mark("X-USD").sources if view.source == source)


def test_marks_pause_resume_and_end(config: Path):
    """The whole of an operator's first quarter of an hour."""
    with _running(config) as (process, client):
        _until(lambda: client.mark("X-USD").validity.name == "VALID")
        url = f"http://127.0.0.1:{yaml.safe_load(config.read_text())['api']['port']}"
        _until(lambda: httpx.get(f"{url}/ready").status_code == 200)
        assert httpx.get(f"{url}/live").status_code == 200
        assert "plumbline_steps_total" in httpx.get(f"{url}/metrics").text

        done = plumb("pause", "source", SOURCES[0], "--reason", "odd prints", "--for", "10m",
                     "--config", config, "--json")  # fmt: skip
        assert done.returncode == 0, done.stderr
        ordered = json.loads(done.stdout)
        assert ordered["until_ns"] - ordered["issued_ns"] == 600 * 10**9
        _until(lambda: _reason(client, SOURCES[0]) == "paused", 1)
        done = plumb("pause", "market", "X-USD", "--reason", "drill", "--config", config)
        assert done.returncode == 0, done.stderr
        _until(lambda: client.mark("X-USD").validity.name == "HALTED", 1)
        assert client.mark("X-USD").mark is None

        for kind, subject in (("market", "X-USD"), ("source", SOURCES[0])):
            done = plumb("resume", kind, subject, "--reason", "over", "--config", config)
            assert done.returncode == 0, done.stderr
        _until(lambda: _reason(client, SOURCES[0]) == "", 1)

        other = complaint(plumb("run", "--config", config))
        assert "another plumb already listens" in other

        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=DEADLINE_S) == 0


def test_a_pause_outlives_a_crash(config: Path):
    """A market stopped for an exploit stays stopped when the process is killed and comes back."""
    with _running(config) as (process, client):
        _until(lambda: client.mark("X-USD").validity.name == "VALID")
        done = plumb("pause", "market", "X-USD", "--reason", "exploit", "--config", config)
        assert done.returncode == 0, done.stderr
        process.kill()
        process.wait()
    with _running(config) as (_, client):
        _until(lambda: client.mark("X-USD").reason.endswith("exploit"))
        assert client.mark("X-USD").validity.name == "HALTED"
        assert client.mark("X-USD").mark is None
        done = plumb("resume", "market", "X-USD", "--reason", "over", "--config", config)
        assert done.returncode == 0, done.stderr
        _until(lambda: client.mark("X-USD").validity.name == "VALID", 1)
    lines = (config.parent / "state" / "audit.jsonl").read_text().splitlines()
    entries = [decode(Topic.AUDIT, bytes.fromhex(json.loads(line)["wire"])) for line in lines]
    assert [(entry.action, entry.reason) for entry in entries] == [
        ("pause", "exploit"), ("resume", "over"),
    ]  # fmt: skip
    assert verify_chain(entries) is None
