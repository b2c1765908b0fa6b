"""Binance spot and USD-M futures.

https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams and
https://developers.binance.com/docs/derivatives/usds-margined-futures
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar

from aiohttp import web

from deploy.sandbox.venues.dialect import Dialect, Handler, Json, Session
from deploy.sandbox.venues.market import Quote


class _Binance(Dialect):
    """What spot and futures share."""

    prefix: ClassVar[str]

    def rest(self) -> dict[str, Handler]:
        """REST paths and their handlers."""
        return {
            f"{self.prefix}/ping": self._ping,
            f"{self.prefix}/time": self._time,
            f"{self.prefix}/exchangeInfo": self._exchange_info,
            f"{self.prefix}/ticker/bookTicker": self._of_symbols(self._book_ticker),
            f"{self.prefix}/ticker/24hr": self._of_symbols(self._ticker_24hr),
        }

    def market_id(self, symbol: str) -> str:
        """Give the venue's own name of an instrument."""
        listing = self.listing(symbol)
        return listing.base + listing.quote

    def symbol_of(self, market_id: str) -> str | None:
        """Give the symbol behind the venue's own name."""
        return next((s for s in self.symbols if self.market_id(s) == market_id.upper()), None)

    async def opened(self, session: Session) -> None:
        """Subscribe what the address names: `/ws/<stream>` or `/stream?streams=a/b`."""
        named = session.query.get("streams", "").split("/")
        if "@" in (last := session.path.rsplit("/", 1)[-1]):
            named.append(last)
        for stream in filter(None, named):
            self._subscribe(session, stream)

    async def received(self, session: Session, message: Any) -> None:
        """Answer SUBSCRIBE and UNSUBSCRIBE."""
        method = message.get("method") if isinstance(message, dict) else None
        if method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
            await session.send({"error": {"code": 2, "msg": "Invalid request"}, "id": None})
            return
        for stream in message["params"]:
            if method == "SUBSCRIBE":
                self._subscribe(session, stream)
            elif symbol := self.symbol_of(stream.split("@")[0]):
                session.sent.pop((stream.split("@", 1)[1], symbol), None)
        await session.send({"result": None, "id": message["id"]})

    def _subscribe(self, session: Session, stream: str) -> None:
        """Take a stream; one of an unknown symbol stays silent, as at the venue."""
        market_id, _, channel = stream.partition("@")
        if (symbol := self.symbol_of(market_id)) is not None:
            session.subscribe(channel, symbol)

    def frame(self, session: Session, channel: str, symbol: str, quote: Quote) -> object:
        """Make a frame, wrapped where the address is that of combined streams."""
        data = self.payload(channel.partition("@")[0], symbol, quote)
        if "/stream" not in session.path:
            return data
        return {"stream": f"{self.market_id(symbol).lower()}@{channel}", "data": data}

    def payload(self, channel: str, symbol: str, quote: Quote) -> Json:
        """Make the payload of one stream."""
        if channel == "ticker":
            return self._stream_ticker(symbol, quote)
        return {
            "u": quote.step,
            "s": self.market_id(symbol),
            "b": quote.bid,
            "B": "1.43278800",
            "a": quote.ask,
            "A": "2.52500800",
        }

    def _stream_ticker(self, symbol: str, quote: Quote) -> Json:
        return {
            "e": "24hrTicker",
            "E": quote.event_ms,
            "s": self.market_id(symbol),
            "c": quote.last,
            "Q": "0.1",
            "b": quote.bid,
            "B": "1.43278800",
            "a": quote.ask,
            "A": "2.52500800",
            "O": quote.event_ms - 86_400_000,
            "C": quote.event_ms,
        }

    async def _ping(self, _: web.Request) -> web.Response:
        return web.json_response({})

    async def _time(self, _: web.Request) -> web.Response:
        return web.json_response({"serverTime": self.now_ms()})

    async def _exchange_info(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "timezone": "UTC",
                "serverTime": self.now_ms(),
                "rateLimits": [],
                "exchangeFilters": [],
                "symbols": [self._instrument(symbol) for symbol in self.symbols],
            }
        )

    def _instrument(self, symbol: str) -> Json:
        listing = self.listing(symbol)
        return {
            "symbol": self.market_id(symbol),
            "status": "TRADING",
            "baseAsset": listing.base,
            "quoteAsset": listing.quote,
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "filters": [
                {"filterType": "PRICE_FILTER", "tickSize": f"{10**-listing.decimals:.8f}"},
                {"filterType": "LOT_SIZE", "stepSize": "0.00001000"},
            ],
        }

    def _of_symbols(self, row: Callable[[str], Json]) -> Handler:
        """Answer for `symbol` (one object), `symbols` (a JSON list) or all."""

        async def handler(request: web.Request) -> web.Response:
            one = request.query.get("symbol")
            ids = [one] if one else json.loads(request.query.get("symbols", "null"))
            symbols = self.symbols if ids is None else [self.symbol_of(i) for i in ids]
            if None in symbols:
                return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
            rows = [row(symbol) for symbol in symbols if symbol is not None]
            return web.json_response(rows[0] if one else rows)

        return handler

    def _book_ticker(self, symbol: str) -> Json:
        quote = self.quote(symbol)
        return {
            "symbol": self.market_id(symbol),
            "bidPrice": quote.bid,
            "bidQty": "1.43278800",
            "askPrice": quote.ask,
            "askQty": "2.52500800",
        }

    def _ticker_24hr(self, symbol: str) -> Json:
        quote = self.quote(symbol)
        return {
            **self._book_ticker(symbol),
            "lastPrice": quote.last,
            "openTime": quote.event_ms - 86_400_000,
            "closeTime": quote.event_ms,
        }


class BinanceSpot(_Binance):
    """`binance`: bookTicker states no time, here as there."""

    name = "binance"
    prefix = "/api/v3"

    def ws_paths(self) -> tuple[str, ...]:
        """Paths that speak WebSocket."""
        return ("/ws", "/ws/{stream}", "/stream")


class BinanceUsdM(_Binance):
    """`binanceusdm`: perpetuals with a mark price and a premium to the index."""

    name = "binanceusdm"
    prefix = "/fapi/v1"

    def ws_paths(self) -> tuple[str, ...]:
        """Paths that speak WebSocket, with and without the routing category."""
        return ("/ws", "/ws/{stream}", "/{category}/ws", "/{category}/ws/{stream}", "/stream")

    def rest(self) -> dict[str, Handler]:
        """REST paths and their handlers."""
        premium = self._of_symbols(self._premium_index)
        return {**super().rest(), f"{self.prefix}/premiumIndex": premium}

    def payload(self, channel: str, symbol: str, quote: Quote) -> Json:
        """Make the payload of one stream."""
        if channel == "markPrice":
            premium = self._premium_index(symbol)
            return {
                "e": "markPriceUpdate",
                "E": quote.event_ms,
                "s": premium["symbol"],
                "p": premium["markPrice"],
                "i": premium["indexPrice"],
                "r": premium["lastFundingRate"],
                "T": premium["nextFundingTime"],
            }
        payload = super().payload(channel, symbol, quote)
        if channel == "bookTicker":
            payload |= {"e": "bookTicker", "E": quote.event_ms, "T": quote.event_ms}
        return payload

    def _instrument(self, symbol: str) -> Json:
        return {
            **super()._instrument(symbol),
            "pair": self.market_id(symbol),
            "contractType": "PERPETUAL",
            "deliveryDate": 4_133_404_800_000,
            "onboardDate": 1_569_398_400_000,
            "marginAsset": "USDT",
            "pricePrecision": self.listing(symbol).decimals,
            "quantityPrecision": 3,
        }

    def _book_ticker(self, symbol: str) -> Json:
        return {**super()._book_ticker(symbol), "time": self.quote(symbol).event_ms}

    def _premium_index(self, symbol: str) -> Json:
        quote, listing = self.quote(symbol), self.listing(symbol)
        index = self.knobs.index_price(listing)
        mark = f"{(float(quote.bid) + float(quote.ask)) / 2:.8f}"
        return {
            "symbol": self.market_id(symbol),
            "markPrice": mark,
            "indexPrice": f"{index:.8f}",
            "estimatedSettlePrice": f"{index:.8f}",
            "lastFundingRate": f"{(float(mark) / index - 1) / 3:.8f}",
            "interestRate": "0.00010000",
            "nextFundingTime": (quote.event_ms // 28_800_000 + 1) * 28_800_000,
            "time": quote.event_ms,
        }
