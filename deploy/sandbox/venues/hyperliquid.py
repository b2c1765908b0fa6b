"""Hyperliquid, public data of perpetuals.

https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/websocket/subscriptions
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from deploy.sandbox.venues.dialect import Dialect, Handler, Json, Session
from deploy.sandbox.venues.market import Quote

_CHANNELS = ("l2Book", "trades", "activeAssetCtx")


class Hyperliquid(Dialect):
    """`hyperliquid`: one address for every question; rates by the hour, and without a time."""

    name = "hyperliquid"

    def rest(self) -> dict[str, Handler]:
        """REST paths and their handlers."""
        return {}

    def posts(self) -> dict[str, Handler]:
        """REST paths that take their question as a body, and their handlers."""
        return {"/info": self._info}

    def ws_paths(self) -> tuple[str, ...]:
        """Paths that speak WebSocket."""
        return ("/ws",)

    def market_id(self, symbol: str) -> str:
        """Give the venue's own name of an instrument."""
        return self.listing(symbol).base

    def interval_ms(self, channel: str) -> int:
        """Books come twice a second."""
        return 500 if channel == "l2Book" else 0

    async def received(self, session: Session, message: Any) -> None:
        """Answer `ping`, `subscribe` and `unsubscribe`."""
        method = message.get("method") if isinstance(message, dict) else None
        if method == "ping":
            await session.send({"channel": "pong"})
            return
        asked = message.get("subscription", {}) if method in ("subscribe", "unsubscribe") else {}
        channel, symbol = asked.get("type"), self.symbol_of(asked.get("coin", ""))
        if channel not in _CHANNELS or symbol is None:
            await session.send({"channel": "error", "data": f"Invalid subscription {asked}"})
            return
        if method == "subscribe":
            session.subscribe(channel, symbol)
        else:
            session.sent.pop((channel, symbol), None)
        data = {"method": method, "subscription": asked}
        await session.send({"channel": "subscriptionResponse", "data": data})

    def frame(
        self,
        session: Session,  # noqa: ARG002  other venues number frames by session
        channel: str,
        symbol: str,
        quote: Quote,
    ) -> object:
        """Make a frame of any channel."""
        data: Any
        if channel == "l2Book":
            data = self._book(symbol, quote)
        elif channel == "trades":
            data = [self._trade(symbol, quote)]
        else:
            data = {"coin": self.market_id(symbol), "ctx": self._context(symbol, quote)}
        return {"channel": channel, "data": data}

    def _book(self, symbol: str, quote: Quote) -> Json:
        levels = [
            [{"px": quote.bid, "sz": quote.bid_size, "n": 1}],
            [{"px": quote.ask, "sz": quote.ask_size, "n": 1}],
        ]
        return {"coin": self.market_id(symbol), "time": quote.event_ms, "levels": levels}

    def _trade(self, symbol: str, quote: Quote) -> Json:
        return {
            "coin": self.market_id(symbol),
            "side": "B",
            "px": quote.last,
            "sz": quote.last_size,
            "time": quote.event_ms,
            "hash": f"0x{quote.step:064x}",
            "tid": quote.step,
            "users": ["0x" + "0" * 40, "0x" + "0" * 40],
        }

    def _context(self, symbol: str, quote: Quote) -> Json:
        listing = self.listing(symbol)
        return {
            "funding": quote.funding,
            "openInterest": "688.11",
            "prevDayPx": quote.last,
            "dayNtlVlm": "1169046.29406",
            "oraclePx": f"{self.knobs.index_price(listing):.{listing.decimals}f}",
            "markPx": quote.last,
            "midPx": quote.last,
            "impactPxs": [quote.bid, quote.ask],
        }

    async def _info(self, request: web.Request) -> web.Response:
        asked = await request.json()
        kind = asked.get("type")
        if kind == "metaAndAssetCtxs":
            universe = [
                {"name": self.market_id(symbol), "szDecimals": 4, "maxLeverage": 50}
                for symbol in self.symbols
            ]
            contexts = [self._context(symbol, self.quote(symbol)) for symbol in self.symbols]
            return web.json_response([{"universe": universe}, contexts])
        symbol = self.symbol_of(asked.get("coin", ""))
        if kind != "l2Book" or symbol is None:
            return web.json_response("Failed to deserialize the JSON body", status=422)
        return web.json_response(self._book(symbol, self.quote(symbol)))
