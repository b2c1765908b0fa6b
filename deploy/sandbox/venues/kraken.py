"""Kraken: REST v0 and WebSocket v2.

https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/ticker
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from deploy.sandbox.venues.dialect import Dialect, Handler, Json, Session, iso8601
from deploy.sandbox.venues.market import Quote

_KRAKEN_CODE = {"BTC": "XXBT", "ETH": "XETH", "USDT": "USDT", "USD": "ZUSD"}
_ALT_CODE = {"BTC": "XBT"}


class Kraken(Dialect):
    """`kraken`: v2 frames carry JSON numbers; over REST nothing has a time."""

    name = "kraken"

    def rest(self) -> dict[str, Handler]:
        """REST paths and their handlers."""
        return {
            "/0/public/Time": self._time,
            "/0/public/SystemStatus": self._status,
            "/0/public/AssetPairs": self._pairs,
            "/0/public/Ticker": self._ticker,
        }

    def ws_paths(self) -> tuple[str, ...]:
        """Paths that speak WebSocket."""
        return ("/v2",)

    async def opened(self, session: Session) -> None:
        """Send the status that opens every connection."""
        status = {"api_version": "v2", "connection_id": 1, "system": "online", "version": "2.0.0"}
        await session.send({"channel": "status", "type": "update", "data": [status]})

    async def beat(self, session: Session) -> None:
        """Send the heartbeat that subscribed connections get."""
        if session.sent:
            await session.send({"channel": "heartbeat"})

    async def received(self, session: Session, message: Any) -> None:
        """Answer `ping`, `subscribe` and `unsubscribe`."""
        method = message.get("method") if isinstance(message, dict) else None
        stamps = {"time_in": iso8601(self.now_ms()), "time_out": iso8601(self.now_ms())}
        answer = {"method": method, "req_id": message.get("req_id") if method else None, **stamps}
        if method == "ping":
            await session.send({**answer, "method": "pong"})
            return
        params = message.get("params", {}) if method in ("subscribe", "unsubscribe") else {}
        channel = params.get("channel")
        if channel not in ("ticker", "trade"):
            await session.send({**answer, "success": False, "error": "Malformed request"})
            return
        for symbol in params["symbol"]:
            if symbol not in self.symbols:
                error = f"Currency pair not supported {symbol}"
                await session.send({**answer, "success": False, "symbol": symbol, "error": error})
                continue
            if method == "subscribe":
                session.subscribe(channel, symbol)
            else:
                session.sent.pop((channel, symbol), None)
            result = {"channel": channel, "symbol": symbol, "snapshot": True}
            await session.send({**answer, "success": True, "result": result})

    def frame(self, session: Session, channel: str, symbol: str, quote: Quote) -> object:
        """Make a `ticker` or `trade` frame as text, so that prices stay the venue's digits."""
        if channel == "trade":
            numbers = {"price": quote.last, "qty": quote.last_size}
            rest = f'"side":"buy","ord_type":"market","trade_id":{quote.step}'
        else:
            numbers = {
                "bid": quote.bid,
                "bid_qty": quote.bid_size,
                "ask": quote.ask,
                "ask_qty": quote.ask_size,
                "last": quote.last,
                "vwap": quote.last,
            }
            rest = '"volume":2158.32346723,"change":0.0,"change_pct":0.0'
        fields = ",".join(f'"{name}":{_json_number(text)}' for name, text in numbers.items())
        kind = "snapshot" if next(session.count) == 0 else "update"
        return (
            f'{{"channel":"{channel}","type":"{kind}","data":[{{"symbol":"{symbol}",{fields},'
            f'{rest},"timestamp":"{iso8601(quote.event_ms)}"}}]}}'
        )

    def _pair_id(self, symbol: str) -> str:
        listing = self.listing(symbol)
        return _KRAKEN_CODE[listing.base] + _KRAKEN_CODE[listing.quote]

    async def _time(self, _: web.Request) -> web.Response:
        return _result({"unixtime": self.now_ms() // 1000, "rfc1123": ""})

    async def _status(self, _: web.Request) -> web.Response:
        return _result({"status": "online", "timestamp": iso8601(self.now_ms())})

    async def _pairs(self, _: web.Request) -> web.Response:
        return _result({self._pair_id(symbol): self._pair(symbol) for symbol in self.symbols})

    def _pair(self, symbol: str) -> Json:
        listing = self.listing(symbol)
        alt = _ALT_CODE.get(listing.base, listing.base)
        return {
            "altname": f"{alt}{listing.quote}",
            "wsname": f"{alt}/{listing.quote}",
            "aclass_base": "currency",
            "base": _KRAKEN_CODE[listing.base],
            "aclass_quote": "currency",
            "quote": _KRAKEN_CODE[listing.quote],
            "lot": "unit",
            "pair_decimals": listing.decimals,
            "lot_decimals": 8,
            "lot_multiplier": 1,
            "leverage_buy": [],
            "leverage_sell": [],
            "fees": [[0, 0.26]],
            "fees_maker": [[0, 0.16]],
            "fee_volume_currency": "ZUSD",
            "margin_call": 80,
            "margin_stop": 40,
            "ordermin": "0.0001",
            "costmin": "0.5",
            "tick_size": f"{10**-listing.decimals:.{listing.decimals}f}",
            "status": "online",
        }

    async def _ticker(self, request: web.Request) -> web.Response:
        asked = request.query.get("pair")
        by_id = {self._pair_id(symbol): symbol for symbol in self.symbols}
        ids = asked.split(",") if asked else list(by_id)
        if not set(ids) <= set(by_id):
            return web.json_response({"error": ["EQuery:Unknown asset pair"]})
        return _result({pair_id: self._ticker_row(by_id[pair_id]) for pair_id in ids})

    def _ticker_row(self, symbol: str) -> Json:
        quote = self.quote(symbol)
        return {
            "a": [quote.ask, "1", quote.ask_size],
            "b": [quote.bid, "2", quote.bid_size],
            "c": [quote.last, quote.last_size],
            "v": ["4147.94474901", "8896.96086304"],
            "p": [quote.last, quote.last],
            "t": [3907, 10056],
            "l": [quote.bid, quote.bid],
            "h": [quote.ask, quote.ask],
            "o": quote.last,
        }


def _json_number(text: str) -> str:
    """Write price text as a JSON number; garbage that is none stays a string."""
    try:
        float(text)
    except ValueError:
        return f'"{text}"'
    return "null" if text == "NaN" else text


def _result(result: Json) -> web.Response:
    return web.json_response({"error": [], "result": result})
