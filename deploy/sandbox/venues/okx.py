"""OKX v5, public spot data. https://www.okx.com/docs-v5/en/#order-book-trading-market-data"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from deploy.sandbox.venues.dialect import Dialect, Handler, Json, Session
from deploy.sandbox.venues.market import Quote

_CHANNELS = ("tickers", "bbo-tbt")


class Okx(Dialect):
    """`okx`."""

    name = "okx"

    def rest(self) -> dict[str, Handler]:
        """REST paths and their handlers."""
        return {
            "/api/v5/public/time": self._time,
            "/api/v5/public/instruments": self._instruments,
            "/api/v5/market/tickers": self._tickers,
            "/api/v5/market/ticker": self._tickers,
        }

    def ws_paths(self) -> tuple[str, ...]:
        """Paths that speak WebSocket."""
        return ("/ws/v5/public",)

    async def received(self, session: Session, message: Any) -> None:
        """Answer the text `ping`, `subscribe` and `unsubscribe`."""
        if message == "ping":
            await session.send("pong")
            return
        op = message.get("op") if isinstance(message, dict) else None
        if op not in ("subscribe", "unsubscribe"):
            await session.send(_error("60012", f"Illegal request: {message!r:.200}"))
            return
        for arg in message["args"]:
            channel, symbol = arg["channel"], arg["instId"].replace("-", "/")
            if channel not in _CHANNELS or symbol not in self.symbols:
                text = f"channel:{channel},instId:{arg['instId']} doesn't exist"
                await session.send(_error("60018", text))
                continue
            if op == "subscribe":
                session.subscribe(channel, symbol)
            else:
                session.sent.pop((channel, symbol), None)
            await session.send({"event": op, "arg": arg, "connId": "a4d3ae55"})

    def frame(
        self,
        session: Session,  # noqa: ARG002  other venues number frames by session
        channel: str,
        symbol: str,
        quote: Quote,
    ) -> object:
        """Make a `tickers` or `bbo-tbt` frame."""
        if channel == "tickers":
            data = _ticker(symbol, quote)
        else:
            data = {
                "asks": [[quote.ask, "0.00998144", "0", "1"]],
                "bids": [[quote.bid, "3.05652439", "0", "2"]],
                "ts": str(quote.event_ms),
                "seqId": quote.step,
            }
        arg = {"channel": channel, "instId": symbol.replace("/", "-")}
        return {"arg": arg, "data": [data]}

    async def _time(self, _: web.Request) -> web.Response:
        return _answer([{"ts": str(self.now_ms())}])

    async def _instruments(self, request: web.Request) -> web.Response:
        spot = request.query.get("instType") == "SPOT"
        return _answer([self._instrument(symbol) for symbol in self.symbols if spot])

    def _instrument(self, symbol: str) -> Json:
        listing = self.listing(symbol)
        return {
            "instType": "SPOT",
            "instId": symbol.replace("/", "-"),
            "baseCcy": listing.base,
            "quoteCcy": listing.quote,
            "settleCcy": "",
            "ctVal": "",
            "ctMult": "",
            "tickSz": f"{10**-listing.decimals:.{listing.decimals}f}",
            "lotSz": "0.00000001",
            "minSz": "0.00001",
            "lever": "10",
            "state": "live",
            "listTime": "1548133413000",
            "expTime": "",
            "alias": "",
            "uly": "",
            "stk": "",
            "optType": "",
        }

    async def _tickers(self, request: web.Request) -> web.Response:
        asked = request.query.get("instId")
        symbols = [s for s in self.symbols if asked is None or s.replace("/", "-") == asked]
        if not symbols:
            return web.json_response(_error("51001", "Instrument ID does not exist"))
        return _answer([_ticker(symbol, self.quote(symbol)) for symbol in symbols])


def _ticker(symbol: str, quote: Quote) -> Json:
    return {
        "instType": "SPOT",
        "instId": symbol.replace("/", "-"),
        "last": quote.last,
        "lastSz": "0.00001754",
        "askPx": quote.ask,
        "askSz": "0.00998144",
        "bidPx": quote.bid,
        "bidSz": "3.05652439",
        "open24h": quote.last,
        "high24h": quote.ask,
        "low24h": quote.bid,
        "sodUtc0": quote.last,
        "sodUtc8": quote.last,
        "volCcy24h": "503403597.38138519",
        "vol24h": "15937.10781721",
        "ts": str(quote.event_ms),
    }


def _answer(data: list[Json]) -> web.Response:
    return web.json_response({"code": "0", "msg": "", "data": data})


def _error(code: str, text: str) -> Json:
    return {"event": "error", "code": code, "msg": text, "data": []}
