"""The engine process that the pipeline's load runs through, and what its stages took."""

from __future__ import annotations

import asyncio
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from prometheus_client import REGISTRY, CollectorRegistry

from oracle.config.load import load

MARKETS: Final = 100
SOURCES: Final = 16
_STAGES: Final = {
    "plumbline_tick_to_mark_seconds": "tick_to_commit",
    "plumbline_step_seconds": "step",
    "plumbline_kafka_commit_seconds": "commit",
}

Sums = dict[str, tuple[float, float]]
"""Seconds in all and how many times, by stage."""


def configuration(bootstrap: str, prefix: str) -> dict[str, Any]:
    """Return a deployment of one shard."""
    return {
        "version": 1,
        "bus": {"kind": "kafka", "bootstrap": bootstrap, "prefix": prefix},
        "markets": {
            f"M{number}-USD": {
                "number": number,
                "sources": [{"source": f"v{at}:M{number}/USD"} for at in range(SOURCES)],
            }
            for number in range(MARKETS)
        },
        "engine": {"step": "100ms", "coalesce": "5ms"},
    }


def serve(config: Path, state: Path, asked: Connection) -> None:
    """Run an oracle as `plumb oracle` does, until killed; say what its stages took when asked."""
    from oracle.cli.output import configure_logging
    from oracle.cli.roles import Role
    from oracle.cli.stack import open_stack
    from oracle.cli.supervise import Supervisor

    def answer() -> None:
        while asked.recv():
            asked.send(_sums(REGISTRY))

    async def run() -> None:
        async with open_stack(load(config), state, REGISTRY) as stack:
            await Supervisor().run(stack.services([Role.ORACLE]))

    configure_logging(quiet=True)
    threading.Thread(target=answer, daemon=True).start()
    asyncio.run(run())


def _sums(registry: CollectorRegistry) -> Sums:
    sums: Sums = {}
    for metric in registry.collect():
        for sample in metric.samples if metric.name in _STAGES else ():
            stage = ".".join((_STAGES[metric.name], *sample.labels.values()))
            if sample.name.endswith("_sum"):
                sums[stage] = sample.value, sums.get(stage, (0.0, 0.0))[1]
            elif sample.name.endswith("_count"):
                sums[stage] = sums.get(stage, (0.0, 0.0))[0], sample.value
    return sums


def stages_ms(before: Sums, after: Sums) -> dict[str, float]:
    """Return the mean of each stage between two answers of `serve`."""
    took: dict[str, float] = {}
    for stage, (seconds, times) in after.items():
        seconds_before, times_before = before.get(stage, (0.0, 0.0))
        if times > times_before:
            took[stage] = (seconds - seconds_before) / (times - times_before) * 1e3
    return took
