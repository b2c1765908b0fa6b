"""`plumb config check`: all that a start would refuse, at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from oracle.cli.app import app

MARKET = {"number": 0, "sources": [{"source": "a:X/USD"}, {"source": "b:X/USD"}]}


def _check(tmp_path: Path, data: dict) -> tuple[int, dict]:
    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump(data))
    done = CliRunner().invoke(app, ["config", "check", str(file), "--json"])
    return done.exit_code, json.loads(done.stdout)


def test_a_good_file_can_run(tmp_path: Path):
    """Exit code 0 and the hash."""
    code, said = _check(tmp_path, {"markets": {"X-USD": MARKET}})
    assert code == 0
    assert said["ok"] is True
    assert len(said["hash"]) == 64


def test_every_mistake_is_said(tmp_path: Path):
    """Three mistakes are three lines, each with its place."""
    market = {"number": 0, "max_age": "2 minutes", "mim_sources": 2, "sources": [{"source": "a"}]}
    code, said = _check(tmp_path, {"markets": {"X-USD": market}})
    assert code == 1
    places = [mistake.split(":")[0] for mistake in said["mistakes"]]
    assert sorted(places) == [
        "markets.X-USD.max_age", "markets.X-USD.mim_sources", "markets.X-USD.sources.0.source",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("feed", "said"),
    [
        ({"kind": "ccxt", "venue": "binnance", "symbols": ["BTC/USDT"]}, "binnance"),
        ({"kind": "replay", "files": ["none.csv"]}, "none.csv"),
    ],
)
def test_what_only_a_start_would_find(tmp_path: Path, feed: dict, said: str):
    """Unknown venues and missing files are found without starting."""
    code, answer = _check(tmp_path, {"feeds": [feed], "markets": {"X-USD": MARKET}})
    assert code == 1
    assert any(said in mistake for mistake in answer["mistakes"])


def test_a_keystore_that_is_not_there(tmp_path: Path):
    """Keys are opened: a missing file or a wrong password is found before the night."""
    committee = {
        "epoch": 1, "threshold": 1, "members": ["0x" + "1" * 40],
        "keys": [{"keystore": "none.json", "password_env": "PATH"}],
    }  # fmt: skip
    deployment = {"network": "t", "home_governor": "0x" + "1" * 40, "nonce": 1}
    data = {"markets": {"X-USD": MARKET}, "committee": committee, "deployment": deployment}
    code, said = _check(tmp_path, data)
    assert code == 1
    assert said["mistakes"][0].startswith("committee.keys.0: cannot read keystore")
