"""Looks at all chains at once, with our own side beside them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from rich.live import Live

from oracle.cli.deployment import salt_of
from oracle.cli.output import console
from oracle.cli.status.answer import ChainStatus, Status, alarms_of
from oracle.cli.status.look import ChainLook, Ours
from oracle.cli.status.ours import our_marks, takers
from oracle.cli.status.table import rendered
from oracle.config.root import Config
from oracle.model.errors import ConfigError
from relayer.held import limits_s
from relayer.tiers import push_policies

AT_ONCE: Final = 16
"""Chains that are read at the same time."""
REFRESH_S: Final = 1.0
FIRST_S: Final = 0.1


class Observer:
    """Reads all chains; none waits for another."""

    def __init__(
        self, config: Config, chains: Sequence[str], api: str | None, bound_s: float
    ) -> None:
        """Without `api` our own marks are not asked for, which is no alarm."""
        self.alarmed = False
        self._config: Final = config
        self._api: Final = api
        self._bound_s: Final = bound_s
        self._turns: Final = asyncio.Semaphore(AT_ONCE)
        self._ours = Ours(api or "", {}, "not asked yet")
        self._taken: tuple[dict[str, str], str] = ({}, "")
        numbers = {name: market.number for name, market in config.markets.items()}
        self._looks: Final = [
            ChainLook(
                chain,
                numbers,
                limits_s(push_policies(chain, numbers), numbers, config.relayer.overdue),
                salt_of(config),
            )
            for chain in config.chains
            if chain.name in chains or not chains
        ]
        unknown = set(chains) - {chain.name for chain in config.chains}
        if unknown or not self._looks:
            known = ", ".join(chain.name for chain in config.chains) or "none"
            asked = ", ".join(sorted(unknown)) or "any"
            raise ConfigError(f"no chain {asked} in the configuration; configured: {known}")

    async def once(self) -> Status:
        """Return everything as it is now."""
        await self._ask_ours()
        return self._status(await asyncio.gather(*map(self._look, self._looks)))

    async def follow(
        self, every_s: float, refresh_s: float, show: Callable[[Status], None]
    ) -> None:
        """Read each chain, and our own side, by itself; show what is known until cancelled."""
        seen: dict[str, ChainStatus] = {}

        async def chain(look: ChainLook) -> None:
            while True:
                seen[look.chain.name] = await self._look(look)
                await asyncio.sleep(every_s)

        async def ours() -> None:
            while True:
                await asyncio.sleep(every_s)
                await self._ask_ours()

        await self._ask_ours()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ours())
            for look in self._looks:
                tasks.create_task(chain(look))
            while True:
                await asyncio.sleep(refresh_s if seen else FIRST_S)
                known = [seen[look.chain.name] for look in self._looks if look.chain.name in seen]
                if known:
                    show(self._status(known))

    async def aclose(self) -> None:
        """Close connections."""
        for look in self._looks:
            await look.aclose()

    async def _ask_ours(self) -> None:
        self._ours, self._taken = await asyncio.gather(
            our_marks(self._api, self._bound_s), takers(self._config, self._bound_s)
        )

    async def _look(self, look: ChainLook) -> ChainStatus:
        async with self._turns:
            found = await look.look(self._ours, self._bound_s)
        taken, why = self._taken
        notes = (*found.notes, f"who has it is unknown: {why}") if why else found.notes
        return msgspec.structs.replace(found, taken_by=taken.get(found.chain, ""), notes=notes)

    def _status(self, chains: Sequence[ChainStatus]) -> Status:
        runway_days = self._config.relayer.runway / (86400 * 10**9)
        alarms = tuple(alarms_of(tuple(chains), self._ours.error, runway_days))
        self.alarmed = bool(alarms)
        return Status(time.time_ns(), self._ours.where, self._ours.error, tuple(chains), alarms)


async def observe(observer: Observer, every_s: float | None, *, as_json: bool) -> None:
    """Look and show: once, or again and again."""

    def show(seen: Status) -> None:
        if as_json:
            sys.stdout.write(msgspec.json.encode(seen).decode() + "\n")
            sys.stdout.flush()
        elif live is None:
            console.print(rendered(seen))
        else:
            live.update(rendered(seen), refresh=True)

    live = None
    try:
        if every_s is None:
            show(await observer.once())
        elif as_json:
            await observer.follow(every_s, every_s, show)
        else:
            with Live(console=console, auto_refresh=False) as live:
                await observer.follow(every_s, min(every_s, REFRESH_S), show)
    finally:
        await observer.aclose()
