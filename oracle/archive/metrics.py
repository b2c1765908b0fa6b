"""What an archiver says of itself."""

from __future__ import annotations

from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge

from oracle.archive.layout import Part


class ArchiveMetrics:
    """Counters and gauges of one archiver, by kind of message."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        def counter(name: str, text: str, labels: tuple[str, ...] = ("kind",)) -> Counter:
            return Counter(f"plumbline_archive_{name}_total", text, labels, registry=registry)

        def gauge(name: str, text: str, labels: tuple[str, ...] = ("kind",)) -> Gauge:
            return Gauge(f"plumbline_archive_{name}", text, labels, registry=registry)

        self.parts: Final = counter("parts", "Parts written")
        self.rows: Final = counter("rows", "Rows written")
        self.bytes: Final = counter("bytes", "Bytes of rows written")
        self.failures: Final = counter("failures", "Writes that the store did not take", ())
        self.lost: Final = counter("lost", "Offsets that the log had dropped before they were read")
        self.lag: Final = gauge("lag_seconds", "How old the newest message was when it was read")
        self.buffered: Final = gauge("buffered_bytes", "Bytes of messages not yet written", ())
        self.unwritten: Final = gauge(
            "unwritten_seconds", "How long the oldest message not yet written has waited", ()
        )

    def wrote(self, part: Part) -> None:
        """Count a part that is in the archive."""
        self.parts.labels(part.kind).inc()
        self.rows.labels(part.kind).inc(part.rows)
        self.bytes.labels(part.kind).inc(part.size)
