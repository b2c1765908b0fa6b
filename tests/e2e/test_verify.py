"""From `plumb run` to `plumb verify`: a shared view of two shards, archived, then proven."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from oracle.archive.read import Archive
from oracle.archive.store import Store
from oracle.keys.keystore import write_keystore, write_private
from oracle.model.errors import PlumblineError
from tests.e2e.plumb import PLUMB, plumb
from tests.ports import free_ports
from tests.vectors.generate import address, members

SOURCES = ("a:X/USD", "b:X/USD", "c:X/USD", "a:Y/USD", "b:Y/USD")
LASTS_S = 600
DEADLINE_S = 240.0
KEYS = members(4)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration whose archive holds what one run left, killed in order."""
    folder = tmp_path_factory.mktemp("verify")
    write_private(folder / "password", "drowssap")
    keys = []
    for number, key in enumerate(KEYS):
        write_keystore(folder / f"{number}.json", key.secret, "drowssap", 2)
        keys.append({"keystore": f"{number}.json", "password_file": "password"})
    rows = ["received_ns,event_ns,source,bid,ask,last"]
    begin_ns = time.time_ns()
    for n in range(LASTS_S * 10):
        at = begin_ns + n * 100_000_000
        rows += [f"{at},{at},{source},,,{10_000 + n % 7}" for source in SOURCES]
    (folder / "ticks.csv").write_text("\n".join(rows) + "\n")
    (port,) = free_ports(1)
    data = {
        "deployment": {"network": "e2e", "home_governor": "0x" + "11" * 20, "nonce": 1},
        "feeds": [{"kind": "replay", "files": ["ticks.csv"]}],
        "engine": {"shards": 2},
        "defaults": {"mark": "index_only"},
        "markets": {
            "X-USD": {"number": 0, "sources": [{"source": source} for source in SOURCES[:3]]},
            "Y-USD": {"number": 4, "sources": [{"source": source} for source in SOURCES[3:]]},
        },
        "committee": {
            "epoch": 1,
            "threshold": 3,
            "members": ["0x" + address(key).hex() for key in KEYS],
            "keys": keys,
            "shared_view": True,
            "slot": "500ms",
        },
        "api": {"port": port},
        "archive": {"url": "archive", "roll_age": "500ms"},
    }
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(data))
    with (folder / "run.log").open("wb") as log:
        process = subprocess.Popen(
            [str(PLUMB), "run", "--config", str(file)], stdout=log, stderr=log
        )
        try:
            _until_archived(Archive(Store(str(folder / "archive"))), process)
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE_S)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    return file


def _until_archived(archive: Archive, process: subprocess.Popen[bytes]) -> None:
    """Wait until there are reports, and a state and steps of both shards around one of them."""
    ends = time.monotonic() + DEADLINE_S
    while time.monotonic() < ends and process.poll() is None:
        with contextlib.suppress(PlumblineError):
            if len(archive.reports_between(0, 2**62)) >= 6:
                time_ns = archive.reports_between(0, 2**62)[4].time_ns
                if all(archive.snapshot_before(shard, time_ns) for shard in (0, 1)):
                    return
        time.sleep(0.2)
    raise AssertionError(f"not within {DEADLINE_S} s, or it ended: {process.poll()}")


def _slots(config: Path) -> list[int]:
    archive = Archive(Store(str(config.parent / "archive")))
    return [report.slot for report in archive.reports_between(0, 2**62)]


def test_a_shared_view_is_proven(config: Path):
    """A report of one process's keys: its one observation is of both shards."""
    slot = _slots(config)[4]
    done = plumb("verify", slot, "-c", config, "--market", "Y-USD", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["verdict"]) == (0, "proven"), said
    recomputed = next(one for one in said["findings"] if one["step"] == 6)
    assert recomputed["check"] == "member 0: recomputed"
    assert recomputed["detail"].count("steps") == 2
    (why,) = said["why"]
    assert {one["source"]: one["outcome"] for one in why["sources"]} == {
        "a:Y/USD": "used",
        "b:Y/USD": "used",
    }


def test_a_damaged_archive_fails(config: Path, tmp_path: Path):
    """Who reads the exit code learns that something differs, and of which file."""
    slot = _slots(config)[4]
    parts = sorted((config.parent / "archive").rglob("kind=steps/**/*.parquet"))
    damaged = tmp_path / "archive"
    subprocess.run(["cp", "-r", str(config.parent / "archive"), str(damaged)], check=True)
    for part in parts:
        other = damaged / part.relative_to(config.parent / "archive")
        data = bytearray(other.read_bytes())
        data[len(data) // 2] ^= 1
        other.write_bytes(bytes(data))
    done = plumb("verify", slot, "-c", config, "--archive", damaged)
    assert done.returncode == 1, done.stdout
    assert "NOT PROVEN" in done.stdout
    assert "is not what its manifest says" in " ".join(done.stdout.split())
