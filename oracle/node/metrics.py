"""What the stepping loop tells Prometheus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from oracle.model.messages import Mark, StepManifest

_FAST = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
_WAY = (0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 5.0)


class NodeMetrics:
    """One instance a process; tests pass a registry of their own."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.step_seconds = Histogram(
            "plumbline_step_seconds",
            "Time of one step, with its commit",
            buckets=_FAST,
            registry=registry,
        )
        self.tick_to_mark_seconds = Histogram(
            "plumbline_tick_to_mark_seconds",
            "From the receipt of a step's first tick to the commit of its marks",
            buckets=_WAY,
            registry=registry,
        )
        self._ticks = Counter("plumbline_ticks_total", "Ticks taken into steps", registry=registry)
        self._rejected = Counter(
            "plumbline_ticks_rejected_total", "Ticks refused", ["reason"], registry=registry
        )
        self._refused = Counter(
            "plumbline_sources_refused_total",
            "Times that a source of a market began to be refused or to be an outlier",
            ["reason"],
            registry=registry,
        )
        self._events = Counter(
            "plumbline_market_events_total",
            "Moves of a market's breaker, and of a conversion market off or onto its peg",
            ["market", "kind", "after"],
            registry=registry,
        )
        self._steps = Counter("plumbline_steps_total", "Engine steps", registry=registry)
        self.owned = Gauge(
            "plumbline_shard_owned", "1 while this process steps it", ["shard"], registry=registry
        )
        self.interrupted = Counter(
            "plumbline_shard_interrupted_total",
            "Times that a shard had to be taken over anew because the bus was lost",
            ["shard"],
            registry=registry,
        )
        self._last_step = Gauge(
            "plumbline_last_step_timestamp_seconds",
            "Time of the newest step, while this process has the shard",
            ["shard"],
            registry=registry,
        )
        self.step_time_ahead = Gauge(
            "plumbline_step_time_ahead_seconds",
            "Step time ahead of the clock: more than 0 while the clock is back",
            registry=registry,
        )
        self._of_markets: Final = tuple(
            Gauge(name, text, ["market"], registry=registry)
            for name, text in (
                ("plumbline_mark_validity", "0 HALTED to 6 VALID"),
                ("plumbline_breaker_state", "0 NORMAL to 3 RECOVERING"),
                ("plumbline_sources_used", "Sources that count for quorum"),
            )
        )
        self._shown: Final[dict[str, dict[str, tuple[int, int, int]]]] = {}
        """What the gauges of each shard's markets say."""

    def expect(self, shards: int) -> None:
        """Show every shard from the start: one that nobody ever has must be seen to be missing."""
        for shard in map(str, range(shards)):
            self.owned.labels(shard).set(0)
            self.interrupted.labels(shard)

    def passed_on(self, shard: int) -> None:
        """Say nothing more of a shard that is another's: our last word on it grows old."""
        label = str(shard)
        self.owned.labels(label).set(0)
        if label in self._shown:
            self._last_step.remove(label)
        for market in self._shown.pop(label, ()):
            for gauge in self._of_markets:
                gauge.remove(market)

    def observe(
        self, manifest: StepManifest, marks: Sequence[Mark], refused: Mapping[str, int]
    ) -> None:
        """Count one step; `refused` counts the sources that began to be refused, by reason."""
        self._steps.inc()
        self._ticks.inc(manifest.ticks)
        self._last_step.labels(manifest.group).set(manifest.time_ns / 1e9)
        for reason, count in manifest.rejected.items():
            self._rejected.labels(reason).inc(count)
        for reason, count in refused.items():
            self._refused.labels(reason).inc(count)
        for event in manifest.events:
            self._events.labels(event.market, event.kind, event.after).inc()
        shown = self._shown.setdefault(manifest.group, {})
        for mark in marks:
            said = (mark.validity, mark.state, [view.used for view in mark.sources].count(True))
            if shown.get(mark.market) != said:  # gauges cost more than the step
                shown[mark.market] = said
                for gauge, value in zip(self._of_markets, said, strict=True):
                    gauge.labels(mark.market).set(value)
