"""Whether a member and its committee are well, in sentences a person can act on."""

from __future__ import annotations

from typing import Final

import structlog

from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.peering.peers import Peers
from oracle.committee.running.keeping import Keeper

LATE_SLOTS: Final = 4
LATE_S: Final = 2.0
"""Without a report for longer than both a committee is unwell."""

_log = structlog.get_logger(__name__)


class HealthWatch:
    """Accounts for every slot, and says what is wrong now."""

    def __init__(
        self, keeper: Keeper, peers: Peers, metrics: CommitteeMetrics, started_ms: int
    ) -> None:
        self._keeper, self._peers, self._metrics = keeper, peers, metrics
        self._rules, self._started_ms = keeper.rules, started_ms
        self._accounted = self._rules.slot_of(started_ms) + self._rules.slot_ms
        self._stepped_ms = started_ms
        self._far: set[int] = set()
        self._said: list[str] = []

    def stepped(self, time_ms: int) -> None:
        """Say that the engine made a step at this time."""
        self._stepped_ms = time_ms

    def look(self, now_ms: int) -> None:
        """Account for the slots that are over, and log what has changed."""
        self._account(now_ms)
        self._watch_clocks()
        reasons = self.reasons(now_ms)
        causes = [reason.partition(":")[0] for reason in reasons]
        if causes != self._said:
            self._said = causes
            if reasons:
                _log.error("committee_degraded", reasons=reasons)
            else:
                _log.info("committee_well")

    def reasons(self, now_ms: int) -> list[str]:
        """Return what is wrong now, each as cause, colon and figures; nothing when all is well."""
        rules, found = self._rules, []
        late_ms = max(LATE_SLOTS * rules.slot_ms, LATE_S * 1e3)
        report_ms = self._keeper.reports.time_ms or self._started_ms
        if now_ms - report_ms > late_ms:
            found.append(f"no report: the newest is {(now_ms - report_ms) / 1e3:.1f} s old")
        if now_ms - self._stepped_ms > late_ms:
            found.append(
                f"no step: the engine's newest is {(now_ms - self._stepped_ms) / 1e3:.1f} s old"
            )
        waiting_ns = self._keeper.reports.waiting_since_ns
        if waiting_ns is not None and now_ms - waiting_ns // 10**6 > late_ms:
            found.append(
                f"own bus: it has taken no report for {now_ms / 1e3 - waiting_ns / 1e9:.1f} s"
            )
        reachable = len(self._peers.reachable) + 1
        if reachable < rules.quorum:
            found.append(
                f"too few peers: {reachable} of {rules.size} members answer, us included; "
                f"{rules.quorum} must sign"
            )
        ahead_ms = self._peers.clocks.ours_ns() / 1e6
        if abs(ahead_ms) > rules.max_offset_ms:
            found.append(
                f"our clock: {ahead_ms:+.0f} ms against the members' median, allowed are "
                f"{rules.max_offset_ms}; set it right"
            )
        return found

    def _account(self, now_ms: int) -> None:
        """Count every slot once, a slot after its end: its report may come late."""
        slot_ms = self._rules.slot_ms
        through = self._rules.slot_of(now_ms) - slot_ms
        first = self._accounted
        if through - first > 1000 * slot_ms:
            first = through - 1000 * slot_ms  # asleep, or the clock was set
        for slot in range(first, through, slot_ms):
            outcome = "certified" if self._keeper.reports.has(slot) else "missed"
            self._metrics.slots.labels(outcome).inc()
        self._accounted = max(self._accounted, through)

    def _watch_clocks(self) -> None:
        bound_ms = self._rules.max_offset_ms
        far = set(self._peers.clocks.beyond(bound_ms * 10**6))
        for member in sorted(far - self._far):
            offset_ns = self._peers.clocks.offset_ns(member) or 0
            _log.warning(
                "peer_clock_off", peer=member, ahead_ms=offset_ns / 1e6, allowed_ms=bound_ms
            )
        self._far = far
