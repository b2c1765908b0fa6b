"""`plumb oracle` as one member: started by its command, alone, and ended in order."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from pathlib import Path

import httpx
import yaml

from tests.e2e.plumb import PLUMB
from tests.integration.committee.processes import Seven
from tests.ports import free_ports

DEADLINE_S = 300.0


def _member(folder: Path) -> tuple[Path, str]:
    """Write member 0's configuration with a feed that nobody serves; return it and its url."""
    seven = Seven(folder, "500ms", "250ms")
    config = seven.all[0].folder / "config.yaml"
    data = yaml.safe_load(config.read_text())
    (dead,) = free_ports(1)
    feed = {"kind": "ccxt", "venue": "kraken", "mode": "rest", "symbols": ["X/USD"]}
    data["feeds"] = [feed | {"rest_url": f"http://127.0.0.1:{dead}"}]
    config.write_text(yaml.safe_dump(data))
    return config, f"http://{data['committee']['listen']}"


def _health(url: str) -> list[str] | None:
    with contextlib.suppress(httpx.HTTPError):
        answer = httpx.get(f"{url}/health", timeout=5, trust_env=False)
        reasons: list[str] = answer.json()["reasons"]
        assert answer.status_code == (503 if reasons else 200)
        return reasons
    return None


def test_a_member_alone_listens_and_says_what_is_wrong(tmp_path: Path):
    """With its bus in memory `plumb oracle` is a whole member: without peers it is not well."""
    config, url = _member(tmp_path)
    with (config.parent / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(PLUMB), "oracle", "--config", str(config)], stdout=log, stderr=log
        )
        try:
            ends = time.monotonic() + DEADLINE_S
            while not any(one.startswith("too few peers") for one in _health(url) or []):
                assert process.poll() is None, (config.parent / "log").read_text()
                assert time.monotonic() < ends, _health(url)
                time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=DEADLINE_S) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    assert "Traceback" not in (config.parent / "log").read_text()
