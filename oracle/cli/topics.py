"""`plumb deploy topics`: the bus's topics on a Kafka cluster, made and checked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from oracle.bus.access import ACCESS
from oracle.bus.kafka_rights import EVERYBODY, RightsState
from oracle.bus.retention import FOR_EVER
from oracle.cli.bus import kafka_bus, layout
from oracle.cli.options import ConfigOption, JsonOption
from oracle.cli.output import configure_logging, console, emit, table
from oracle.config.load import load
from oracle.model.errors import ConfigError

if TYPE_CHECKING:
    from oracle.bus.kafka import KafkaBus
    from oracle.bus.kafka_topics import Layout, TopicState

_COLUMNS: Final = ("topic", "partitions", "replicas", "cleanup", "kept", "state")
_UNITS: Final = ((24 * 3_600_000, "d"), (3_600_000, "h"), (60_000, "m"))


def topics(
    config: ConfigOption,
    check: Annotated[
        bool, typer.Option("--check", help="Create nothing; fail if anything is missing.")
    ] = False,
    acls: Annotated[
        bool, typer.Option("--acls", help="Also give each role's users its rights, and check them.")
    ] = False,
    user: Annotated[
        list[str] | None,
        typer.Option(
            "--user",
            help="ROLE=NAME: who has a role, by default the user of its name; may be given again.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Create the topics that are missing; say how those that are there differ, and change none."""
    configure_logging(quiet=True, as_json=as_json)
    loaded = load(config)
    if loaded.bus.kind == "memory":
        raise ConfigError("a bus in memory has no topics to make: set bus.kind to kafka")
    bus, wanted = kafka_bus(loaded.bus), layout(loaded.bus, loaded.engine.shards)
    users = _users(user or []) if acls else {}
    done = asyncio.run(_done(bus, wanted, users, check=check))
    _show(done, users, loaded.bus.bootstrap, as_json=as_json)
    if not done.is_well:
        raise typer.Exit(1)


class _Done(NamedTuple):
    """Topics before and after, and rights after."""

    before: Sequence[TopicState]
    after: Sequence[TopicState]
    rights: RightsState

    @property
    def is_well(self) -> bool:
        wrong = any(state.found is None or state.differences for state in self.after)
        return not (wrong or self.rights.missing or self.rights.beyond)


async def _done(
    bus: KafkaBus, wanted: Layout, users: dict[str, list[str]], *, check: bool
) -> _Done:
    before = await bus.topics.look(wanted)
    after = before if check else await bus.topics.create(wanted)
    if not users:
        return _Done(before, after, RightsState((), ()))
    rights = await (bus.rights.look(users) if check else bus.rights.grant(users))
    return _Done(before, after, rights if check else rights._replace(missing=()))


def _users(given: Sequence[str]) -> dict[str, list[str]]:
    """Return each role's users."""
    named: dict[str, list[str]] = {}
    for entry in given:
        role, _, name = entry.partition("=")
        if role not in ACCESS or not name or name == EVERYBODY:
            raise ConfigError(
                f"--user {entry!r} is not ROLE=NAME with a role of {', '.join(ACCESS)}"
            )
        named.setdefault(role, []).append(name)
    return {role: named.get(role, [role]) for role in ACCESS}


def _show(done: _Done, users: dict[str, list[str]], bootstrap: str, *, as_json: bool) -> None:
    before, after = done.before, done.after
    said = [_standing(old, new) for old, new in zip(before, after, strict=True)]
    differences = done.rights.differences(bootstrap)
    if as_json:
        shown: dict[str, Any] = {"ok": done.is_well}
        shown["topics"] = [_shown(state, how) for state, how in zip(after, said, strict=True)]
        if users:
            shown["acls"] = {"users": users, "differences": differences}
        emit(shown, as_json=True, text="")
        return
    rows = [_row(state, how) for state, how in zip(after, said, strict=True)]
    console.print(table("Topics", _COLUMNS, rows))
    for state in after:
        if state.found is None:
            _say(f"{state.wanted.name} is missing: run without --check")
        for difference in state.differences:
            _say(difference)
    for role, names in users.items():
        _say(f"{role}: {', '.join(names)}")
    for difference in differences:
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
