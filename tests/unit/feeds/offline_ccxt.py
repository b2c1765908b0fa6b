"""A feed's real ccxt.pro parser without a network: frames in, quotes out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMessage, WSMsgType
from prometheus_client import CollectorRegistry

from feeds.cex.ccxt_feed import CcxtFeed
from feeds.cex.client import build_exchange, closing
from feeds.cex.venues import VENUES
from feeds.metrics import FeedMetrics
from feeds.quote import Quote

RECEIVED_NS = 1_800_000_000_000_000_000
Market = Sequence[str]
"""Venue id, base, quote, and for a perpetual the settle currency and the contract size (1)."""


def symbol_of(market: Market) -> str:
    """Give the unified symbol."""
    return f"{market[1]}/{market[2]}" + (f":{market[3]}" if len(market) > 3 else "")


class OfflineFeed(CcxtFeed):
    """Keeps the quotes it parsed, and pushes frames into ccxt's own receive path."""

    def __init__(self, venue: str, markets: Sequence[Market], *, trades: bool) -> None:
        self.registry = CollectorRegistry()
        self.quotes: list[Quote] = []
        self.client: Any = None
        self.progressed = False
        super().__init__(
            venue,
            [symbol_of(market) for market in markets],
            now_ns=lambda: RECEIVED_NS,
            metrics=FeedMetrics(self.registry),
            trades=trades,
        )

    def deliver(self, quote: Quote, *, progress: bool = True) -> None:
        self.quotes.append(quote)
        self.progressed = progress

    def push(self, text: str) -> list[Quote]:
        """Hand one text frame to ccxt and return the quotes that came of it."""
        self.quotes.clear()
        self.client.handle_message(WSMessage(WSMsgType.TEXT, text, None))
        return list(self.quotes)

    def refused(self) -> dict[tuple[str, str], float]:
        """Read the refusals counted so far by (subject, reason)."""
        return {
            (sample.labels["source"], sample.labels["reason"]): sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
            if sample.name == "plumbline_feed_refused_total"
        }


@asynccontextmanager
async def offline(
    venue: str, markets: Sequence[Market], url: str = "ws://venue", *, trades: bool = False
) -> AsyncIterator[OfflineFeed]:
    """Make a feed whose ccxt exchange knows these markets and has an unconnected client."""
    feed = OfflineFeed(venue, markets, trades=trades)
    exchange = build_exchange(VENUES[venue], "ws", rest_url=None, ws_url=None, timeout_s=1)
    async with closing(exchange):
        exchange.set_markets([_market(exchange, market) for market in markets])
        feed.attach(exchange)
        feed.client = exchange.client(url)
        yield feed


def _market(exchange: Any, market: Market) -> dict[str, Any]:
    market_id, base, quote = market[:3]
    perpetual = len(market) > 3
    settle = market[3] if perpetual else None
    known: dict[str, Any] = exchange.safe_market_structure(
        {
            "id": market_id,
            "lowercaseId": market_id.lower(),
            "symbol": symbol_of(market),
            "base": base,
            "quote": quote,
            "settle": settle,
            "baseId": base,
            "quoteId": quote,
            "type": "swap" if perpetual else "spot",
            "spot": not perpetual,
            "swap": perpetual,
            "contract": perpetual,
            "linear": settle != base if perpetual else None,
            "inverse": settle == base if perpetual else None,
            "contractSize": float(market[4]) if len(market) > 4 else 1.0 if perpetual else None,
            "active": True,
        }
    )
    return known
