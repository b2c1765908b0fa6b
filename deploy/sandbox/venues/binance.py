"""Binance spot, USD-M and COIN-M futures.

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
            elif symbol := self.symbol_of(stream.split("@")[0].upper()):
                session.sent.pop((stream.split("@", 1)[1], symbol), None)
        await session.send({"result": None, "id": message["id"]})

    def _subscribe(self, session: Session, stream: str) -> None:
        """Take a stream; one of an unknown symbol stays silent, as at the venue."""
        market_id, _, channel = stream.partition("@")
        if (symbol := self.symbol_of(market_id.upper())) is not None:
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
        if channel == "aggTrade":
            return self._stream_trade(symbol, quote)
        return {
            "u": quote.step,
            "s": self.market_id(symbol),
            "b": quote.bid,
            "B": quote.bid_size,
            "a": quote.ask,
            "A": quote.ask_size,
        }

    def _stream_ticker(self, symbol: str, quote: Quote) -> Json:
        return {
            "e": "24hrTicker",
            "E": quote.event_ms,
            "s": self.market_id(symbol),
            "c": quote.last,
            "Q": quote.last_size,
            "b": quote.bid,
            "B": quote.bid_size,
            "a": quote.ask,
            "A": quote.ask_size,
            "O": quote.event_ms - 86_400_000,
            "C": quote.event_ms,
        }

    def _stream_trade(self, symbol: str, quote: Quote) -> Json:
        return {
            "e": "aggTrade",
            "E": quote.event_ms,
            "s": self.market_id(symbol),
            "a": quote.step,
            "p": quote.last,
            "q": quote.last_size,
            "f": quote.step,
            "l": quote.step,
            "T": quote.event_ms,
            "m": False,
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

    def _of_symbols(self, row: Callable[[str, Quote], Json]) -> Handler:
        """Answer for `symbol` (one object), `symbols` (a JSON list) or all.

        A row is made of one quote: prices of one step never stand beside the time of another.
        """

        async def handler(request: web.Request) -> web.Response:
            one = request.query.get("symbol")
            ids = [one] if one else json.loads(request.query.get("symbols", "null"))
            symbols = self.symbols if ids is None else [self.symbol_of(i) for i in ids]
            if None in symbols:
                return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
            rows = [row(symbol, self.quote(symbol)) for symbol in symbols if symbol is not None]
            return web.json_response(rows[0] if one else rows)

        return handler

    def _book_ticker(self, symbol: str, quote: Quote) -> Json:
        return {
            "symbol": self.market_id(symbol),
            "bidPrice": quote.bid,
            "bidQty": quote.bid_size,
            "askPrice": quote.ask,
            "askQty": quote.ask_size,
        }

    def _ticker_24hr(self, symbol: str, quote: Quote) -> Json:
        return {
            **self._book_ticker(symbol, quote),
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
    price_path: ClassVar[str] = "/fapi/v2/ticker/price"

    def ws_paths(self) -> tuple[str, ...]:
        """Paths that speak WebSocket, with and without the routing category."""
        return ("/ws", "/ws/{stream}", "/{category}/ws", "/{category}/ws/{stream}", "/stream")

    def interval_ms(self, channel: str) -> int:
        """Mark prices come every three seconds, or every one."""
        return {"markPrice": 3_000, "markPrice@1s": 1_000}.get(channel, 0)

    def rest(self) -> dict[str, Handler]:
        """REST paths and their handlers."""
        return {
            **super().rest(),
            f"{self.prefix}/premiumIndex": self._of_symbols(self._premium_index),
            self.price_path: self._of_symbols(self._price),
        }

    def payload(self, channel: str, symbol: str, quote: Quote) -> Json:
        """Make the payload of one stream."""
        if channel == "markPrice":
            return {
                "e": "markPriceUpdate",
                "E": quote.event_ms,
                "s": self.market_id(symbol),
                "p": quote.last,
                "i": f"{self.knobs.index_price(self.listing(symbol)):.8f}",
                "r": quote.funding,
                "T": _next_funding_ms(quote),
            }
        payload = super().payload(channel, symbol, quote)
        if channel == "bookTicker":
            payload |= {"e": "bookTicker", "E": quote.event_ms, "T": quote.event_ms}
        return payload

    def _instrument(self, symbol: str) -> Json:
        listing = self.listing(symbol)
        return {
            **super()._instrument(symbol),
            "pair": listing.base + listing.quote,
            "contractType": "PERPETUAL",
            "deliveryDate": 4_133_404_800_000,
            "onboardDate": 1_569_398_400_000,
            "marginAsset": listing.base if listing.inverse else listing.quote,
            "pricePrecision": listing.decimals,
            "quantityPrecision": 3,
        }

    def _book_ticker(self, symbol: str, quote: Quote) -> Json:
        return {**super()._book_ticker(symbol, quote), "time": quote.event_ms}

    def _price(self, symbol: str, quote: Quote) -> Json:
        return {"symbol": self.market_id(symbol), "price": quote.last, "time": quote.event_ms}

    def _premium_index(self, symbol: str, quote: Quote) -> Json:
        index = f"{self.knobs.index_price(self.listing(symbol)):.8f}"
        return {
            "symbol": self.market_id(symbol),
            "markPrice": quote.last,
            "indexPrice": index,
            "estimatedSettlePrice": index,
            "lastFundingRate": quote.funding,
            "interestRate": "0.00010000",
            "nextFundingTime": _next_funding_ms(quote),
            "time": quote.event_ms,
        }


class BinanceCoinM(BinanceUsdM):
    """`binancecoinm`: inverse perpetuals, sized in contracts of US dollars."""

    name = "binancecoinm"
    prefix = "/dapi/v1"
    price_path = "/dapi/v1/ticker/price"

    def ws_paths(self) -> tuple[str, ...]:
        """Paths that speak WebSocket."""
        return ("/ws", "/ws/{stream}", "/stream")

    def market_id(self, symbol: str) -> str:
        """Give the venue's own name of an instrument."""
        return f"{super().market_id(symbol)}_PERP"

    def _instrument(self, symbol: str) -> Json:
        instrument = super()._instrument(symbol)
        instrument["contractStatus"] = instrument.pop("status")
        return {**instrument, "contractSize": self.listing(symbol).contract}


def _next_funding_ms(quote: Quote) -> int:
    return (quote.event_ms // 28_800_000 + 1) * 28_800_000
