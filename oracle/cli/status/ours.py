"""Our own side: the marks that our API serves, and who took which chain by the bus."""

from __future__ import annotations

import asyncio
from typing import Final

from oracle.bus.interface import Bus, Start
from oracle.cli.bus import kafka_bus
from oracle.cli.deployment import salt_of
from oracle.cli.status.look import Ours
from oracle.client import AsyncPlumblineClient
from oracle.config.root import Config
from oracle.model.errors import PlumblineError
from oracle.model.fixed import px_exact
from oracle.model.messages import Duty
from oracle.model.topics import Topic

_ANY_HOST: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 (a key, not a binding)


def api_url(config: Config) -> str:
    """Return where the API of this configuration is, seen from its own machine."""
    return f"http://{_ANY_HOST.get(config.api.host, config.api.host)}:{config.api.port}"


async def our_marks(url: str | None, bound_s: float) -> Ours:
    """Return the marks that an API serves; say why when it serves none. Without a URL ask none."""
    if url is None:
        return Ours("", {})
    try:
        async with asyncio.timeout(bound_s), AsyncPlumblineClient(url, bound_s) as client:
            quotes = await client.marks()
    except TimeoutError:
        return Ours(url, {}, f"{url} does not answer within {bound_s:g} s")
    except PlumblineError as error:
        return Ours(url, {}, str(error))
    return Ours(url, {q.market: px_exact(str(q.mark)) for q in quotes if q.mark is not None})


async def takers(config: Config, bound_s: float) -> tuple[dict[str, str], str]:
    """Return which relayer took each chain last, and why that is not known.

    A bus in memory has one relayer, and nobody outside can read it.
    """
    if config.bus.kind == "memory":
        return {}, ""
    try:
        async with asyncio.timeout(bound_s), kafka_bus(config.bus) as bus:
            return await _read_duties(bus, "0x" + salt_of(config).hex()), ""
    except TimeoutError:
        return {}, f"the bus does not answer within {bound_s:g} s"
    except PlumblineError as error:
        return {}, str(error)


async def _read_duties(bus: Bus, deployment: str) -> dict[str, str]:
    taken: dict[str, str] = {}
    async with bus.subscribe(Topic.DUTIES, start=Start.EARLIEST) as reader:
        while not await reader.caught_up():
            for record in await reader.take(timeout_s=0.2):
                duty = record.message
                if isinstance(duty, Duty) and duty.deployment == deployment:
                    taken[duty.chain] = duty.relayer
    return taken
