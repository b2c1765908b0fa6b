"""`make bench`: engine, buses, pipeline, reports, gas. `python -m tests.bench [--json]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys

from rich.console import Console

from deploy.kafka.broker import Broker
from oracle.bus.kafka import KafkaBus
from oracle.bus.memory import MemoryBus
from oracle.cli import bench_pipeline
from oracle.cli.bench import show_pipeline
from oracle.cli.output import configure_logging, table
from tests.bench import bus, committee, engine, gas, keeper, report

Rows = list[dict[str, float | str]]
TITLES = {
    "engine": "engine: a full step against the same rules in plain Python (ratio above 1: faster)",
    "bus": "bus: ticks/s at 200 a message against 1 (memory passes references, Kafka is a broker)",
    "keeper": "health of 1,000,000 accounts, two positions and one collateral each, at a mark",
    "report": "tick received to report signed, 5 of 7 keys, memory bus, 500 ticks/s",
    "committee": "slot to quorum, 5 of 7 members in processes of their own on this machine",
    "gas": "gas of an update transaction on a real node, 5 of 7 signatures",
}


async def _buses() -> Rows:
    rows: Rows = [{"bus": "memory"} | await _bus(MemoryBus())]
    with Broker() as broker:
        kafka = KafkaBus(broker.bootstrap)
        async with kafka:
            await kafka.ensure_topics()
            rows.append({"bus": "kafka"} | await _bus(kafka))
    return rows


async def _bus(of: MemoryBus | KafkaBus) -> dict[str, float | str]:
    single = await bus.measure(of, 20_000, 1)
    batched = await bus.measure(of, 400_000, 200)
    return {
        "batched/s": batched["ticks_per_s"],
        "single/s": single["ticks_per_s"],
        "ratio": batched["ticks_per_s"] / single["ticks_per_s"],
        "p50_ms": batched["p50_ms"],
        "p99_ms": batched["p99_ms"],
    }


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.3g}" if value < 100 else f"{value:,.0f}"


def main() -> None:
    """Measure everything; print tables, or one JSON object with --json."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args().json
    configure_logging(quiet=True)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    figures: dict[str, Rows] = {
        "engine": engine.measure(),
        "keeper": keeper.measure(),
        "bus": asyncio.run(_buses()),
        "report": asyncio.run(report.measure()),
        "committee": committee.measure(),
        "gas": asyncio.run(gas.measure()),
    }
    ticks = bench_pipeline.measured(lambda _what, _part: None)
    if as_json:
        sys.stdout.write(json.dumps(figures | {"pipeline": ticks}) + "\n")
        return
    for name, rows in figures.items():
        cells = [[_cell(value) for value in row.values()] for row in rows]
        Console().print(table(TITLES[name], list(rows[0]), cells))
    show_pipeline(ticks)


if __name__ == "__main__":
    main()
