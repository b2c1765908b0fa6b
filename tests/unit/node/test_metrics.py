"""What a process says of its shards, and that it says nothing of another's."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from oracle.engine.engine import Engine
from oracle.model.messages import StepManifest
from oracle.model.ticks import TickBatch
from oracle.node.metrics import NodeMetrics
from tests.engine_builders import T0, S, batch, market, quote, source, spec

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


def test_a_markets_gauges_follow_its_marks_and_come_back_with_its_shard() -> None:
    """They are set where something changed, and anew after the shard was another's."""
    page = CollectorRegistry()
    metrics, engine = NodeMetrics(page), Engine(spec([market("X-USD", [source("a:X")])]))

    def used(*sent: TickBatch, now_ns: int) -> float | None:
        metrics.observe(_step("0"), list(engine.step(sent, [], now_ns).messages()), {})
        return page.get_sample_value("plumbline_sources_used", {"market": "X-USD"})

    assert used(now_ns=T0) == 0
    assert used(*batch(quote("a:X", "100", "100.1")), now_ns=T0 + S) == 1
    metrics.passed_on(0)
    assert used(now_ns=T0 + 2 * S) == 1
    assert used(now_ns=T0 + 3600 * S) == 0
