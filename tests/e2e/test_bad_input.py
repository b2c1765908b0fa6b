"""Mistakes: one clear line each, an exit code above 0, no traceback."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from eth_account import Account

from tests.e2e.plumb import ROOT, complaint, plumb

DEAD = "http://127.0.0.1:9"
PASSWORD = "right password"


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a keystore file and its address."""
    account = Account.create()
    file = tmp_path_factory.mktemp("keys") / "key.json"
    file.write_text(json.dumps(Account.encrypt(account.key, PASSWORD, iterations=2)))
    return file, account.address


def _config(keystore: tuple[Path, str], **changes: Any) -> dict[str, Any]:
    """Return a configuration that could run: a replay, one member, one chain."""
    file, address = keystore
    key = {"keystore": str(file), "password_env": "TEST_PASSWORD"}
    return {
        "deployment": {"network": "t", "home_governor": "0x" + "1" * 40, "nonce": 1},
        "feeds": [{"kind": "replay", "files": ["ticks.csv"]}],
        "defaults": {"min_sources": 1, "min_origins": 1},
        "markets": {"X-USD": {"number": 0, "sources": [{"source": "a:X/USD"}]}},
        "committee": {"epoch": 1, "threshold": 1, "members": [address], "keys": [key]},
        "chains": [
            {
                "name": "dead",
                "chain_id": 1,
                "rpc": [DEAD],
                "oracle": "0x" + "2" * 40,
                "key": key,
                "timeout": "2s",
            }
        ],
        "api": {"port": 0},
    } | changes


def _write(folder: Path, data: dict[str, Any]) -> Path:
    (folder / "ticks.csv").write_text(
        "received_ns,event_ns,source,bid,ask,last\n1760000000000000000,1760000000000000000,a:X/USD,,,5\n"
    )
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(data))
    return file


def _run(folder: Path, data: dict[str, Any], password: str = PASSWORD) -> str:
    file = _write(folder, data)
    return complaint(plumb("run", "--config", file, env={"TEST_PASSWORD": password}))


def test_an_unknown_key(tmp_path, keystore):
    """The place, the nearest known key, and all that are allowed."""
    line = _run(tmp_path, _config(keystore, fedes=[]))
    assert "fedes: unknown key; did you mean 'feeds'? allowed: " in line


def test_an_unknown_unit(tmp_path, keystore):
    """What was given and which units there are."""
    line = _run(tmp_path, _config(keystore, engine={"step": "5 parsecs"}))
    assert "engine.step: duration '5 parsecs' needs a number and a unit of ns, us, ms, s" in line


def test_a_wrong_keystore_password(tmp_path, keystore):
    """The file is named; neither the password nor the key is."""
    line = _run(tmp_path, _config(keystore), password="wrong one")
    assert "wrong password for" in line
    assert "wrong one" not in line


def test_a_password_that_is_not_set(tmp_path, keystore):
    """The variable is named."""
    file = _write(tmp_path, _config(keystore))
    line = complaint(plumb("run", "--config", file))
    assert "environment variable TEST_PASSWORD" in line


def test_a_dead_rpc(tmp_path, keystore):
    """The chain and its endpoint are named."""
    line = _run(tmp_path, _config(keystore))
    assert "dead" in line
    assert "127.0.0.1:9" in line


def test_a_port_in_use(tmp_path, keystore):
    """The port, and the key that changes it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = _run(tmp_path, _config(keystore, chains=[], api={"port": port}))
    assert f"port {port} on 127.0.0.1 is in use: choose another with api.port" in line


def test_a_kafka_that_is_not_there(tmp_path, keystore):
    """No broker: where it was looked for."""
    bus = {"kind": "kafka", "bootstrap": "127.0.0.1:9", "request_timeout": "2s"}
    line = _run(tmp_path, _config(keystore, bus=bus))
    assert "127.0.0.1:9" in line


def test_one_role_alone_without_kafka(tmp_path, keystore):
    """A bus in memory cannot be shared: what to do instead."""
    file = _write(tmp_path, _config(keystore))
    assert "use 'plumb run'" in complaint(plumb("oracle", "--config", file))


def test_one_role_alone_over_a_replay(tmp_path, keystore):
    """The recorded clock is in the process that replays."""
    bus = {"kind": "kafka", "bootstrap": "127.0.0.1:9"}
    file = _write(tmp_path, _config(keystore, bus=bus))
    assert "replay's clock" in complaint(plumb("oracle", "--config", file))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("received_ns,event_ns,source,bid,ask\n1,1,a:X/USD,5,6\n", "last"),
        ("received_ns,event_ns,source,bid,ask,last\nsoon,1,a:X/USD,,,5\n", "received_ns"),
        ("", "empty"),
    ],
)
def test_a_bad_tick_file(tmp_path, keystore, text, said):
    """The file and the column or row are named."""
    file = _write(tmp_path, _config(keystore))
    (tmp_path / "ticks.csv").write_text(text)
    done = plumb("replay", tmp_path / "ticks.csv", "--config", file, "--out", tmp_path / "out")
    line = complaint(done)
    assert "ticks.csv" in line
    assert said in line


def test_a_configuration_that_is_not_there(tmp_path):
    """The path is named."""
    line = complaint(plumb("config", "check", tmp_path / "none.yaml"))
    assert "none.yaml: No such file" in line


def test_a_pause_that_nobody_can_take(tmp_path, keystore):
    """No process listens: it says where, and what to check."""
    file = _write(tmp_path, _config(keystore))
    line = complaint(plumb("pause", "market", "X-USD", "--reason", "test", "--config", file))
    assert "no plumb listens at" in line


def test_a_pause_of_what_is_not_configured(tmp_path, keystore):
    """A typo at 3 a.m. is met with the right name."""
    file = _write(tmp_path, _config(keystore))
    line = complaint(plumb("pause", "source", "a:X/USDD", "--reason", "test", "--config", file))
    assert "did you mean a:X/USD?" in line


def test_a_missing_java(tmp_path):
    """The broker for trials says that it needs Java."""
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "deploy.kafka"],
        capture_output=True, text=True, check=False, cwd=ROOT, env={"PATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "is not on PATH" in done.stderr
