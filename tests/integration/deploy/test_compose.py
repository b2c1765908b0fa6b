"""deploy/compose.yaml, its own commands in namespaces of this machine, up to marks on the chain."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.kafka.broker import LIBS, fetch_jars
from tests.integration.deploy.containers import PROMETHEUS, ROOT, Host, missing_tools, services_of

pytestmark = [pytest.mark.kafka, pytest.mark.evm]

FILE = ROOT / "deploy/compose.yaml"
MARKETS = {"BTC-USD", "USDT-USD", "ETH-USD"}
PAUSE = ("pause", "market", "ETH-USD", "--for", "5m", "--reason", "rehearsal", "--who", "test")
NOT_RUN = {"grafana"}
"""Not among what this machine can have."""
VARIABLES = {"KAFKA_JVM": "-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"}
"""As `.env` may say: three brokers and their formatting start in half the time on few cores."""
UP_S, ACCEPTED_S, POLL_S = 400.0, 200.0, 0.5
ENDED_IN_ORDER = ("feeds", "oracle-1", "oracle-2", "committee", "relayer-1", "relayer-2", "api")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A machine for the whole file; where there can be none it is skipped, but fails in CI."""
    lacking = missing_tools()
    lacking += [] if (PROMETHEUS / "prometheus").exists() else ["prometheus (make promtool)"]
    if lacking:
        text = f"this machine lacks {', '.join(lacking)}"
        assert not os.environ.get("CI"), text
        pytest.skip(text)
    fetch_jars()
    subprocess.run([sys.executable, "-m", "oracle.engine"], check=True, cwd=ROOT)
    files = {LIBS: "/opt/kafka/libs", ROOT / "deploy/docker/broker.sh": "/opt/kafka/broker.sh"}
    names = [name for name in services_of(FILE) if name not in NOT_RUN]
    with Host(FILE, tmp_path, names, files, VARIABLES) as made:
        yield made


def test_the_sandbox_comes_up_and_marks_are_accepted(host: Host) -> None:
    """All roles with their own users' rights, up to what the chain holds; and they end in order."""
    host.up(UP_S)
    _until(lambda: _held_without_alarm(host), "every market is on the chain")
    _until(lambda: _sum_of(host, "plumbline_relayer_owned") == 1, "one relayer has the chain")
    _until(lambda: _sum_of(host, "plumbline_shard_owned") == 2, "each shard has one owner")
    _until(lambda: _sum_of(host, "up") == 9, "Prometheus reads all")
    _until(lambda: host.run("operator", *PAUSE)[0] == 0, "an operator may pause")
    _until(lambda: _validity_of(host, "ETH-USD") == "HALTED", "the pause takes effect")
    assert host.stop(ENDED_IN_ORDER) == dict.fromkeys(ENDED_IN_ORDER, 0)


def _held_without_alarm(host: Host) -> bool:
    """Ask as an operator does: has the chain a price of every market, as fresh as it should be?"""
    code, said = host.run("operator", *host.services["operator"].given["command"], "--json")
    status = json.loads(said)
    markets = [market for chain in status["chains"] for market in chain["markets"]]
    return code == 0 and {market["market"] for market in markets if market["price"]} == MARKETS


def _until(true: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + ACCEPTED_S
    while not true():
        assert time.monotonic() < ends, f"not in time: {what}"
        time.sleep(POLL_S)


def _sum_of(host: Host, metric: str) -> float:
    """Ask Prometheus, who asks every role."""
    url = f"http://127.0.0.1:9090/api/v1/query?query=sum({metric})"
    said = json.loads(host.services["prometheus"].run("wget", "-qO-", url).stdout)
    return float(said["data"]["result"][0]["value"][1]) if said["data"]["result"] else 0.0


def _validity_of(host: Host, market: str) -> str:
    url = f"http://127.0.0.1:8645/v1/marks/{market}"
    return str(json.loads(host.services["api"].run("wget", "-qO-", url).stdout)["validity"])
