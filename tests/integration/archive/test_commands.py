"""`plumb run` and `plumb archive` as processes: what they leave is there for `plumb query`."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from oracle.bus.kafka import KafkaBus
from oracle.cli.app import app
from oracle.model.topics import Topic
from tests.unit.api.samples import until
from tests.unit.archive.samples import MAKE, key_of

DEADLINE_S = 300.0
PLUMB = (sys.executable, "-c", "from oracle.cli import main; main()")


@contextlib.contextmanager
def _running(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([*PLUMB, *arguments], stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(DEADLINE_S) == 0
        finally:
            process.kill()


def _plumb(*arguments: str) -> str:
    """Run a command here; return what it prints."""
    done = CliRunner().invoke(app, arguments)
    assert done.exception is None, done.exception
    return done.stdout


def _ask(folder: Path, sql: str) -> Any:
    return json.loads(_plumb("query", sql, "--config", str(folder / "config.yaml"), "--json"))


def _priced(folder: Path) -> int:
    """Return how many marks lie where the ticks are."""
    sql = "SELECT count(*) AS n FROM marks WHERE mark BETWEEN 100.5 AND 106.5"
    return int(_ask(folder, sql)[0]["n"])


def _wait(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def _parts(folder: Path, kind: str) -> int:
    return len(list(folder.rglob(f"kind={kind}/**/*.json")))


def _configure(folder: Path, **sections: Any) -> None:
    market = {
        "number": 0,
        "mark": "index_only",
        "sources": [{"source": f"{v}:X/USD"} for v in "ab"],
    }
    content = {
        "markets": {"X-USD": market},
        "archive": {"url": "kept", "roll_age": "200ms"},
        "api": {"port": 0},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(content | sections))


def _ticks(begin_ns: int, rows: int) -> Iterator[str]:
    yield "received_ns,event_ns,source,bid,ask,last"
    for number in range(rows):
        at = begin_ns + number * 20 * 10**6
        for venue in "ab":
            yield f"{at},{at},{venue}:X/USD,{100 + number % 7}.25,{100 + number % 7}.75,"


def test_what_ran_is_in_the_archive(tmp_path: Path) -> None:
    """Ticks, steps, marks, orders and the audit of two runs, each of them once."""
    config = str(tmp_path / "config.yaml")
    order = ("source", "a:X/USD", "--config", config, "--reason", "a test")
    _configure(tmp_path, feeds=[{"kind": "replay", "files": ["ticks.csv"], "speed": 1}])
    for _ in range(2):
        (tmp_path / "ticks.csv").write_text("\n".join(_ticks(time.time_ns(), 15_000)))
        enough = _parts(tmp_path, "marks") + 2
        with _running("run", "--config", config):
            _wait(lambda: _parts(tmp_path, "marks") >= enough)  # noqa: B023 - called here
            _wait(lambda: _priced(tmp_path) > 3)
            _plumb("pause", *order)
            _plumb("resume", *order)
    assert len(_ask(tmp_path, "SELECT DISTINCT log FROM ticks")) == 2
    for kind, row in (("steps", "log"), ("marks", "log"), ("ticks", '"row"')):
        once = f'SELECT log FROM {kind} GROUP BY log, "offset", {row} HAVING count(*) > 1'
        assert _ask(tmp_path, once) == []
        whole = 'max("offset") + 1 = count(DISTINCT "offset")'
        assert _ask(tmp_path, f"SELECT log FROM {kind} GROUP BY log HAVING NOT {whole}") == []
    for kind in ("controls", "audit"):
        assert _ask(tmp_path, f"SELECT count(*) AS n FROM {kind}") == [{"n": 4}]


@pytest.mark.kafka
async def test_an_archiver_is_a_role_of_its_own(bus: KafkaBus, tmp_path: Path) -> None:
    """`plumb archive` takes what others put on the cluster."""
    kafka = {"kind": "kafka", "bootstrap": bus._bootstrap, "prefix": bus._prefix}
    _configure(tmp_path, bus=kafka, engine={"shards": 2})
    for number in range(20):
        await bus.publish(Topic.MARKS, [(key_of(Topic.MARKS, number), MAKE[Topic.MARKS](number))])
    with _running("archive", "--config", str(tmp_path / "config.yaml")):
        await until(lambda: _parts(tmp_path, "marks"), DEADLINE_S)
    assert _ask(tmp_path, "SELECT count(*) AS n FROM marks") == [{"n": 20}]
