"""What a keeper counts, by chain. Alert on the age of `progress_timestamp_seconds`."""

from __future__ import annotations

from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

_SHORT_S: Final = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5)


class KeeperMetrics:
    """The metrics that all keepers of one process share."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            full = f"plumbline_keeper_{name}"
            return Counter(full, text, ("chain", *labels), registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            full = f"plumbline_keeper_{name}"
            return Gauge(full, text, ("chain", *labels), registry=registry)

        self.tried = counter("calls", "Calls, by what they do and what came of it.", "what", "end")
        self.lost_wei = counter("lost_wei", "Fees of transactions that reverted.")
        self.earned = counter("rewards", "Rewards expected of what succeeded, in whole tokens.")
        self.spent_day_wei = gauge("spent_day_wei", "Fees paid in the last 24 hours.")
        self.budget_left = gauge("budget_left_wei", "What of 24 hours' fees is left.")
        self.accounts = gauge("accounts", "Accounts that hold anything.")
        self.orders = gauge("orders", "Pending orders.")
        self.short = gauge("accounts_short", "Accounts below a level of margin.", "level")
        self.oldest_due = gauge(
            "order_due_seconds", "For how long the oldest due order has waited."
        )
        self.behind = gauge("blocks_behind", "Blocks that are not followed yet.")
        self.dirty = gauge("unread", "Accounts and orders touched and not read yet.")
        self.stumbles = counter("stumbles", "Turns that failed, and were tried again.")
        self.rollbacks = counter("rollbacks", "Times that blocks left the chain.")
        self.audited = counter("audited", "Accounts compared with the chain.")
        self.differing = counter("differing", "Accounts found to differ: the alarm.")
        self.awake = gauge("accounts_awake", "Accounts that are judged at every mark.")
        self.health_s = Histogram(
            "plumbline_keeper_health_seconds",
            "Time to judge a mark.",
            ("chain",),
            registry=registry,
            buckets=_SHORT_S,
        )
        self.notices = counter("notices", "Margin calls said, by level.", "level")
        self.webhook = counter("webhook", "Posts to the webhook, by what came of them.", "end")
        self.exposure = gauge("pool_exposure", "The pool's net base units.", "market")
        self.exposure_value = gauge("pool_exposure_value", "The same at the mark.", "market")
        self.hedge_cost = gauge(
            "hedge_cost", "What flattening it costs at perp quotes; NaN: unknown.", "market"
        )
        self.progress = gauge("progress_timestamp_seconds", "When the last turn was completed.")
        self.ready = gauge("ready", "1 while all accounts are known as of the head.")
