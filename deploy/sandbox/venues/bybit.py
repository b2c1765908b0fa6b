"""Bybit v5, public data of spot and linear perpetuals.

https://bybit-exchange.github.io/docs/v5/websocket/public/ticker
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from deploy.sandbox.venues.dialect import Dialect, Handler, Json, Session
from deploy.sandbox.venues.market import Quote

_FUNDING_MS = 28_800_000
_KINDS = ("spot", "linear")


class Bybit(Dialect):
    """`bybit`: one name stands for spot and perpetual; the address tells them apart."""

    name = "bybit"

    def rest(self) -> dict[str, Handler]:
        """REST paths and their handlers."""
        return {
            "/v5/market/time": self._time,
            "/v5/market/instruments-info": self._instruments,
            "/v5/market/tickers": self._tickers,
        }

    def ws_paths(self) -> tuple[str, ...]:
        """Paths that speak WebSocket."""
        return tuple(f"/v5/public/{kind}" for kind in _KINDS)

    async def received(self, session: Session, message: Any) -> None:
        """Answer `ping`, `subscribe` and `unsubscribe`."""
        op = message.get("op") if isinstance(message, dict) else None
        answer = {"success": True, "ret_msg": "", "conn_id": "0970e817", "op": op}
        if op == "ping":
            await session.send({**answer, "ret_msg": "pong"})
            return
        if op not in ("subscribe", "unsubscribe"):
            await session.send({**answer, "success": False, "ret_msg": "invalid op"})
            return
        for topic in message["args"]:
            channel, _, market_id = topic.rpartition(".")
            symbol = self._symbol(session.path.rsplit("/", 1)[-1], market_id)
            if symbol is None or channel not in self._channels(symbol):
                text = f"error:handler not found,topic:{topic}"
                await session.send({**answer, "success": False, "ret_msg": text})
                return
            if op == "subscribe":
                session.subscribe(channel, symbol)
            else:
                session.sent.pop((channel, symbol), None)
        await session.send({**answer, "req_id": message.get("req_id")})

    def _symbol(self, kind: str | None, market_id: str) -> str | None:
        """Give the symbol behind a name within a kind."""
        return next((s for s in self._of_kind(kind) if self.market_id(s) == market_id), None)

    def _of_kind(self, kind: str | None) -> list[str]:
        return [s for s in self.symbols if self.listing(s).perpetual == (kind == "linear")]

    def _channels(self, symbol: str) -> tuple[str, ...]:
        quotes = "tickers" if self.listing(symbol).perpetual else "orderbook.1"
        return (quotes, "publicTrade")

    def frame(self, session: Session, channel: str, symbol: str, quote: Quote) -> object:
        """Make a `tickers`, `orderbook.1` or `publicTrade` frame."""
        data: Any
        kind = "snapshot"
        if channel == "tickers":
            row = self._row(symbol, quote)
            shown = session.shown.setdefault(channel, {}).get(symbol)
            session.shown[channel][symbol] = row
            # After the first one a frame holds only what has changed.
            data = row if shown is None else {"symbol": row["symbol"], **_changed(shown, row)}
            kind = "snapshot" if shown is None else "delta"
        elif channel == "publicTrade":
            data = [self._trade(symbol, quote)]
        else:
            data = {
                "s": self.market_id(symbol),
                "b": [[quote.bid, quote.bid_size]],
                "a": [[quote.ask, quote.ask_size]],
                "u": quote.step,
                "seq": quote.step,
            }
        topic = f"{channel}.{self.market_id(symbol)}"
        return {
            "topic": topic,
            "type": kind,
            "data": data,
            "cs": quote.step,
            "ts": quote.event_ms,
        }

    def _row(self, symbol: str, quote: Quote) -> Json:
        row = {
            "symbol": self.market_id(symbol),
            "lastPrice": quote.last,
            "bid1Price": quote.bid,
            "bid1Size": quote.bid_size,
            "ask1Price": quote.ask,
            "ask1Size": quote.ask_size,
        }
        listing = self.listing(symbol)
        if listing.perpetual:
            row |= {
                "markPrice": quote.last,
                "indexPrice": f"{self.knobs.index_price(listing):.{listing.decimals}f}",
                "fundingRate": quote.funding,
                "nextFundingTime": str((quote.event_ms // _FUNDING_MS + 1) * _FUNDING_MS),
            }
        return row

    def _trade(self, symbol: str, quote: Quote) -> Json:
        return {
            "T": quote.event_ms,
            "s": self.market_id(symbol),
            "S": "Buy",
            "v": quote.last_size,
            "p": quote.last,
            "L": "PlusTick",
            "i": str(quote.step),
            "BT": False,
        }

    async def _time(self, _: web.Request) -> web.Response:
        return self._answer({"timeSecond": str(self.now_ms() // 1000)})

    async def _instruments(self, request: web.Request) -> web.Response:
        kind = request.query.get("category")
        listed = kind in _KINDS and request.query.get("status") != "PreLaunch"
        rows = [self._instrument(symbol) for symbol in self._of_kind(kind) if listed]
        return self._answer({"category": kind, "list": rows})

    def _instrument(self, symbol: str) -> Json:
        listing = self.listing(symbol)
        instrument: Json = {
            "symbol": self.market_id(symbol),
            "status": "Trading",
            "baseCoin": listing.base,
            "quoteCoin": listing.quote,
            "priceFilter": {"tickSize": f"{10**-listing.decimals:.{listing.decimals}f}"},
            "lotSizeFilter": {"basePrecision": "0.000001", "minOrderQty": "0.001"},
        }
        if listing.perpetual:
            instrument |= {
                "contractType": "LinearPerpetual",
                "settleCoin": listing.quote,
                "deliveryTime": "0",
                "fundingInterval": 60 * listing.funding_h,
                "lotSizeFilter": {"minOrderQty": "0.001", "qtyStep": "0.001"},
            }
        return instrument

    async def _tickers(self, request: web.Request) -> web.Response:
        kind, asked = request.query.get("category"), request.query.get("symbol")
        rows = [
            self._row(symbol, self.quote(symbol))
            for symbol in self._of_kind(kind)
            if kind in _KINDS and asked in (None, self.market_id(symbol))
        ]
        newest = max((self.knobs.quote(self.name, s).event_ms for s in self.symbols), default=0)
        return self._answer({"category": kind, "list": rows}, newest)

    def _answer(self, result: Json, time_ms: int | None = None) -> web.Response:
        stamp = self.now_ms() if time_ms is None else time_ms
        return web.json_response(
            {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": stamp}
        )


def _changed(before: Json, after: Json) -> Json:
    return {name: value for name, value in after.items() if before.get(name) != value}
