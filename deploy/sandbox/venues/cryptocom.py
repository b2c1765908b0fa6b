"""Crypto.com Exchange v1, public data: a third origin of USDT/USD.

https://exchange-docs.crypto.com/exchange/v1/rest-ws/index.html
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from deploy.sandbox.venues.dialect import Dialect, Handler, Json, Session
from deploy.sandbox.venues.market import Quote


class CryptoCom(Dialect):
    """`cryptocom`."""

    name = "cryptocom"
    heartbeat_s = 30.0

    def rest(self) -> dict[str, Handler]:
        """REST paths and their handlers."""
        return {
            "/exchange/v1/public/get-instruments": self._instruments,
            "/exchange/v1/public/get-tickers": self._tickers,
            "/exchange/v1/public/get-valuations": self._valuations,
        }

    def market_id(self, symbol: str) -> str:
        """Give the venue's own name of an instrument."""
        listing = self.listing(symbol)
        if listing.perpetual:
            return f"{listing.base}{listing.quote}-PERP"
        return f"{listing.base}_{listing.quote}"

    def ws_paths(self) -> tuple[str, ...]:
        """Paths that speak WebSocket."""
        return ("/exchange/v1/market",)

    async def beat(self, session: Session) -> None:
        """Ask whether the client lives."""
        await session.send({"id": self.now_ms(), "method": "public/heartbeat", "code": 0})

    async def received(self, session: Session, message: Any) -> None:
        """Answer `subscribe` and `unsubscribe`; take `public/respond-heartbeat`."""
        method = message.get("method") if isinstance(message, dict) else None
        if method == "public/respond-heartbeat":
            return
        if method not in ("subscribe", "unsubscribe"):
            await session.send({"id": None, "code": 40003, "message": "INVALID_REQUEST"})
            return
        for name in message["params"]["channels"]:
            channel, _, instrument = name.partition(".")
            symbol = self.symbol_of(instrument)
            if channel not in ("ticker", "trade") or symbol is None:
                text = {"channel": name, "message": f"Unknown symbol {instrument}"}
                await session.send(
                    {"id": message.get("id"), "method": method, "code": 40003, **text}
                )
                continue
            if method == "subscribe":
                session.subscribe(channel, symbol)
            else:
                session.sent.pop((channel, symbol), None)
        await session.send({"id": message.get("id"), "method": method, "code": 0})

    def frame(
        self,
        session: Session,  # noqa: ARG002  other venues number frames by session
        channel: str,
        symbol: str,
        quote: Quote,
    ) -> object:
        """Make a `ticker` or `trade` frame."""
        instrument = self.market_id(symbol)
        row = _ticker if channel == "ticker" else _trade
        result = {
            "instrument_name": instrument,
            "subscription": f"{channel}.{instrument}",
            "channel": channel,
            "data": [row(instrument, quote)],
        }
        return {"id": -1, "method": "subscribe", "code": 0, "result": result}

    async def _instruments(self, _: web.Request) -> web.Response:
        rows = [self._instrument(symbol) for symbol in self.symbols]
        return _answer("public/get-instruments", rows)

    def _instrument(self, symbol: str) -> Json:
        listing = self.listing(symbol)
        return {
            "symbol": self.market_id(symbol),
            "inst_type": "PERPETUAL_SWAP" if listing.perpetual else "CCY_PAIR",
            "display_name": symbol,
            "base_ccy": listing.base,
            "quote_ccy": listing.quote,
            "quote_decimals": listing.decimals,
            "quantity_decimals": 5,
            "price_tick_size": f"{10**-listing.decimals:.{listing.decimals}f}",
            "qty_tick_size": "0.00001",
            "max_leverage": "50",
            "tradable": True,
            "expiry_timestamp_ms": 0,
            **({"contract_size": "1"} if listing.perpetual else {}),
        }

    async def _tickers(self, request: web.Request) -> web.Response:
        asked = request.query.get("instrument_name")
        rows = [
            _ticker(self.market_id(symbol), self.quote(symbol))
            for symbol in self.symbols
            if asked is None or self.market_id(symbol) == asked
        ]
        return _answer("public/get-tickers", rows)

    async def _valuations(self, request: web.Request) -> web.Response:
        symbol = self.symbol_of(request.query.get("instrument_name", ""))
        kind = request.query.get("valuation_type")
        if symbol is None or kind != "estimated_funding_rate":
            return web.json_response({"id": -1, "code": 40003, "message": "INVALID"}, status=400)
        quote = self.quote(symbol)
        row = {"v": quote.funding, "t": quote.event_ms // 3_600_000 * 3_600_000}
        return _answer("public/get-valuations", [row])


def _ticker(instrument: str, quote: Quote) -> Json:
    return {
        "i": instrument,
        "h": quote.ask,
        "l": quote.bid,
        "a": quote.last,
        "v": "1767.8734",
        "vv": "52436726.42",
        "c": "0.0000",
        "b": quote.bid,
        "bs": quote.bid_size,
        "k": quote.ask,
        "ks": quote.ask_size,
        "t": quote.event_ms,
    }


def _trade(instrument: str, quote: Quote) -> Json:
    return {
        "d": str(quote.step),
        "s": "BUY",
        "p": quote.last,
        "q": quote.last_size,
        "t": quote.event_ms,
        "i": instrument,
    }


def _answer(method: str, rows: list[Json]) -> web.Response:
    return web.json_response({"id": -1, "method": method, "code": 0, "result": {"data": rows}})
