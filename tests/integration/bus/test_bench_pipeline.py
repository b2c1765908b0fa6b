"""The pipeline's measurement end to end, for a moment: its figures are for `make bench`."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.kafka.broker import Broker
from oracle.cli.bench_pipeline import Plan, measure

PLAN = Plan(rates=(2_000,), single_rates=(100,), seconds=0.5, warm_s=0.2, half_s=0.5)


@pytest.mark.kafka
async def test_every_figure_is_measured_on_a_real_broker(broker: Broker, tmp_path: Path) -> None:
    """Ticks go through broker, engine process and transactions, and come back as rows."""
    made = await measure(broker.bootstrap, tmp_path, lambda _what, _part: None, PLAN)
    for row in (*made["curve"], *made["baseline_curve"], made["half"]):
        assert set(row) == {"ticks_per_s", "p50_ms", "p99_ms", "lost"}
        assert row["ticks_per_s"] > 0
        assert 0 < row["p50_ms"] <= row["p99_ms"]
    assert made["half"]["p99_ms"] == made["p99_ms_at_half"]
    assert set(made["half_stages_ms"]) == {
        "step",
        "commit.produce",
        "commit.offsets",
        "commit.end",
        "tick_to_commit",
    }
    assert {"lossless_ticks_per_s", "baseline_ticks_per_s", "knee_ticks_per_s"} < set(made)
