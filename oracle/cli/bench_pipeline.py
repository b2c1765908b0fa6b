"""Ticks through a real broker and an engine process into committed marks: how many, how late."""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import yaml

from oracle.bus.kafka import KafkaBus
from oracle.cli.bench_pipeline_engine import configuration, serve, stages_ms
from oracle.cli.bench_pipeline_run import Run
from oracle.model.errors import Retryable

TARGET_PER_S: Final = 100_000
"""What one engine on two cores is to carry. `p99_ms_at_half` is at half of this."""
TICKS_A_MESSAGE: Final = 200
CARRIED_MS: Final = 250.0
"""A rate at which marks are later than this at the 99th percentile is not carried: a backlog that
grows by a thirtieth of the rate is as late after 8 s."""
PREFIX: Final = "bench."
STARTS: Final = 12

Told = Callable[[str, float], None]
Row = dict[str, float]


@dataclass(frozen=True)
class Plan:
    """What is measured, and for how long."""

    rates: Sequence[int] = (
        25_000, 50_000, 100_000, 200_000, 400_000,
        600_000, 800_000, 1_000_000, 1_500_000, 2_000_000,
    )  # fmt: skip
    single_rates: Sequence[int] = (2_000, 5_000, 10_000, 15_000, 20_000, 30_000, 40_000)
    seconds: float = 8.0
    warm_s: float = 30.0
    """At half the target, before anything counts: a broker compiles itself as it goes."""
    half_s: float = 30.0
    """Long enough for three snapshots."""


async def measure(bootstrap: str, folder: Path, told: Told, plan: Plan) -> dict[str, Any]:
    """Find what one engine process carries on the broker at `bootstrap`."""
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(configuration(bootstrap, PREFIX)))
    bus = KafkaBus(bootstrap, prefix=PREFIX)
    async with bus:
        await bus.ensure_topics()
        with _engine(file, folder) as engine:
            run = Run(bus)
            following = asyncio.create_task(run.follow())
            try:
                told("the engine starts", 0.0)
                await _started(run)
                return await _figures(run, engine, told, plan)
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)


async def _started(run: Run) -> None:
    for _ in range(STARTS):
        if not (await run.at(1_000, TICKS_A_MESSAGE, 1.0))["lost"]:
            return
    raise Retryable("the engine made no steps of what was sent: is this machine very busy?")


async def _figures(run: Run, engine: Connection, told: Told, plan: Plan) -> dict[str, Any]:
    half = TARGET_PER_S // 2
    told("warming up", 0.0)
    await run.at(half, TICKS_A_MESSAGE, plan.warm_s)
    curve = await _curve(run, plan.rates, TICKS_A_MESSAGE, plan.seconds, told)
    single = await _curve(run, plan.single_rates, 1, plan.seconds, told)
    told(f"{half:,} ticks/s for longer", 0.9)
    before = _asked(engine)
    at_half = await run.at(half, TICKS_A_MESSAGE, plan.half_s)
    stages = stages_ms(before, _asked(engine))
    return {
        "lossless_ticks_per_s": carried(curve),
        "p99_ms_at_half": at_half["p99_ms"],
        "baseline_ticks_per_s": carried(single),
        "curve": curve,
        "knee_ticks_per_s": knee(curve),
        "half": at_half,
        "half_stages_ms": stages,
        "baseline_curve": single,
    }


async def _curve(
    run: Run, rates: Sequence[int], size: int, seconds: float, told: Told
) -> list[Row]:
    """Raise the rate until it is not carried twice: once may be somebody else's doing."""
    curve: list[Row] = []
    for at, rate in enumerate(rates):
        told(f"{rate:,} ticks/s, {size} a message", at / len(rates))
        curve.append(await run.at(rate, size, seconds))
        if not _carries(curve[-1]):
            await run.settle()
            if not any(map(_carries, curve[-2:])):
                break
    return curve


def carried(curve: Sequence[Row]) -> float:
    """Return the highest rate of which nothing was lost or late."""
    return max((row["ticks_per_s"] for row in curve if _carries(row)), default=0.0)


def knee(curve: Sequence[Row]) -> float:
    """Return the rate with the most throughput for its delay; 0 when none was carried.

    Kleinrock's power: beyond that rate the 99th percentile rises faster than the rate does
    (Power and deterministic rules of thumb, ICC 1979).
    """
    power = {row["ticks_per_s"]: row["ticks_per_s"] / row["p99_ms"] for row in _good(curve)}
    return max(power, key=lambda rate: power[rate], default=0.0)


def _good(curve: Sequence[Row]) -> list[Row]:
    return [row for row in curve if _carries(row) and row["p99_ms"] > 0]


def _carries(row: Row) -> bool:
    return row["lost"] == 0 and row["p99_ms"] <= CARRIED_MS


def _asked(engine: Connection) -> Any:
    engine.send(True)
    return engine.recv()


@contextmanager
def _engine(file: Path, folder: Path) -> Iterator[Connection]:
    """Run an engine process."""
    made = multiprocessing.get_context("spawn")
    ours, its = made.Pipe()
    process = made.Process(target=serve, args=(file, folder, its), daemon=True)
    process.start()
    try:
        yield ours
    finally:
        process.kill()
        process.join()


def measured(told: Told, plan: Plan | None = None) -> dict[str, Any]:
    """Start a broker and an engine process, and measure."""
    from deploy.kafka.broker import Broker

    with tempfile.TemporaryDirectory() as folder, Broker() as broker:
        return asyncio.run(measure(broker.bootstrap, Path(folder), told, plan or Plan()))
