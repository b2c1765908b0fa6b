"""What every feed counts, by source, by feed and by reason."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge


class FeedMetrics:
    """The metrics all feeds of one process share."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.ticks = Counter(
            "plumbline_feed_ticks",
            "Ticks sent on their way, by source.",
            ["source"],
            registry=registry,
        )
        self.refused = Counter(
            "plumbline_feed_refused",
            "Frames and fields that gave no price, by source (or feed) and named reason.",
            ["source", "reason"],
            registry=registry,
        )
        self.last_tick = Gauge(
            "plumbline_feed_last_tick_seconds",
            "Receive time of the newest tick, Unix seconds, by source.",
            ["source"],
            registry=registry,
        )
        self.connects = Counter(
            "plumbline_feed_connects",
            "Connections opened, the first included, by feed.",
            ["feed"],
            registry=registry,
        )
        self.errors = Counter(
            "plumbline_feed_errors",
            "Connections ended and batches lost, by feed and kind.",
            ["feed", "kind"],
            registry=registry,
        )
        self.up = Gauge(
            "plumbline_feed_up",
            "1 while the current connection has delivered a tick, by feed.",
            ["feed"],
            registry=registry,
        )
        self.waiting = Gauge(
            "plumbline_feed_waiting_ticks",
            "Ticks that wait for the bus, by shard.",
            ["shard"],
            registry=registry,
        )
        self.dropped = Counter(
            "plumbline_feed_dropped_ticks",
            "Ticks that never reached the bus, by venue and why: backlog, late or refused.",
            ["venue", "why"],
            registry=registry,
        )
