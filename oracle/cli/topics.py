"""`plumb deploy topics`: the bus's topics on a Kafka cluster, made and checked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from oracle.bus.retention import FOR_EVER
from oracle.cli.bus import kafka_bus, layout
from oracle.cli.options import ConfigOption, JsonOption
from oracle.cli.output import configure_logging, console, emit, table
from oracle.config.load import load
from oracle.model.errors import ConfigError

if TYPE_CHECKING:
    from oracle.bus.kafka_topics import KafkaTopics, Layout, TopicState

_COLUMNS: Final = ("topic", "partitions", "replicas", "cleanup", "kept", "state")
_UNITS: Final = ((24 * 3_600_000, "d"), (3_600_000, "h"), (60_000, "m"))


def topics(
    config: ConfigOption,
    check: Annotated[
        bool, typer.Option("--check", help="Create nothing; fail if anything is missing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Create the topics that are missing; say how those that are there differ, and change none."""
    configure_logging(quiet=True, as_json=as_json)
    loaded = load(config)
    if loaded.bus.kind == "memory":
        raise ConfigError("a bus in memory has no topics to make: set bus.kind to kafka")
    bus, wanted = kafka_bus(loaded.bus), layout(loaded.bus, loaded.engine.shards)
    before, after = asyncio.run(_states(bus.topics, wanted, check=check))
    _show(before, after, as_json=as_json)
    if any(state.found is None or state.differences for state in after):
        raise typer.Exit(1)


async def _states(
    topics: KafkaTopics, wanted: Layout, *, check: bool
) -> tuple[Sequence[TopicState], Sequence[TopicState]]:
    before = await topics.look(wanted)
    return before, before if check else await topics.create(wanted)


def _show(before: Sequence[TopicState], after: Sequence[TopicState], *, as_json: bool) -> None:
    said = [_standing(old, new) for old, new in zip(before, after, strict=True)]
    if as_json:
        shown = [_shown(state, how) for state, how in zip(after, said, strict=True)]
        well = all(how in {"right", "created"} for how in said)
        emit({"ok": well, "topics": shown}, as_json=True, text="")
        return
    rows = [_row(state, how) for state, how in zip(after, said, strict=True)]
    console.print(table("Topics", _COLUMNS, rows))
    for state in after:
        if state.found is None:
            _say(f"{state.wanted.name} is missing: run without --check")
        for difference in state.differences:
            _say(difference)


def _standing(before: TopicState, after: TopicState) -> str:
    if after.found is None:
        return "missing"
    if after.differences:
        return "differs"
    return "created" if before.found is None else "right"


def _shown(state: TopicState, how: str) -> dict[str, Any]:
    wanted, found = state.wanted, state.found
    return {
        "topic": wanted.name,
        "state": how,
        "partitions": None if found is None else found.partitions,
        "replication": None if found is None else found.replication,
        "settings": {
            name: None if found is None else found.settings.get(name) for name in wanted.settings
        },
        "wanted": {
            "partitions": wanted.partitions,
            "replication": wanted.replication,
            "settings": dict(wanted.settings),
        },
        "differences": list(state.differences),
    }


def _row(state: TopicState, how: str) -> list[str]:
    has = state.found or state.wanted
    return [
        state.wanted.name,
        str(has.partitions),
        str(has.replication),
        has.settings.get("cleanup.policy", "?"),
        _age(has.settings.get("retention.ms", "")),
        how,
    ]


def _age(retention_ms: str) -> str:
    """Return how long messages are kept, as people say it."""
    if retention_ms == str(FOR_EVER):
        return "for ever"
    kept_ms = int(retention_ms or 0)
    for unit_ms, unit in _UNITS:
        if kept_ms and kept_ms % unit_ms == 0:
            return f"{kept_ms // unit_ms}{unit}"
    return f"{retention_ms}ms"


def _say(text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)
