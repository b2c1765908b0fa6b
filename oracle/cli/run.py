"""`plumb run` and the single roles: live processes until a signal ends them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from oracle.cli.options import ConfigOption, JsonOption, StateOption, state_folder
from oracle.cli.output import configure_logging
from oracle.cli.roles import Role
from oracle.config.load import load
from oracle.config.root import Config
from oracle.model.errors import ConfigError

MetricsOption = Annotated[
    int | None,
    typer.Option(
        "--metrics-port",
        help="Serve Prometheus metrics, /live and /ready on this port.",
        show_default=False,
    ),
]
MetricsHostOption = Annotated[
    str, typer.Option("--metrics-host", help="The address for --metrics-port.")
]


def register(app: typer.Typer) -> None:
    """Add the commands that run processes."""
    app.command("run", help="Run everything the configuration names in one process.")(run)
    for role, text in (
        (Role.FEEDS, "Run only the feeds (needs bus.kind kafka)."),
        (Role.ORACLE, "Run only engine and signing; with committee.peers one member, feeds too."),
        (Role.ENGINE, "Run only the engine: another process signs (needs bus.kind kafka)."),
        (Role.COMMITTEE, "Only sign what engines compute elsewhere (needs bus.kind kafka)."),
        (Role.RELAYER, "Run only the relayer (needs bus.kind kafka)."),
        (Role.API, "Serve only the HTTP API (needs bus.kind kafka)."),
        (Role.ARCHIVE, "Only write the archive (needs bus.kind kafka)."),
    ):
        app.command(role.value, help=text)(single(role))


def run(config: ConfigOption, state: StateOption = None, as_json: JsonOption = False) -> None:
    """Run every role that the configuration has a section for."""
    loaded = load(config)
    roles = [Role.FEEDS, Role.ORACLE, Role.API]
    if loaded.chains:
        roles.append(Role.RELAYER)
    if loaded.keepers:
        roles.append(Role.KEEPER)
    if loaded.archive is not None:
        roles.append(Role.ARCHIVE)
    _serve(loaded, roles, state_folder(config, state), None, as_json=as_json)


def single(role: Role):  # type: ignore[no-untyped-def]  # typer reads the inner signature
    """Return the command that runs one role."""

    def command(
        config: ConfigOption,
        state: StateOption = None,
        metrics_port: MetricsOption = None,
        metrics_host: MetricsHostOption = "127.0.0.1",
        as_json: JsonOption = False,
    ) -> None:
        loaded = load(config)
        metrics = None if metrics_port is None else (metrics_host, metrics_port)
        if role is Role.ORACLE and is_whole_member(loaded):
            roles = [Role.FEEDS, Role.ORACLE]
            _serve(loaded, roles, state_folder(config, state), metrics, as_json=as_json)
            return
        if loaded.bus.kind == "memory":
            raise ConfigError(
                f"'plumb {role}' alone cannot reach other processes over a bus in memory: set "
                "bus.kind to kafka, or use 'plumb run'"
            )
        if any(feed.kind == "replay" for feed in loaded.feeds):
            raise ConfigError(
                f"'plumb {role}' alone cannot go by a replay's clock, which is in the process that "
                "replays: use 'plumb run'"
            )
        _serve(loaded, [role], state_folder(config, state), metrics, as_json=as_json)

    return command


def is_whole_member(config: Config) -> bool:
    """Whether `plumb oracle` is a member with feeds of its own, all in one process."""
    committee = config.committee
    return config.bus.kind == "memory" and committee is not None and bool(committee.peers)


def _serve(
    config: Config,
    roles: Sequence[Role],
    state: Path,
    metrics: tuple[str, int] | None,
    *,
    as_json: bool,
) -> None:
    import asyncio

    from oracle.cli.serve import until_signal

    configure_logging(as_json=as_json)
    asyncio.run(until_signal(config, roles, state, metrics))
