"""Looks at all chains at once, with our own side beside them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

import msgspec
from rich.live import Live

from oracle.cli.output import console
from oracle.cli.status.answer import ChainStatus, Status, alarms_of
from oracle.cli.status.look import ChainLook
from oracle.cli.status.ours import our_marks, takers
from oracle.cli.status.table import rendered
from oracle.config.root import Config
from oracle.model.errors import ConfigError
from relayer.held import limits_s
from relayer.tiers import push_policies

AT_ONCE: Final = 16
"""Chains that are read at the same time."""


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
