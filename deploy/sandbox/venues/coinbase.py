"""Coinbase Advanced Trade, public market data.

https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from deploy.sandbox.venues.dialect import Dialect, Handler, Json, Session, iso8601
from deploy.sandbox.venues.market import Quote

_PRODUCTS = "/api/v3/brokerage/market/products"
_CHANNELS = ("ticker", "ticker_batch", "market_trades")


class Coinbase(Dialect):
    """`coinbase`."""

    name = "coinbase"

    def rest(self) -> dict[str, Handler]:
        """REST paths and their handlers."""
        return {
            "/api/v3/brokerage/time": self._time,
            _PRODUCTS: self._products,
            f"{_PRODUCTS}/{{product_id}}/ticker": self._ticker,
        }

    def ws_paths(self) -> tuple[str, ...]:
        """Paths that speak WebSocket."""
        return ("/",)

    async def received(self, session: Session, message: Any) -> None:
        """Answer `subscribe` and `unsubscribe`."""
        kind = message.get("type") if isinstance(message, dict) else None
        channel = message.get("channel") if isinstance(message, dict) else None
        if kind not in ("subscribe", "unsubscribe") or channel not in (*_CHANNELS, "heartbeats"):
            await session.send({"type": "error", "message": f"unknown request {message!r:.200}"})
            return
        for symbol in (product.replace("-", "/") for product in message.get("product_ids", ())):
            if kind == "unsubscribe":
                session.sent.pop((channel, symbol), None)
            elif symbol in self.symbols:
                session.subscribe(channel, symbol)
        held: dict[str, list[str]] = {}
        for name, symbol in session.sent:
            held.setdefault(name, []).append(symbol.replace("/", "-"))
        await session.send(self._envelope(session, "subscriptions", [{"subscriptions": held}]))

    def frame(self, session: Session, channel: str, symbol: str, quote: Quote) -> object:
        """Make a `ticker` or `market_trades` frame; its time is that of the quote."""
        if channel == "market_trades":
            events = [{"type": "update", "trades": [_trade(symbol.replace("/", "-"), quote)]}]
            return self._envelope(session, channel, events, quote.event_ms)
        ticker = {
            "type": "ticker",
            "product_id": symbol.replace("/", "-"),
            "price": quote.last,
            "volume_24_h": "16038.28770938",
            "low_24_h": "",
            "high_24_h": "",
            "low_52_w": "",
            "high_52_w": "",
            "price_percent_chg_24_h": "0",
            "best_bid": quote.bid,
            "best_bid_quantity": quote.bid_size,
            "best_ask": quote.ask,
            "best_ask_quantity": quote.ask_size,
        }
        events = [{"type": "update", "tickers": [ticker]}]
        return self._envelope(session, channel, events, quote.event_ms)

    def _envelope(
        self, session: Session, channel: str, events: list[Json], time_ms: int | None = None
    ) -> Json:
        return {
            "channel": channel,
            "client_id": "",
            "timestamp": iso8601(self.now_ms() if time_ms is None else time_ms),
            "sequence_num": next(session.count),
            "events": events,
        }

    async def _time(self, _: web.Request) -> web.Response:
        now_ms = self.now_ms()
        return web.json_response(
            {
                "iso": iso8601(now_ms),
                "epochSeconds": str(now_ms // 1000),
                "epochMillis": str(now_ms),
            }
        )

    async def _products(self, request: web.Request) -> web.Response:
        asked = request.query.getall("product_ids", [])
        futures = request.query.get("product_type") == "FUTURE"
        products = [
            self._product(symbol)
            for symbol in self.symbols
            if not futures and (not asked or symbol.replace("/", "-") in asked)
        ]
        return web.json_response({"products": products, "num_products": len(products)})

    def _product(self, symbol: str) -> Json:
        listing = self.listing(symbol)
        increment = f"{10**-listing.decimals:.{listing.decimals}f}"
        return {
            "product_id": symbol.replace("/", "-"),
            "price": self.knobs.quote(self.name, symbol).last,
            "base_increment": "0.00000001",
            "quote_increment": increment,
            "quote_min_size": "1",
            "quote_max_size": "150000000",
            "base_min_size": "0.00000001",
            "base_max_size": "3400",
            "is_disabled": False,
            "status": "online",
            "trading_disabled": False,
            "product_type": "SPOT",
            "quote_currency_id": listing.quote,
            "base_currency_id": listing.base,
            "alias": "",
            "alias_to": [],
            "price_increment": increment,
            "display_name": symbol.replace("/", "-"),
            "product_venue": "CBE",
        }

    async def _ticker(self, request: web.Request) -> web.Response:
        symbol = request.match_info["product_id"].replace("-", "/")
        if symbol not in self.symbols:
            return web.json_response(
                {"error": "NOT_FOUND", "message": "valid product_id is required"}, status=404
            )
        quote = self.quote(symbol)
        trade = {**_trade(request.match_info["product_id"], quote), "bid": "", "ask": ""}
        return web.json_response({"trades": [trade], "best_bid": quote.bid, "best_ask": quote.ask})


def _trade(product_id: str, quote: Quote) -> Json:
    return {
        "trade_id": str(quote.step),
        "product_id": product_id,
        "price": quote.last,
        "size": quote.last_size,
        "time": iso8601(quote.event_ms),
        "side": "BUY",
    }
