"""The command: look once, or again and again; exit code 3 while anything alarms."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Final

import typer

from oracle.cli.options import ConfigOption, JsonOption
from oracle.config.load import load
from oracle.config.units import duration_ns
from oracle.model.errors import ConfigError

ALARMED: Final = 3
"""1 is a mistake and 2 a wrong option, so that a monitor can tell what it is told."""
BOUND, EVERY = "10s", "5s"


def status(
    config: ConfigOption,
    chain: Annotated[
        list[str] | None,
        typer.Option("--chain", help="Only this chain; may be given again.", show_default=False),
    ] = None,
    api: Annotated[
        str | None,
        typer.Option(
            "--api",
            help="Where our own marks are served; by default where the configuration says.",
            show_default=False,
        ),
    ] = None,
    no_ours: Annotated[
        bool, typer.Option("--no-ours", help="Do not ask for our own marks.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again.")] = False,
    every: Annotated[str, typer.Option("--every", help="How often, with --watch.")] = EVERY,
    bound: Annotated[
        str, typer.Option("--timeout", help="How long to wait for each chain.")
    ] = BOUND,
    as_json: JsonOption = False,
) -> None:
    """Say what each chain holds of each market and what it costs, read from the chains.

    Exit code 3 when anything alarms: an overdue market, a chain that cannot be read, a wallet that
    does not last, our own side down.
    """
    from oracle.cli.status.observer import Observer, observe
    from oracle.cli.status.ours import api_url

    loaded = load(config)
    url = None if no_ours else api or api_url(loaded)
    bound_s, every_s = _seconds("--timeout", bound), _seconds("--every", every)
    observer = Observer(loaded, chain or [], url, bound_s)
    with suppress(KeyboardInterrupt):
        asyncio.run(observe(observer, every_s if watch else None, as_json=as_json))
    if observer.alarmed:
        raise typer.Exit(ALARMED)


def _seconds(option: str, text: str) -> float:
    try:
        seconds = duration_ns(text) / 1e9
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from error
    if seconds < 0.1:
        raise ConfigError(f"{option} {text} is too short: at least 100ms")
    return seconds
