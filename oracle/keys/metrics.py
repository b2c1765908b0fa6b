"""What signers count, by address and holder."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

_LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class KeyMetrics:
    """The metrics that all signers of one process share."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        labels = ("address", "holder")
        self.signatures = Counter(
            "plumbline_key_signatures",
            "Signatures asked of a key's holder, by outcome: signed, timeout, failed, wrong_key.",
            (*labels, "outcome"),
            registry=registry,
        )
        self.failing = Gauge(
            "plumbline_key_failing",
            "1 while the newest answer of a key's holder was no signature by that key.",
            labels,
            registry=registry,
        )
        self.seconds = Histogram(
            "plumbline_key_sign_seconds",
            "From asking a key's holder to a verified signature.",
            labels,
            registry=registry,
            buckets=_LATENCY_S,
        )
