"""Kraken Futures, public data of linear perpetuals.

https://docs.kraken.com/exchange/api-reference/futures-websocket/ticker
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from deploy.sandbox.venues.dialect import Dialect, Handler, Json, Session, iso8601
from deploy.sandbox.venues.market import Quote

_FEEDS = ("ticker", "trade")
_HOUR_MS = 3_600_000


class KrakenFutures(Dialect):
    """`krakenfutures`: JSON numbers; rates by the hour, relative and as an amount."""

    name = "krakenfutures"

    def rest(self) -> dict[str, Handler]:
        """REST paths and their handlers."""
        return {
            "/derivatives/api/v3/instruments": self._instruments,
            "/derivatives/api/v3/tickers": self._tickers,
        }

    def ws_paths(self) -> tuple[str, ...]:
        """Paths that speak WebSocket."""
        return ("/ws/v1",)

    def market_id(self, symbol: str) -> str:
        """Give the venue's own name of an instrument."""
        listing = self.listing(symbol)
        return f"PF_{ {'BTC': 'XBT'}.get(listing.base, listing.base) }{listing.quote}"

    def interval_ms(self, channel: str) -> int:
        """Tickers come once a second."""
        return 1_000 if channel == "ticker" else 0

    async def opened(self, session: Session) -> None:
        """Send the version that opens every connection."""
        await session.send({"event": "info", "version": 1})

    async def received(self, session: Session, message: Any) -> None:
        """Answer `subscribe` and `unsubscribe`."""
        event = message.get("event") if isinstance(message, dict) else None
        feed = message.get("feed") if isinstance(message, dict) else None
        if event not in ("subscribe", "unsubscribe") or feed not in _FEEDS:
            await session.send({"event": "alert", "message": "Bad request"})
            return
        for market_id in message["product_ids"]:
            symbol = self.symbol_of(market_id)
            if symbol is None:
                await session.send({"event": "alert", "message": "Invalid product id"})
                return
            if event == "subscribe":
                session.subscribe(feed, symbol)
            else:
                session.sent.pop((feed, symbol), None)
        await session.send({**message, "event": f"{event}d"})

    def frame(
        self,
        session: Session,  # noqa: ARG002  other venues number frames by session
        channel: str,
        symbol: str,
        quote: Quote,
    ) -> object:
        """Make a `ticker` or `trade` frame."""
        common = {"feed": channel, "product_id": self.market_id(symbol), "time": quote.event_ms}
        if channel == "trade":
            return {
                **common,
                "uid": str(quote.step),
                "seq": quote.step,
                "side": "buy",
                "type": "fill",
                "qty": _number(quote.last_size),
                "price": _number(quote.last),
            }
        return {
            **common,
            "bid": _number(quote.bid),
            "ask": _number(quote.ask),
            "bid_size": _number(quote.bid_size),
            "ask_size": _number(quote.ask_size),
            "last": _number(quote.last),
            "relative_funding_rate": _number(quote.funding),
            "next_funding_rate_time": (quote.event_ms // _HOUR_MS + 1) * _HOUR_MS,
            "tag": "perpetual",
            "suspended": False,
        }

    async def _instruments(self, _: web.Request) -> web.Response:
        rows = [self._instrument(symbol) for symbol in self.symbols]
        return web.json_response({"result": "success", "instruments": rows})

    def _instrument(self, symbol: str) -> Json:
        listing = self.listing(symbol)
        return {
            "symbol": self.market_id(symbol),
            "type": "flexible_futures",
            "underlying": "",
            "tickSize": 10**-listing.decimals,
            "contractSize": 1,
            "tradeable": True,
            "contractValueTradePrecision": 4,
            "base": listing.base,
            "quote": listing.quote,
            "openingDate": "2022-01-01T00:00:00.000Z",
        }

    async def _tickers(self, _: web.Request) -> web.Response:
        rows = [self._row(symbol, self.quote(symbol)) for symbol in self.symbols]
        return web.json_response(
            {"result": "success", "tickers": rows, "serverTime": iso8601(self.now_ms())}
        )

    def _row(self, symbol: str, quote: Quote) -> Json:
        return {
            "symbol": self.market_id(symbol),
            "tag": "perpetual",
            "bid": _number(quote.bid),
            "bidSize": _number(quote.bid_size),
            "ask": _number(quote.ask),
            "askSize": _number(quote.ask_size),
            "last": _number(quote.last),
            "lastTime": iso8601(quote.event_ms),
            "lastSize": _number(quote.last_size),
            "markPrice": _number(quote.last),
            "fundingRate": float(quote.funding) * float(quote.last),
            "suspended": False,
        }


def _number(text: str) -> Any:
    """Give a JSON number; garbage that is none stays text."""
    try:
        return None if text == "NaN" else float(text)
    except ValueError:
        return text
