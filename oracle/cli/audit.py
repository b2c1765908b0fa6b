"""`plumb audit`: what people have ordered, and whether the record of it is whole."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer

from oracle.bus.interface import Bus, Start
from oracle.bus.ledger import kept
from oracle.cli.bus import kafka_bus
from oracle.cli.options import ConfigOption, JsonOption, StateOption, state_folder
from oracle.cli.output import console, printable, table
from oracle.config.load import load
from oracle.config.root import Config
from oracle.model.messages import AuditEntry
from oracle.model.topics import Topic
from oracle.node.audit import ChainBreak, ChainCheck, entry_hash

_COLUMNS: Final = ("writer", "entries", "void", "newest", "hash", "chain")


class Chain(NamedTuple):
    """One writer's entries."""

    writer: str
    entries: int
    void: int
    head: AuditEntry
    broken: ChainBreak | None


def audit(
    config: ConfigOption,
    state: StateOption = None,
    last: Annotated[int, typer.Option("--last", min=0, help="So many entries, newest last.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show the newest entries and check every writer's chain; exit code 1 if one is broken.

    Keep the hashes elsewhere: a chain whose newest entries were cut off has another.
    """
    entries = asyncio.run(_entries(load(config), state_folder(config, state)))
    chains = check(entries)
    shown = list(zip(entries, voids(entries), strict=True))
    _show(shown[len(shown) - min(last, len(shown)) :], chains, as_json=as_json)
    if any(chain.broken for chain in chains):
        raise typer.Exit(1)


def check(entries: Sequence[AuditEntry]) -> list[Chain]:
    """Return every writer's chain with its first break, if any; entries are in log order."""
    checks, broken = ChainCheck(), dict[str, ChainBreak]()
    counts: dict[str, int] = {}
    for entry in entries:
        counts[entry.writer] = counts.get(entry.writer, 0) + 1
        found = checks.take(entry)
        if found is not None:
            broken.setdefault(entry.writer, found)
    return [
        Chain(writer, count - checks.void[writer], checks.void[writer], head, broken.get(writer))
        for writer, count in sorted(counts.items())
        if (head := checks.head(writer)) is not None
    ]


def voids(entries: Sequence[AuditEntry]) -> list[bool]:
    """Return of each entry whether another stood at its place already; they are in log order."""
    checks, found = ChainCheck(), []
    for entry in entries:
        before = checks.void[entry.writer]
        checks.take(entry)
        found.append(checks.void[entry.writer] > before)
    return found


async def _entries(config: Config, state: Path) -> list[AuditEntry]:
    if config.bus.kind == "memory":
        messages = await asyncio.to_thread(kept, Topic.AUDIT, state)
        return [message for message in messages if isinstance(message, AuditEntry)]
    async with kafka_bus(config.bus) as bus:
        return await read(bus)


async def read(bus: Bus) -> list[AuditEntry]:
    """Return all of the topic."""
    found: list[AuditEntry] = []
    async with bus.subscribe(Topic.AUDIT, start=Start.EARLIEST) as reader:
        while not await reader.caught_up():
            records = await reader.take(timeout_s=0.5)
            found += [r.message for r in records if isinstance(r.message, AuditEntry)]
    return found


def _show(
    entries: Sequence[tuple[AuditEntry, bool]], chains: Sequence[Chain], *, as_json: bool
) -> None:
    if as_json:
        data = {
            "chains": [_chain(chain) for chain in chains],
            "entries": [_entry(entry) | {"void": void} for entry, void in entries],
        }
        sys.stdout.write(json.dumps(data) + "\n")
        return
    for entry, void in entries:
        mark = "(void) " if void else ""
        said = f"{mark}{_time(entry.time_ns)}  {entry.who}: {entry.action} {entry.subject}"
        until = "" if entry.until_ns is None else f" until {_time(entry.until_ns)}"
        console.print(printable(f"{said}{until}: {entry.reason}"), markup=False, highlight=False)
    rows = [
        [
            printable(chain.writer),
            str(chain.entries),
            str(chain.void),
            _time(chain.head.time_ns),
            entry_hash(chain.head).hex()[:16],
            "whole" if chain.broken is None else f"broken at entry {chain.broken.sequence}",
        ]
        for chain in chains
    ]
    console.print(table("Chains", _COLUMNS, rows))
    for chain in chains:
        if chain.broken is not None:
            said = f"{chain.writer}, entry {chain.broken.sequence}: {chain.broken.reason}"
            console.print(printable(said), markup=False, highlight=False)


def _chain(chain: Chain) -> dict[str, Any]:
    broken = None if chain.broken is None else chain.broken._asdict()
    return {
        "writer": chain.writer,
        "entries": chain.entries,
        "void": chain.void,
        "hash": entry_hash(chain.head).hex(),
        "broken": broken,
    }


def _entry(entry: AuditEntry) -> dict[str, Any]:
    return {
        "writer": entry.writer,
        "sequence": entry.sequence,
        "time_ns": entry.time_ns,
        "action": entry.action,
        "subject": entry.subject,
        "who": entry.who,
        "reason": entry.reason,
        "until_ns": entry.until_ns,
    }


def _time(time_ns: int) -> str:
    try:
        return datetime.fromtimestamp(time_ns // 10**9, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return f"{time_ns} ns"
