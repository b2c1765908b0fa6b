"""The demo: everything at once, and the story must come out as told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.plumb import complaint, plumb

pytestmark = pytest.mark.evm


def test_the_story_comes_out_as_told(tmp_path: Path):
    """Venues to contracts on two chains; the summary has what a reader needs."""
    done = plumb(
        "demo", "--headless", "--seconds", 60, "--seed", 7, "--out", tmp_path, timeout_s=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["seed"] == 7
    assert summary["ticks"] > 1_000
    assert summary["reports"] > 100
    assert len(summary["story"]) == 8
    for leg in ("tick_to_report", "tick_to_receipt"):
        assert 0 < summary["latency_ms"][leg]["p50"] <= summary["latency_ms"][leg]["p99"]
    assert [chain["chain_id"] for chain in summary["chains"]] == [31_337, 31_338]
    for chain in summary["chains"]:
        assert chain["updates"] > 5
        assert 40_000 < chain["gas_per_update"] < 120_000
        for name, held in chain["markets"].items():
            ours = summary["markets"][name]["mark"]
            assert held["price"] == pytest.approx(ours, rel=0.01)
            assert held["validity"] == "VALID"
    assert len(summary["markets"]["ETH-USD"]["used"]) == 7
    html = (tmp_path / "report.html").read_text()
    assert "<svg" in html
    assert "http://" not in html.replace("http://www.w3.org", "")
    log = (tmp_path / "demo.log").read_text()
    password = (tmp_path / "keys" / "password").read_text().strip()
    assert password not in log
    assert "service_failed" not in log


def test_a_story_without_length_is_refused(tmp_path: Path):
    """One line, and nothing is started."""
    done = plumb("demo", "--headless", "--seconds", 0, "--out", tmp_path)
    assert "give more than 0, at most 3600" in complaint(done)
