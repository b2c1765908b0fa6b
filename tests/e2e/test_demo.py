"""The demo: everything at once, and the story must come out as told."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

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
    assert len(summary["story"]) == 9
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
    _check_proof(summary["proof"], done.stdout, html)


def _check_proof(proof: dict[str, Any], printed: str, html: str) -> None:
    """Hold the proof to what is said of it, also by hand and after its chains are gone."""
    assert proof["verdict"] == "proven"
    assert {check["step"] for check in proof["checks"]} == {1, 2, 3, 4, 5, 6}
    checks = {check["check"]: check["outcome"] for check in proof["checks"]}
    assert checks["committee on alpha"] == checks["committee on beta"] == "proven"
    assert checks["member 0: recomputed"] == "proven"
    assert f"$ {proof['command']}\n✓ 1 report" in printed
    passed = sum(check["outcome"] == "proven" for check in proof["checks"])
    assert f"Proven: all {passed} checks passed" in printed
    assert f"✓ Proven: all {passed} checks passed" in html
    again = plumb(*shlex.split(proof["command"])[1:], "--json")
    assert again.returncode == 2, again.stdout + again.stderr
    findings = json.loads(again.stdout)["findings"]
    left = {found["check"] for found in findings if found["outcome"] != "proven"}
    assert left - {"receipts"} == {"chain"}  # a receipt, if it was pushed, is asked of chains too
    assert "no RPC endpoint answers" in next(f for f in findings if f["check"] == "chain")["detail"]


def test_a_story_without_length_is_refused(tmp_path: Path):
    """One line, and nothing is started."""
    done = plumb("demo", "--headless", "--seconds", 0, "--out", tmp_path)
    assert "give more than 0, at most 3600" in complaint(done)
