"""`plumb dead-letters`: messages on the bus that did not decode, and why."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from oracle.bus.interface import Bus, Start
from oracle.cli.bus import kafka_bus
from oracle.cli.options import ConfigOption, JsonOption
from oracle.cli.output import console, printable, table
from oracle.config.load import load
from oracle.model.errors import ConfigError
from oracle.model.messages import DeadLetter
from oracle.model.topics import Topic

_COLUMNS: Final = ("place", "found", "bytes", "begins", "reason")
_SHOWN_BYTES: Final = 12


def dead_letters(
    config: ConfigOption,
    tail: Annotated[bool, typer.Option("--tail", help="Go on listening until ended.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List each message once, oldest first; as JSON one object a line."""
    loaded = load(config)
    if loaded.bus.kind == "memory":
        raise ConfigError(
            "a bus in memory has no dead letters: its messages never are bytes; they are on Kafka"
        )
    try:
        asyncio.run(_list(kafka_bus(loaded.bus), tail=tail, as_json=as_json))
    except KeyboardInterrupt:
        return


async def _list(bus: Bus, *, tail: bool, as_json: bool) -> None:
    rows = []
    async with bus:
        async for letter in _letters(bus, tail=tail):
            if as_json:
                sys.stdout.write(json.dumps(_shown(letter)) + "\n")
                sys.stdout.flush()
            elif tail:
                console.print("  ".join(_row(letter)), markup=False, highlight=False)
            else:
                rows.append(_row(letter))
    if not (as_json or tail):
        console.print(table(f"Dead letters: {len(rows)}", _COLUMNS, rows))


async def _letters(bus: Bus, *, tail: bool) -> AsyncIterator[DeadLetter]:
    """Yield each letter once, whoever else has found the same message."""
    seen: set[str] = set()
    async with bus.subscribe(Topic.DEAD_LETTERS, start=Start.EARLIEST) as reader:
        while tail or not await reader.caught_up():
            for record in await reader.take(timeout_s=0.2):
                letter = record.message
                if isinstance(letter, DeadLetter) and letter.key not in seen:
                    seen.add(letter.key)
                    yield letter


def _shown(letter: DeadLetter) -> dict[str, Any]:
    return {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "found": _time(letter),
        "reason": letter.reason,
        "size": letter.size,
        "wire": letter.wire.hex(),
    }


def _row(letter: DeadLetter) -> list[str]:
    return [
        printable(f"{letter.topic}/{letter.partition}@{letter.offset}"),
        _time(letter),
        str(letter.size),
        letter.wire[:_SHOWN_BYTES].hex() + ("…" if letter.size > _SHOWN_BYTES else ""),
        printable(letter.reason),
    ]


def _time(letter: DeadLetter) -> str:
    try:
        return datetime.fromtimestamp(letter.found_ns // 10**9, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return f"{letter.found_ns} ns"
