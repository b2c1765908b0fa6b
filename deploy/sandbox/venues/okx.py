"""OKX v5, public data of spot and swaps.

https://www.okx.com/docs-v5/en/#order-book-trading-market-data
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from deploy.sandbox.venues.dialect import Dialect, Handler, Json, Session
from deploy.sandbox.venues.market import Quote

_CHANNELS = ("tickers", "bbo-tbt", "trades", "funding-rate")
_FUNDING_MS = 28_800_000


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
            "/api/v5/public/funding-rate": self._funding_rates,
        }

    def market_id(self, symbol: str) -> str:
        """Give the venue's own name of an instrument."""
        listing = self.listing(symbol)
        return f"{listing.base}-{listing.quote}{'-SWAP' if listing.perpetual else ''}"

    def interval_ms(self, channel: str) -> int:
        """Funding rates come every half minute, or later."""
        return 30_000 if channel == "funding-rate" else 0

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
            channel, symbol = arg["channel"], self.symbol_of(arg["instId"])
            if symbol is None or not self._has(channel, symbol):
                text = f"channel:{channel},instId:{arg['instId']} doesn't exist"
                await session.send(_error("60018", text))
                continue
            if op == "subscribe":
                session.subscribe(channel, symbol)
            else:
                session.sent.pop((channel, symbol), None)
            await session.send({"event": op, "arg": arg, "connId": "a4d3ae55"})

    def _has(self, channel: str, symbol: str) -> bool:
        if self.knobs.is_mute(self.name, channel):
            return False
        if channel == "funding-rate":
            return self.listing(symbol).perpetual
        return channel in _CHANNELS

    def frame(
        self,
        session: Session,  # noqa: ARG002  other venues number frames by session
        channel: str,
        symbol: str,
        quote: Quote,
    ) -> object:
        """Make a frame of any channel."""
        row = {
            "tickers": self._ticker,
            "bbo-tbt": self._best,
            "trades": self._trade,
            "funding-rate": self._funding_rate,
        }[channel]
        arg = {"channel": channel, "instId": self.market_id(symbol)}
        return {"arg": arg, "data": [row(symbol, quote)]}

    def _best(self, _: str, quote: Quote) -> Json:
        return {
            "asks": [[quote.ask, quote.ask_size, "0", "1"]],
            "bids": [[quote.bid, quote.bid_size, "0", "2"]],
            "ts": str(quote.event_ms),
            "seqId": quote.step,
        }

    def _trade(self, symbol: str, quote: Quote) -> Json:
        return {
            "instId": self.market_id(symbol),
            "tradeId": str(quote.step),
            "px": quote.last,
            "sz": quote.last_size,
            "side": "buy",
            "ts": str(quote.event_ms),
            "count": "1",
        }

    def _funding_rate(self, symbol: str, quote: Quote) -> Json:
        due_ms = (quote.event_ms // _FUNDING_MS + 1) * _FUNDING_MS
        return {
            "fundingRate": quote.funding,
            "fundingTime": str(due_ms),
            "instId": self.market_id(symbol),
            "instType": "SWAP",
            "method": "current_period",
            "maxFundingRate": "0.00375",
            "minFundingRate": "-0.00375",
            "nextFundingRate": "",
            "nextFundingTime": str(due_ms + _FUNDING_MS),
            "settState": "settled",
            "ts": str(quote.event_ms),
        }

    async def _time(self, _: web.Request) -> web.Response:
        return _answer([{"ts": str(self.now_ms())}])

    async def _instruments(self, request: web.Request) -> web.Response:
        asked = self._of_type(request.query.get("instType"))
        return _answer([self._instrument(symbol) for symbol in asked])

    def _of_type(self, kind: str | None) -> list[str]:
        """List the symbols of an instrument type; all without one."""
        return [s for s in self.symbols if kind in (None, self._type(s))]

    def _type(self, symbol: str) -> str:
        return "SWAP" if self.listing(symbol).perpetual else "SPOT"

    def _instrument(self, symbol: str) -> Json:
        listing = self.listing(symbol)
        swap = listing.perpetual
        return {
            "instType": self._type(symbol),
            "instId": self.market_id(symbol),
            "baseCcy": "" if swap else listing.base,
            "quoteCcy": "" if swap else listing.quote,
            "settleCcy": listing.quote if swap else "",
            "ctType": "linear" if swap else "",
            "ctVal": f"{listing.contract:g}" if swap else "",
            "ctValCcy": listing.base if swap else "",
            "ctMult": "1" if swap else "",
            "tickSz": f"{10**-listing.decimals:.{listing.decimals}f}",
            "lotSz": "0.00000001",
            "minSz": "0.00001",
            "lever": "10",
            "state": "live",
            "listTime": "1548133413000",
            "expTime": "",
            "alias": "",
            "uly": f"{listing.base}-{listing.quote}" if swap else "",
            "stk": "",
            "optType": "",
        }

    async def _tickers(self, request: web.Request) -> web.Response:
        asked = request.query.get("instId")
        listed = self._of_type(request.query.get("instType"))
        symbols = [s for s in listed if asked is None or self.market_id(s) == asked]
        if not symbols:
            return web.json_response(_error("51001", "Instrument ID does not exist"))
        return _answer([self._ticker(symbol, self.quote(symbol)) for symbol in symbols])

    async def _funding_rates(self, request: web.Request) -> web.Response:
        asked = request.query.get("instId")
        swaps = [s for s in self._of_type("SWAP") if asked in ("ANY", self.market_id(s))]
        return _answer([self._funding_rate(symbol, self.quote(symbol)) for symbol in swaps])

    def _ticker(self, symbol: str, quote: Quote) -> Json:
        return {
            "instType": self._type(symbol),
            "instId": self.market_id(symbol),
            "last": quote.last,
            "lastSz": quote.last_size,
            "askPx": quote.ask,
            "askSz": quote.ask_size,
            "bidPx": quote.bid,
            "bidSz": quote.bid_size,
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
