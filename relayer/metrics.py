"""What a relayer counts, by chain. Counters only rise; ages are left to the reader as timestamps.

A time-stamp goes on telling the truth when the loop that set it is dead: alert on
`time() - plumbline_relayer_progress_timestamp_seconds`.
"""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

_LATENCY_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60)


class RelayerMetrics:
    """The metrics that all chains of one process share."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"plumbline_relayer_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"plumbline_relayer_{name}", text, labels, registry=registry)

        def latency(name: str, text: str, *labels: str) -> Histogram:
            full = f"plumbline_relayer_{name}_seconds"
            return Histogram(full, text, ("chain", *labels), registry=registry, buckets=_LATENCY_S)

        self.reports = counter("reports", "Reports off the bus, by outcome.", "outcome")
        self.accepted = counter(
            "updates_accepted", "Transactions that succeeded, by reason.", "chain", "reason"
        )
        self.failed = counter(
            "updates_failed", "Attempts that failed, by error's name.", "chain", "error"
        )
        self.stale = counter(
            "updates_stale", "Pushes dropped as the chain was found to hold the same.", "chain"
        )
        self.groups = counter(
            "groups_pushed", "Groups sent, by the reason of each.", "chain", "reason"
        )
        self.faults = counter("faults", "What went wrong with a chain, by name.", "chain", "fault")
        self.replaced = counter(
            "transactions_replaced", "Stuck transactions sent again at a higher fee.", "chain"
        )
        self.rebroadcast = counter(
            "transactions_rebroadcast", "Transactions sent again as they were.", "chain"
        )
        self.reorged = counter(
            "transactions_reorged", "Transactions whose block left the chain.", "chain"
        )
        self.in_flight = gauge("in_flight", "Transactions sent and in no block yet.", "chain")
        self.head_block = gauge("head_block", "Newest block that the endpoints agree on.", "chain")
        self.head_time = gauge("head_timestamp_seconds", "Time of that block.", "chain")
        self.spent_day_wei = gauge("spent_day_wei", "Fees paid in the last 24 hours.", "chain")
        self.budget_wei = gauge("budget_wei", "What 24 hours may cost.", "chain")
        self.budget_level = gauge(
            "budget_level", "0 full, 1 saving, 2 urgent only, 3 spent.", "chain"
        )
        self.gas = counter("gas_used", "Gas used by our transactions.", "chain")
        self.spent_wei = counter("spent_wei", "Fees paid, in wei.", "chain")
        self.rpc_errors = counter(
            "rpc_errors", "Failed requests, by endpoint and kind.", "chain", "endpoint", "kind"
        )
        self.rpc_requests = counter("rpc_requests", "Requests, by endpoint.", "chain", "endpoint")
        self.rpc_latency = latency("rpc_latency", "From a request to its answer.", "endpoint")
        self.rpc_score = gauge(
            "rpc_score", "Share of requests answered, newest heaviest.", "chain", "endpoint"
        )
        self.rpc_lag_blocks = gauge(
            "rpc_lag_blocks", "Blocks behind the other endpoints.", "chain", "endpoint"
        )
        self.rpc_usable = gauge(
            "rpc_usable", "1 while it answers and is not behind.", "chain", "endpoint"
        )
        self.balance_wei = gauge("balance_wei", "Balance of the wallet, in wei.", "chain")
        self.wallet_poor = gauge(
            "wallet_poor", "0 well, 1 lasts less than it should, 2 hardly an update more.", "chain"
        )
        self.nonce = gauge("nonce", "Next nonce of the wallet.", "chain")
        self.owned = gauge("owned", "1 while this relayer has the chain.", "chain")
        self.wallet_shared = gauge(
            "wallet_shared", "1 while another relayer has our wallet: we do not get it.", "chain"
        )
        self.gave_way = counter("gave_way", "Times that a chain was offered to others.", "chain")
        self.group_failed = counter("group_failed", "Times that the group was out of reach.")
        self.progress = gauge(
            "progress_timestamp_seconds", "When the chain's loop last completed a turn.", "chain"
        )
        self.success = gauge(
            "success_timestamp_seconds", "When a market was last stored.", "chain", "market"
        )
        self.mark_time = gauge(
            "mark_timestamp_seconds", "Time of the mark that the chain holds.", "chain", "market"
        )
        self.watched = gauge(
            "watched_timestamp_seconds", "When the watchdog last read the chain.", "chain"
        )
        self.unreadable = gauge(
            "chain_unreadable", "1 while the watchdog cannot read the chain.", "chain"
        )
        self.update_age = gauge(
            "update_age_seconds", "Age of the last update that the chain took.", "chain", "market"
        )
        self.update_overdue = gauge(
            "update_overdue", "1 while that is too old: the alarm.", "chain", "market"
        )
        self.report_age = gauge("report_age_seconds", "Age of the newest report that came.")
        self.reports_silent = gauge("reports_silent", "1 while that is too old: the alarm.")
        self.signed_to_sent = latency("signed_to_sent", "From the last signature to the broadcast.")
        self.sent_to_receipt = latency("sent_to_receipt", "From the broadcast to the receipt seen.")
