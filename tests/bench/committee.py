"""From a slot's beginning to its report: seven members as seven processes on this machine."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tests.integration.committee.processes import Seven, seven_processes

SLOTS = (("250ms", "125ms"), ("500ms", "250ms"))
ALL = tuple(range(7))


def measure(seconds: float = 20.0) -> list[dict[str, float]]:
    """Run each slot length; each report counts when the first member has it: its leader."""
    return [_measured(seconds, slot, view) for slot, view in SLOTS]


def _measured(seconds: float, slot: str, view: str) -> dict[str, float]:
    with (
        tempfile.TemporaryDirectory() as folder,
        seven_processes(Path(folder), slot, view) as seven,
    ):
        for process in seven.all:
            process.start()
        seven.more(8, *ALL)  # connections are made, code is compiled
        began_ms = time.time_ns() // 10**6
        time.sleep(seconds)
        ended_ms = time.time_ns() // 10**6
        return {"slot_ms": float(slot[:-2])} | _figures(seven, began_ms, ended_ms, float(slot[:-2]))


def _figures(seven: Seven, began_ms: int, ended_ms: int, slot_ms: float) -> dict[str, float]:
    """Return quantiles of ms from slot to quorum, by the clock that all share here."""
    first: dict[int, float] = {}
    for process in seven.all:
        for slot, signed_ms in process.signed(began_ms, ended_ms):
            first[slot] = min(signed_ms - slot, first.get(slot, slot_ms * 1e3))
    took = sorted(first.values())
    slots = (max(first) - min(first)) / slot_ms + 1
    return {
        "slots": slots,
        "reported_%": 100 * len(took) / slots,
        "p50_ms": took[len(took) // 2],
        "p99_ms": took[min(len(took) - 1, int(0.99 * len(took)))],
        "max_ms": took[-1],
    }
