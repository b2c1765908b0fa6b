"""Uniswap v3 pools as sources: the spot price, guarded by the pool's own time-weighted mean.

`last` is the price in `slot0` at the end of the newest block; bid and ask are not stated. The
spot price of a pool can be moved for the length of one block with borrowed money, so a price
farther than `max_twap_deviation_bps` from the pool's `observe` mean at the same block gives no
tick but the reason `off_pool_twap`. A true move of that size therefore keeps the pool out until
its mean follows: other sources carry the market meanwhile.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Literal, NamedTuple

from feeds.base import Clock, Feed, Pace
from feeds.evm.pool_abi import POOL, TOKEN
from feeds.evm.pool_price import (
    PoolTokens,
    deviation_bps,
    mean_tick,
    px_half_even_18,
    spot_price,
    tick_price,
)
from feeds.evm.rpc import Block, Reverted, Rpc
from feeds.metrics import FeedMetrics
from feeds.quote import Quote, Refused
from oracle.model.errors import ConfigError, Rejected, Retryable

MAX_TWAP_DEVIATION_BPS: Final = 500.0
_NS: Final = 10**9


class Pool(NamedTuple):
    """One pool to read. The source is `uniswap3:` and the address as it is written here."""

    address: str
    base: Literal["token0", "token1"]
    """Which token is priced, in units of the other."""
    twap_s: int

    @property
    def source(self) -> str:
        """The source's name."""
        return f"uniswap3:{self.address}"


class Uniswap3Feed(Feed):
    """Reads some pools of one chain at each new block, by polling one node.

    An older block than the newest read gives no tick (`older_block`): a lagging node behind a
    load balancer must not take a price back. A block replaced at its height is read again.
    """

    def __init__(
        self,
        rpc_url: str,
        chain_id: int,
        pools: Sequence[Pool],
        *,
        now_ns: Clock,
        metrics: FeedMetrics,
        poll_s: float = 1.0,
        timeout_s: float = 5.0,
        max_twap_deviation_bps: float = MAX_TWAP_DEVIATION_BPS,
        pace: Pace | None = None,
        uniform: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(
            f"uniswap3.{chain_id}",
            tuple(pool.source for pool in pools),
            now_ns=now_ns,
            metrics=metrics,
            pace=pace,
            uniform=uniform,
            sleep=sleep,
        )
        self._rpc_url: Final = rpc_url
        self._chain_id: Final = chain_id
        self._pools: Final = tuple(pools)
        self._poll_s: Final = poll_s
        self._timeout_s: Final = timeout_s
        self._max_deviation_bps: Final = max_twap_deviation_bps
        self._tokens: dict[str, PoolTokens] = {}
        """What never changes of each pool, by source; read once."""
        self._newest: Block | None = None

    async def read(self) -> None:
        """Poll until the node fails."""
        rpc = Rpc(self._rpc_url, timeout_s=self._timeout_s)
        try:
            await self._check_chain(rpc)
            if not self._tokens:
                self._tokens = {
                    pool.source: await self._read_tokens(rpc, pool) for pool in self._pools
                }
            while True:
                await self._poll(rpc)
                await asyncio.sleep(self._poll_s)
        finally:
            await rpc.close()

    async def _check_chain(self, rpc: Rpc) -> None:
        chain_id = await rpc.chain_id()
        if chain_id == self._chain_id:
            return
        message = f"{rpc.url} is chain {chain_id}, but the feed is configured for {self._chain_id}"
        if self._tokens:  # it was the right chain before: a fault of the node, not of the file
            raise Retryable(message)
        raise ConfigError(f"{message}; mend 'rpc' or 'chain_id'")

    async def _read_tokens(self, rpc: Rpc, pool: Pool) -> PoolTokens:
        if not await rpc.has_code(pool.address):
            raise ConfigError(f"no contract at {pool.address} on chain {self._chain_id}")
        block = (await rpc.latest_block()).number
        try:
            await rpc.call(pool.address, POOL, "slot0", block=block)
            tokens = [
                await rpc.call(pool.address, POOL, name, block=block)
                for name in ("token0", "token1")
            ]
            decimals0, decimals1 = [
                await rpc.call(token, TOKEN, "decimals", block=block) for token in tokens
            ]
        except Reverted as error:
            raise ConfigError(
                f"{pool.address} on chain {self._chain_id} is not a Uniswap v3 pool of two ERC-20 "
                f"tokens with decimals: {error}"
            ) from error
        return PoolTokens(decimals0, decimals1, base_is_token0=pool.base == "token0")

    async def _poll(self, rpc: Rpc) -> None:
        block = await rpc.latest_block()
        newest = self._newest
        if newest is not None and block.number < newest.number:
            self.refuse(self.name, "older_block")
            return
        if newest is not None and block.hash == newest.hash:
            return
        reads = [self._read_pool(rpc, pool, block) for pool in self._pools]
        for failure in await asyncio.gather(*reads, return_exceptions=True):
            if failure is not None:
                raise failure
        self._newest = block

    async def _read_pool(self, rpc: Rpc, pool: Pool, block: Block) -> None:
        try:
            self.deliver(await self._quote(rpc, pool, block))
        except Refused as error:
            self.refuse(pool.source, error.reason)

    async def _quote(self, rpc: Rpc, pool: Pool, block: Block) -> Quote:
        tokens, at = self._tokens[pool.source], block.number
        slot0 = await rpc.call(pool.address, POOL, "slot0", block=at)
        liquidity = await rpc.call(pool.address, POOL, "liquidity", block=at)
        if liquidity == 0:
            raise Refused("no_liquidity", f"{pool.source}: no liquidity at the price of block {at}")
        try:
            then, now = (await rpc.call(pool.address, POOL, "observe", [pool.twap_s, 0], block=at))[
                0
            ]
        except Reverted as error:
            raise Refused(
                "short_history", f"{pool.source}: no mean over {pool.twap_s} s"
            ) from error
        try:
            spot = spot_price(slot0[0], tokens)
            twap = tick_price(mean_tick(then, now, pool.twap_s), tokens)
            last = px_half_even_18(spot)
        except Rejected as error:
            raise Refused("malformed_last", f"{pool.source}: {error}") from error
        if deviation_bps(spot, twap) > self._max_deviation_bps:
            raise Refused("off_pool_twap", f"{pool.source}: too far from the pool's own mean")
        return Quote(
            source=pool.source,
            received_ns=self.now_ns(),
            event_ns=block.timestamp_s * _NS,
            last=last,
        )
