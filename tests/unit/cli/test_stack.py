"""Starting over chains: one that is dead delays no other, all dead is a mistake."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from oracle.bus.memory import MemoryBus
from oracle.cli.roles import Role
from oracle.cli.stack import Stack
from oracle.config.load import parse
from oracle.model.errors import ConfigError, Retryable
from oracle.model.topics import SHARDED

CONFIG = {
    "deployment": {"network": "t", "home_governor": "0x" + "1" * 40, "nonce": 1},
    "markets": {"X-USD": {"number": 0, "sources": [{"source": "a:X/USD"}, {"source": "b:X/USD"}]}},
    "committee": {"epoch": 1, "threshold": 1, "members": ["0x" + "1" * 40]},
}


class FakeChain:
    """A chain that starts, or does not."""

    def __init__(self, name: str, error: Exception | None = None) -> None:
        self.name, self.error = name, error
        self.started = False

    async def start(self, salt: bytes) -> None:
        """Start or fail."""
        if self.error is not None:
            raise self.error
        self.started = True


def _stack(*chains: FakeChain) -> Stack:
    return Stack(parse(CONFIG), MemoryBus(), Path(), CollectorRegistry(), chains=list(chains))


async def test_one_dead_chain_delays_no_other():
    """The living one is checked; the dead one is left to its lane."""
    alive = FakeChain("alive")
    await _stack(FakeChain("dead", Retryable("nobody there")), alive).check_chains()
    assert alive.started


async def test_all_chains_dead_is_said():
    """A start that can reach nothing says so at once."""
    dead = [FakeChain(name, Retryable(f"{name} is dead")) for name in ("a", "b")]
    with pytest.raises(Retryable, match="a is dead"):
        await _stack(*dead).check_chains()


async def test_a_wrong_chain_delays_no_other():
    """A restart serves the chains that are right; the wrong one's lane goes on saying why not."""
    fine = FakeChain("fine")
    await _stack(FakeChain("wrong", ConfigError("chain id 5, not 1")), fine).check_chains()
    assert fine.started


async def test_a_wrong_chain_alone_stops_the_start():
    """Where nothing can be served, a person hears of it at once."""
    wrong = FakeChain("wrong", ConfigError("chain id 5, not 1"))
    with pytest.raises(ConfigError, match="chain id 5"):
        await _stack(wrong).check_chains()


async def test_a_shard_without_markets_is_owned_and_left_alone(tmp_path: Path):
    """Numbers may leave one empty, after a delisting: it is no failure, and the others step."""
    page, bus = CollectorRegistry(), MemoryBus(partitions=dict.fromkeys(SHARDED, 2))
    config = parse(CONFIG | {"engine": {"shards": 2, "step": "20ms"}})
    engines = Stack(config, bus, tmp_path, page).services([Role.ENGINE])["engines"]

    def said(name: str, shard: str) -> float | None:
        return page.get_sample_value(f"plumbline_{name}", {"shard": shard})

    running = asyncio.create_task(engines())
    async with asyncio.timeout(60):
        while not (said("last_step_timestamp_seconds", "0") and said("shard_owned", "1")):  # noqa: ASYNC110 - a page has no event to wait for
            await asyncio.sleep(0.01)
        for _ in range(20):
            await asyncio.sleep(0)
    assert said("shard_interrupted_total", "1") == 0
    assert said("last_step_timestamp_seconds", "1") is None
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
