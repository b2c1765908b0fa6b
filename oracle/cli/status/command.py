"""The command: look once, or again and again; exit code 3 while anything alarms."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Annotated, Final

import msgspec
import typer
from rich.live import Live

from oracle.cli.options import ConfigOption, JsonOption
from oracle.cli.output import console
from oracle.cli.status.answer import ChainStatus, Status, alarms_of
from oracle.cli.status.look import ChainLook
from oracle.cli.status.ours import api_url, our_marks, takers
from oracle.cli.status.table import rendered
from oracle.config.load import load
from oracle.config.root import Config
from oracle.config.units import duration_ns
from oracle.model.errors import ConfigError
from relayer.held import limits_s
from relayer.tiers import push_policies

ALARMED: Final = 3
"""1 is a mistake and 2 a wrong option, so that a monitor can tell what it is told."""
AT_ONCE: Final = 16
"""Chains that are read at the same time."""
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
    loaded = load(config)
    observer = Observer(loaded, chain or [], api or api_url(loaded), _seconds("--timeout", bound))
    every_s = _seconds("--every", every) if watch else None
    with suppress(KeyboardInterrupt):
        asyncio.run(observer.run(every_s, as_json=as_json))
    if observer.alarmed:
        raise typer.Exit(ALARMED)


class Observer:
    """Looks at all chains at once; none waits for another."""

    def __init__(self, config: Config, chains: Sequence[str], api: str, bound_s: float) -> None:
        self.alarmed = False
        self._config: Final = config
        self._api: Final = api
        self._bound_s: Final = bound_s
        self._turns: Final = asyncio.Semaphore(AT_ONCE)
        numbers = {name: market.number for name, market in config.markets.items()}
        self._looks: Final = [
            ChainLook(
                chain,
                numbers,
                limits_s(push_policies(chain, numbers), numbers, config.relayer.overdue),
            )
            for chain in config.chains
            if chain.name in chains or not chains
        ]
        unknown = set(chains) - {chain.name for chain in config.chains}
        if unknown or not self._looks:
            known = ", ".join(chain.name for chain in config.chains) or "none"
            asked = ", ".join(sorted(unknown)) or "any"
            raise ConfigError(f"no chain {asked} in the configuration; configured: {known}")

    async def run(self, every_s: float | None, *, as_json: bool) -> None:
        """Look and show; with `every_s`, until cancelled."""
        async with AsyncExitStack() as exits:
            for look in self._looks:
                exits.push_async_callback(look.aclose)
            if every_s is None:
                self._show(await self.look(), as_json=as_json)
                return
            live = None
            if not as_json:
                live = exits.enter_context(Live(console=console, auto_refresh=False, screen=False))
            while True:
                seen = await self.look()
                if live is None:
                    self._show(seen, as_json=True)
                else:
                    live.update(rendered(seen), refresh=True)
                await asyncio.sleep(every_s)

    async def look(self) -> Status:
        """Return everything as it is now."""
        ours, (taken, why) = await asyncio.gather(
            our_marks(self._api, self._bound_s), takers(self._config, self._bound_s)
        )

        async def one(look: ChainLook) -> ChainStatus:
            async with self._turns:
                found = await look.look(ours, self._bound_s)
            notes = (*found.notes, f"who has it is unknown: {why}") if why else found.notes
            return msgspec.structs.replace(found, taken_by=taken.get(found.chain, ""), notes=notes)

        chains = tuple(await asyncio.gather(*map(one, self._looks)))
        runway_days = self._config.relayer.runway / (86400 * 10**9)
        alarms = tuple(alarms_of(chains, ours.error, runway_days))
        self.alarmed = bool(alarms)
        return Status(time.time_ns(), ours.where, ours.error, chains, alarms)

    def _show(self, seen: Status, *, as_json: bool) -> None:
        if as_json:
            sys.stdout.write(msgspec.json.encode(seen).decode() + "\n")
            sys.stdout.flush()
        else:
            console.print(rendered(seen))


def _seconds(option: str, text: str) -> float:
    try:
        seconds = duration_ns(text) / 1e9
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from error
    if seconds < 0.1:
        raise ConfigError(f"{option} {text} is too short: at least 100ms")
    return seconds
