"""What `plumb bench engine` measures."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from oracle.cli import bench_engine
from oracle.cli.bench import commands
from oracle.cli.bench_load import BEGIN_NS, Load, S, spec
from oracle.engine.engine import Engine
from oracle.reference.reference import Reference
from tests.property.engine_agreement import differences


def test_engine_and_reference_do_the_same_work():
    """On the measured ticks the reference gives what the engine does, so that its time compares."""
    made = spec(4, 7)
    load, engine, reference = Load(made.markets), Engine(made), Reference(made)
    for step in range(4):
        now_ns = BEGIN_NS + step * S
        batches = load.batches(now_ns, ticks_a_source=2)
        assert (
            differences(engine.step(batches, [], now_ns), reference.step(batches, [], now_ns)) == []
        )


def test_json_has_a_case_a_size_and_the_single_tick(monkeypatch):
    """Programs find each size's step and the reference's rate, and the time after one tick."""
    monkeypatch.setattr(bench_engine, "CASES", ((3, 6), (4, 7)))
    monkeypatch.setattr(bench_engine, "RATE_CASE", (3, 6))
    monkeypatch.setattr(bench_engine, "SINGLE_CASE", (3, 6))
    monkeypatch.setattr(bench_engine, "SINGLE_STEPS", 20)
    done = CliRunner().invoke(commands, ["engine", "--json"])
    made = json.loads(done.stdout)
    assert [(case["markets"], case["sources"]) for case in made["cases"]] == [(3, 6), (4, 7)]
    assert made["single_tick_us"] > 0
    for case in made["cases"]:
        prices = case["markets"] * case["sources"]
        assert case["source_prices_per_s"] == pytest.approx(prices / case["step_ms"] * 1e3)
        assert case["reference_source_prices_per_s"] > 0
