"""What a process says of its shards, and that it says nothing of another's."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from oracle.engine.engine import Engine
from oracle.model.messages import StepManifest
from oracle.node.metrics import NodeMetrics
from tests.engine_builders import market, source, spec

NOW_NS = 10**18


def _step(shard: str) -> StepManifest:
    return StepManifest(shard, 1, NOW_NS, 0, {}, {}, {}, ())


def test_a_shard_that_was_passed_on_is_no_longer_spoken_of() -> None:
    """Its markets' last validity here would hide, or feign, what they are at their new owner."""
    page = CollectorRegistry()
    metrics = NodeMetrics(page)
    metrics.expect(2)
    for shard in ("0", "1"):
        name = f"M{shard}-USD"
        made = Engine(spec([market(name, [source("a:X"), source("b:X")])])).step([], [], NOW_NS)
        metrics.observe(_step(shard), list(made.messages()), {})
        metrics.owned.labels(shard).set(1)
    metrics.passed_on(1)
    for gauge in ("mark_validity", "breaker_state", "sources_used"):
        assert page.get_sample_value(f"plumbline_{gauge}", {"market": "M0-USD"}) is not None
        assert page.get_sample_value(f"plumbline_{gauge}", {"market": "M1-USD"}) is None
    stepped = "plumbline_last_step_timestamp_seconds"
    assert page.get_sample_value(stepped, {"shard": "0"}) == NOW_NS / 1e9
    assert page.get_sample_value(stepped, {"shard": "1"}) is None
    assert page.get_sample_value("plumbline_shard_owned", {"shard": "1"}) == 0
    metrics.passed_on(1)
