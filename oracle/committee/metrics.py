"""What a member counts of its committee."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)


class CommitteeMetrics:
    """Metrics of one member; `peer` is a member's number, reasons are names of enums."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.slots = Counter(
            "plumbline_committee_slots_total",
            "Slots by what became of them here",
            ["outcome"],
            registry=registry,
        )
        self.rounds = Counter(
            "plumbline_committee_rounds_total",
            "Rounds that this member led, by what became of them",
            ["outcome"],
            registry=registry,
        )
        self.refusals = Counter(
            "plumbline_committee_refusals_total",
            "What this member refused of others",
            ["what", "reason"],
            registry=registry,
        )
        self.refused = Counter(
            "plumbline_committee_refused_total",
            "What others refused of this member",
            ["what", "reason", "peer"],
            registry=registry,
        )
        self.requests = Counter(
            "plumbline_committee_requests_total",
            "Requests to peers by what came of them",
            ["peer", "outcome"],
            registry=registry,
        )
        self.round_trip = Histogram(
            "plumbline_committee_round_trip_seconds",
            "From a request to its answer",
            ["peer"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.quorum = Histogram(
            "plumbline_committee_quorum_seconds",
            "From a slot's (or its later view's) beginning to m signatures, at its leader",
            buckets=_SECONDS,
            registry=registry,
        )
        self.offset = Gauge(
            "plumbline_committee_clock_offset_seconds",
            "How far a peer's clock is ahead of ours",
            ["peer"],
            registry=registry,
        )
        self.circuit = Gauge(
            "plumbline_committee_circuit_open",
            "1 while a peer is not asked because it does not answer",
            ["peer"],
            registry=registry,
        )
        self.evidence = Counter(
            "plumbline_committee_evidence_total",
            "Contradictions of a member found, kept or not",
            ["kind", "member"],
            registry=registry,
        )
        self.gaps = Counter(
            "plumbline_committee_gaps_total",
            "Reports that do not follow the one published before: one in doubt, or one not fetched",
            registry=registry,
        )
        self.waiting = Gauge(
            "plumbline_committee_reports_waiting",
            "Reports that this member's bus has not taken yet",
            registry=registry,
        )
        self.unpublished = Counter(
            "plumbline_committee_reports_unpublished_total",
            "Reports given up because too many waited for this member's bus",
            registry=registry,
        )
        self.reports = Counter("plumbline_reports_total", "Reports signed", registry=registry)
        self.report_time = Gauge(
            "plumbline_report_timestamp_seconds",
            "Time of the marks in the newest report",
            registry=registry,
        )
        self.rounds_published = Counter(
            "plumbline_committee_rounds_published_total",
            "Rounds of certified reports put on this member's bus, for its archive",
            registry=registry,
        )
        self._rounds_lost = Counter(
            "plumbline_committee_rounds_lost_total",
            "Rounds that this member's archive will not have, by why",
            ["reason"],
            registry=registry,
        )

    def round_lost(self, reason: str) -> None:
        """Count a round that is not kept here."""
        self._rounds_lost.labels(reason).inc()
