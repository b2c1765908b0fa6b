"""Feeds from their configuration: to add a kind, add its case here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from feeds.metrics import FeedMetrics
from oracle.config.deployment import FeedConfig
from oracle.model.ticks import Tick


class AnyFeed(Protocol):
    """What the composition needs of a feed."""

    @property
    def name(self) -> str:
        """The feed's name in logs and metrics."""
        ...

    async def run(self, publish: Callable[[Sequence[Tick]], Awaitable[None]]) -> None:
        """Serve until cancelled or, for a replay, until the end."""
        ...


def build_feed(config: FeedConfig, metrics: FeedMetrics, now_ns: Callable[[], int]) -> AnyFeed:
    """Build one feed.

    Raises:
        ConfigError: an unknown venue, mode or file.
    """
    match config.kind:
        case "ccxt":
            from feeds.base import Pace
            from feeds.cex.ccxt_feed import CcxtFeed

            return CcxtFeed(
                config.venue,
                config.symbols,
                now_ns=now_ns,
                metrics=metrics,
                mode=config.mode,
                rest_url=config.rest_url,
                ws_url=config.ws_url,
                poll_ms=config.poll // 1_000_000,
                pace=Pace(idle_s=config.idle / 1e9),
                trades=config.trades,
            )
        case "uniswap3":
            from feeds.base import Pace
            from feeds.evm.uniswap3 import Pool, Uniswap3Feed

            return Uniswap3Feed(
                config.rpc,
                config.chain_id,
                [Pool(pool.address, pool.base, pool.twap // 10**9) for pool in config.pools],
                now_ns=now_ns,
                metrics=metrics,
                poll_s=config.poll / 1e9,
                timeout_s=config.timeout / 1e9,
                max_twap_deviation_bps=config.max_twap_deviation,
                pace=Pace(idle_s=config.idle / 1e9),
            )
        case "replay":
            from feeds.replay import ReplayFeed

            return ReplayFeed(config.files, speed=config.speed, metrics=metrics)
