"""The Uniswap feed against a real pool on a real node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal, localcontext
from typing import Any, Literal

import pytest
from prometheus_client import CollectorRegistry

from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.pool import UniswapSandbox, deploy_pool
from feeds.base import Pace
from feeds.evm.pool_abi import POOL
from feeds.evm.uniswap3 import Pool, Uniswap3Feed
from feeds.metrics import FeedMetrics
from oracle.model.errors import ConfigError
from oracle.model.ticks import Tick

pytestmark = pytest.mark.evm
DEADLINE_S = 120.0
CHAIN_ID = 31_337
NOW_NS = 1_900_000_000_123_456_789
PACE = Pace(idle_s=DEADLINE_S, backoff_min_s=0.02, backoff_max_s=0.1)


class Watched:
    """A running feed, what it published and what it counted."""

    def __init__(self, rpc_url: str, pools: Sequence[Pool], chain_id: int = CHAIN_ID) -> None:
        self.registry = CollectorRegistry()
        self.ticks: list[Tick] = []
        self._seen = 0
        self.feed = Uniswap3Feed(
            rpc_url,
            chain_id,
            pools,
            now_ns=lambda: NOW_NS,
            metrics=FeedMetrics(self.registry),
            poll_s=0.02,
            timeout_s=1.0,
            pace=PACE,
        )

    async def publish(self, ticks: Sequence[Tick]) -> None:
        self.ticks += ticks

    def refused(self, subject: str, reason: str) -> float:
        labels = {"source": subject, "reason": reason}
        return self.registry.get_sample_value("plumbline_feed_refused_total", labels) or 0.0

    async def until(self, true: Callable[[], bool]) -> None:
        """Poll to a deadline."""
        async with asyncio.timeout(DEADLINE_S):
            while not true():  # noqa: ASYNC110 - counters wake nobody
                await asyncio.sleep(0.01)

    async def next_tick(self) -> Tick:
        """Give the newest tick, once there is one that was not given before."""
        await self.until(lambda: len(self.ticks) > self._seen)
        self._seen = len(self.ticks)
        return self.ticks[-1]


@asynccontextmanager
async def watching(rpc_url: str, *pools: Pool, chain_id: int = CHAIN_ID) -> AsyncIterator[Watched]:
    """Run a feed while the block lasts."""
    watched = Watched(rpc_url, pools, chain_id)
    task = asyncio.create_task(watched.feed.run(watched.publish))
    try:
        yield watched
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def pool_on_a_chain(
    price: float = 2500.0,
) -> AsyncIterator[tuple[SandboxChain, UniswapSandbox]]:
    """A pool old enough for a TWAP of a minute."""
    async with SandboxChain(CHAIN_ID) as chain:
        pool = await deploy_pool(chain, price=price)
        await chain.advance(120)
        yield chain, pool


def read_by(pool: UniswapSandbox, twap_s: int = 60) -> Pool:
    """Return the feed's view of a sandbox pool."""
    return Pool(pool.address, pool.base, twap_s)


async def exact_price(pool: UniswapSandbox) -> Decimal:
    """Read slot0 and compute the price another way: by decimals of 100 digits."""
    w3 = pool.chain.w3
    contract = w3.eth.contract(w3.to_checksum_address(pool.address), abi=POOL)
    sqrt_price = (await contract.functions.slot0().call())[0]
    with localcontext() as context:
        context.prec = 100
        ratio = (Decimal(sqrt_price) / 2**96) ** 2
        price = (ratio if pool.base == "token0" else 1 / ratio).scaleb(12)
        context.prec = 18
        return +price


async def test_a_tick_is_the_exact_price_at_the_newest_block() -> None:
    """18 digits of slot0, the block's time as event time, our clock as receive time."""
    async with (
        pool_on_a_chain(2500.25) as (chain, pool),
        watching(chain.rpc_url, read_by(pool)) as watched,
    ):
        tick = await watched.next_tick()
        block = await chain.w3.eth.get_block("latest")
        assert tick.source == f"uniswap3:{pool.address}"
        assert tick.last is not None
        assert Decimal(str(tick.last)) == await exact_price(pool)
        assert abs(Decimal(str(tick.last)) - Decimal("2500.25")) < Decimal("1e-9")
        assert (tick.bid, tick.ask) == (None, None)
        assert tick.event_ns == block["timestamp"] * 10**9
        assert tick.received_ns == NOW_NS


async def test_each_new_block_is_one_tick_that_follows_the_price() -> None:
    """Swaps move the price; without a block there is nothing new to say."""
    async with (
        pool_on_a_chain() as (chain, pool),
        watching(chain.rpc_url, read_by(pool)) as watched,
    ):
        await watched.next_tick()
        for target in (2525.0, 2480.0):
            await pool.move_price(target)
            tick = await watched.next_tick()
            assert tick.last is not None
            assert Decimal(str(tick.last)) == await exact_price(pool)
            assert abs(Decimal(str(tick.last)) / Decimal(target) - 1) < Decimal("1e-12")
        assert len(watched.ticks) == 3
        sequences = [tick.sequence for tick in watched.ticks]
        assert sequences == sorted(set(sequences))


async def test_a_price_far_off_the_pools_own_mean_is_refused_until_the_mean_follows() -> None:
    """A jump of 8 % in one block is no tick; held for long enough, it is the price."""
    async with (
        pool_on_a_chain() as (chain, pool),
        watching(chain.rpc_url, read_by(pool)) as watched,
    ):
        await watched.next_tick()
        await pool.move_price(2700.0)
        await watched.until(
            lambda: watched.refused(f"uniswap3:{pool.address}", "off_pool_twap") > 0
        )
        assert len(watched.ticks) == 1
        await chain.advance(15)
        await watched.until(
            lambda: watched.refused(f"uniswap3:{pool.address}", "off_pool_twap") > 1
        )
        await chain.advance(60)
        tick = await watched.next_tick()
        assert tick.last is not None
        assert Decimal(str(tick.last)) == await exact_price(pool)


async def test_a_pool_without_enough_history_is_refused_by_name() -> None:
    """A mean that the pool cannot give is not replaced by the spot price."""
    async with SandboxChain(CHAIN_ID) as chain:
        pool = await deploy_pool(chain, price=2500.0)
        async with watching(chain.rpc_url, read_by(pool, 3600)) as watched:
            source = f"uniswap3:{pool.address}"
            await watched.until(lambda: watched.refused(source, "short_history") > 0)
            assert watched.ticks == []
            await chain.advance(3601)
            await watched.next_tick()


async def test_the_other_token_may_be_the_base() -> None:
    """The same pool prices USDT in WETH."""
    async with pool_on_a_chain() as (chain, pool):
        other: Literal["token0", "token1"] = "token1" if pool.base == "token0" else "token0"
        async with watching(chain.rpc_url, Pool(pool.address, other, 60)) as watched:
            tick = await watched.next_tick()
            assert abs(Decimal(str(tick.last)) * 2500 - 1) < Decimal("1e-12")


async def test_the_feed_survives_a_node_that_dies_hangs_and_returns() -> None:
    """Prices go on after a restart and after a freeze, with rising sequences."""
    async with (
        pool_on_a_chain() as (chain, pool),
        watching(chain.rpc_url, read_by(pool)) as watched,
    ):
        await watched.next_tick()
        await chain.stop()
        await watched.until(lambda: _errors(watched.registry) > 0)
        await chain.start()
        await pool.move_price(2510.0)
        price = await exact_price(pool)
        await watched.until(lambda: Decimal(str(watched.ticks[-1].last)) == price)

        failures = _errors(watched.registry)
        chain.freeze()
        await watched.until(lambda: _errors(watched.registry) > failures)
        chain.thaw()
        await pool.move_price(2490.0)
        await watched.until(lambda: str(watched.ticks[-1].last).startswith(("2490", "2489.9")))
        sequences = [tick.sequence for tick in watched.ticks]
        assert sequences == sorted(set(sequences))


async def test_an_older_block_gives_no_tick() -> None:
    """A node that has fallen back behind what was read is counted, not believed."""
    async with (
        pool_on_a_chain() as (chain, pool),
        watching(chain.rpc_url, read_by(pool)) as watched,
    ):
        await watched.next_tick()
        await pool.move_price(2510.0)
        newest = await watched.next_tick()
        await chain.rollback(1)
        await watched.until(lambda: watched.refused(watched.feed.name, "older_block") > 0)
        assert watched.ticks[-1] == newest
        await pool.move_price(2505.0)  # a new block at the same height: the chain's truth now
        assert Decimal(str((await watched.next_tick()).last)) == await exact_price(pool)


@contextmanager
def refusing(said: str) -> Iterator[None]:
    """Expect a fault that only a person can mend, said in one line."""
    with pytest.raises(ConfigError, match=said) as caught:
        yield
    assert "\n" not in str(caught.value)


async def _run(rpc_url: str, pool: Pool, chain_id: int = CHAIN_ID) -> Any:
    async with asyncio.timeout(DEADLINE_S):
        watched = Watched(rpc_url, [pool], chain_id)
        await watched.feed.run(watched.publish)


async def test_a_wrong_configuration_is_said_and_not_retried() -> None:
    """Wrong chain, no contract, and a contract that is no pool are told apart."""
    async with pool_on_a_chain() as (chain, pool):
        with refusing(r"is chain 31337, but the feed is configured for 1; mend"):
            await _run(chain.rpc_url, read_by(pool), chain_id=1)
        nowhere = "0x" + "12" * 20
        with refusing(f"no contract at {nowhere} on chain 31337"):
            await _run(chain.rpc_url, Pool(nowhere, "token0", 60))
        with refusing(f"{pool.weth} on chain 31337 is not a Uniswap v3 pool"):
            await _run(chain.rpc_url, Pool(pool.weth, "token0", 60))


def _errors(registry: CollectorRegistry) -> float:
    return sum(
        sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "plumbline_feed_errors_total"
    )
