"""Two processes with one key on one bus: the later is refused before it signs, on both buses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from oracle.bus.interface import Bus
from oracle.committee.sole import SoleSigner
from oracle.model.errors import ConfigError

A, B, C = (bytes([number]) * 20 for number in (1, 2, 3))
DEADLINE_S = 90.0


@asynccontextmanager
async def _signing(bus: Bus, *keys: bytes) -> AsyncIterator[None]:
    """A process that has the keys, and goes on."""
    sole = SoleSigner(bus, keys)
    running = asyncio.create_task(sole.run())
    try:
        async with asyncio.timeout(DEADLINE_S):
            await sole.alone()
        yield
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_the_later_of_two_with_one_key_is_refused(bus: Bus) -> None:
    """It never may sign; who signs goes on, also when further ones come with its keys."""
    async with _signing(bus, A, B):
        for keys in ((A,), (C, B)):
            later = SoleSigner(bus, keys, patience_s=0.0)
            waiting = asyncio.create_task(later.alone())
            with pytest.raises(ConfigError, match=rf"signs with 0x{keys[-1].hex()} \(process .*-"):
                async with asyncio.timeout(DEADLINE_S):
                    await later.run()
            assert not waiting.done()
            waiting.cancel()


async def test_members_of_one_bus_disturb_nobody(bus: Bus) -> None:
    """Each has keys of its own."""
    async with _signing(bus, A), _signing(bus, B):
        pass


async def test_one_that_waits_takes_over_from_one_that_ends(bus: Bus) -> None:
    """As a restart does, before the one before it has gone."""
    async with _signing(bus, A):
        later = SoleSigner(bus, [A])
        running = asyncio.create_task(later.run())
        alone = asyncio.create_task(later.alone())
        await asyncio.sleep(0)
        assert not alone.done()
    async with asyncio.timeout(DEADLINE_S):
        await alone
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
