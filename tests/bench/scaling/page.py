"""The table of docs/scaling.md, from the measured figures: `python -m tests.bench.scaling`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from oracle.report.report import MAX_GROUPS
from oracle.report.word import GROUP_SIZE
from tests.bench.scaling.arithmetic import (
    BROKER_CORES,
    BUSY,
    HEARTBEAT_S,
    MEMBERS,
    REPLICAS,
    SIZES,
    STEPS_PER_S,
    THRESHOLD,
    Row,
    Sums,
)

ROOT: Final = Path(__file__).parents[3]
FILE: Final = ROOT / "docs/scaling.md"
FIGURES: Final = Path(__file__).with_name("measured.json")
BEGIN, END = "<!-- table -->\n", "<!-- end of the table -->\n"
GAS_OF_100: Final = "update_5of7_100"


def figures() -> dict[str, Any]:
    """Return what was measured here, and the gas that forge measured."""
    measured: dict[str, Any] = json.loads(FIGURES.read_text())
    gas = json.loads((ROOT / "contracts/gas.json").read_text())
    return measured | {"gas": {"market_of_100": gas[GAS_OF_100] / 100}}


def page(text: str, found: Mapping[str, Any]) -> str:
    """Return the page with its table made anew."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + table(found) + END + rest.split(END)[1]


def table(found: Mapping[str, Any]) -> str:
    """Return the table in Markdown."""
    heads = [f"{size.markets:,} of {size.sources}" for size in SIZES]
    lines = [
        "| quantity | measured here | formula | " + " | ".join(heads) + " |",
        "|---|---|---|" + "---:|" * len(heads),
    ]
    for row in rows(found):
        cells = [_cell(row, row.value(size)) for size in SIZES]
        lines.append(f"| {row.quantity} | {row.measured} | {row.formula} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def rows(found: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the lines of the table."""
    sums = Sums(found)
    yield from _engines(sums)
    yield from _kafka(sums)
    yield from _readers(sums)
    yield from _committee(sums)


def _engines(sums: Sums) -> Iterator[Row]:
    most = MAX_GROUPS * GROUP_SIZE
    memory = f"{sums.rss['engine']:.0f} MiB + {sums.rss['engine_market'] * 1024:.0f} KiB a market"
    state = f"{sums.bytes['snapshot_market'] / 1e3:.1f} kB a market"
    yield Row("ticks a second: T", "2.5 a source", "", lambda s: s.ticks_per_s)
    yield Row("marks a second: K", "", f"markets · {STEPS_PER_S} steps", lambda s: s.marks_per_s)
    yield Row(
        "deployments", f"a report has {most:,} markets", f"⌈markets / {most:,}⌉", sums.deployments
    )
    yield Row("feeds, cores", _us(sums, "feeds", "tick"), "T ·", partial(sums.cores, "feeds"))
    yield Row(
        "engines, cores",
        _us(sums, "engine", "tick", "mark"),
        "T · + K ·",
        partial(sums.cores, "engine"),
    )
    yield Row(
        "markets a shard", f"{BUSY:.0%} of a core", "that / cores a market", sums.shard_markets
    )
    yield Row(
        "shards = partitions of ticks, steps, marks, snapshots",
        "",
        "⌈markets / markets a shard⌉",
        sums.shards,
    )
    yield Row("memory of an engine of one shard", memory, "", sums.engine_mib, "MiB")
    yield Row("state of a shard", state, "a new owner reads it", sums.snapshot_mb, "MB")


def _kafka(sums: Sums) -> Iterator[Row]:
    of = sums.bytes
    logged = f"{of['tick_log']:.0f} B a tick, {of['mark_log']:,.0f} B a mark"
    yield Row("written to Kafka", logged, "T · + K · + steps + states", sums.log_mb_per_s, "MB/s")
    yield Row("of that, marks", "", "K ·", lambda s: s.marks_per_s * of["mark_log"] / 1e6, "MB/s")
    yield Row("read from Kafka", "ticks twice, marks three times", "", sums.read_mb_per_s, "MB/s")
    yield Row(
        "brokers, cores",
        _us(sums, "broker", "tick", "mark"),
        f"(T · + K ·) · {REPLICAS} replicas",
        sums.broker_cores,
    )
    yield Row(
        f"brokers of {BROKER_CORES} cores", f"{BUSY:.0%} busy", "three at least", sums.brokers
    )
    yield Row(
        "a broker's network, both ways",
        "",
        "(written + 2 · 2 · written + read) / brokers",
        sums.broker_gbit_per_s,
        "Gbit/s",
    )
    yield Row(
        "ticks on all disks", "kept 6 h", f"T · B · 6 h · {REPLICAS}", sums.tick_disk_gb, "GB"
    )
    yield Row(
        "marks on all disks",
        "compacted, but not for 6 h",
        f"K · B · 6 h · {REPLICAS}",
        sums.mark_disk_gb,
        "GB",
    )


def _readers(sums: Sums) -> Iterator[Row]:
    of = sums.bytes
    kept = f"{of['tick_archive']:.1f} B a tick, {of['mark_archive']:.0f} B a mark"
    yield Row("archive, a day", kept, "(T · + K ·) · 1 day", sums.archive_gb, "GB")
    for role, name, parts in (
        ("archive", "an archiver", ("tick", "mark")),
        ("committee", "a member", ("mark",)),
        ("api", "an API process", ("mark",)),
    ):
        most = sums.followed(role, SIZES[0])
        yield Row(
            f"{name}, cores",
            _us(sums, role, *parts),
            f"of one deployment; half a core: {most:,} markets",
            partial(sums.cores_each, role),
            most=1.0,
        )


def _committee(sums: Sums) -> Iterator[Row]:
    gas = sums.gas["market_of_100"]
    yield Row(
        "a report",
        f"53 B + 39 a group + 64 · {THRESHOLD}",
        "of one deployment",
        sums.report_kb,
        "kB",
    )
    yield Row("an observation", "273 B + 32 a group", "member to leader", sums.observation_kb, "kB")
    yield Row("a proposal", f"{MEMBERS} observations", "leader to member", sums.proposal_kb, "kB")
    yield Row(
        "a leader sends",
        f"{MEMBERS} members, slots of 250 ms",
        f"proposal · {MEMBERS - 1} · 4 a second",
        sums.leader_mbit_per_s,
        "Mbit/s",
    )
    yield Row(
        "gas of heartbeats, a day and chain",
        f"{gas:,.0f} a market, 100 at once",
        f"markets · that · 1 day / {HEARTBEAT_S} s",
        sums.gas_per_day,
        "G",
    )


def _us(sums: Sums, role: str, *parts: str) -> str:
    costs = [f"{max(0.0, sums.cpu[f'{role}_{part}']):.3g} µs a {part}" for part in parts]
    return " + ".join(costs)


def _cell(row: Row, value: float) -> str:
    if value >= 10 or float(value).is_integer():
        text = f"{value:,.0f}"
    else:
        text = f"{value:.2g}" if value < 1 else f"{value:.1f}"
    return f"{text} {row.unit}{'✗' if value > row.most else ''}".strip()
