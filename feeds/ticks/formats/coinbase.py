"""Coinbase's Advanced Trade feed: `ticker` and `ticker_batch` as quotes, `market_trades` as trades.

A trade's event time is its own, a ticker's the message's. The first message of market_trades is of
trades made before it was subscribed to; they come with their own times.
https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from feeds.ticks.formats.format import CaptureFormat, Message, Parse, Refuse, Seen
from feeds.ticks.formats.options import Options
from feeds.ticks.symbols import source_of
from feeds.ticks.times import parse_unix_ns
from oracle.model.errors import ConfigError


class _Ticker(msgspec.Struct):
    product_id: str
    price: str | None = None
    best_bid: str | None = None
    best_ask: str | None = None
    best_bid_quantity: str | None = None
    best_ask_quantity: str | None = None

    def seen(self, source: str, stamp: str) -> Seen:
        """Return the quote and the last price."""
        return Seen(
            source,
            parse_unix_ns(stamp) or 0,
            bid=self.best_bid,
            ask=self.best_ask,
            last=self.price,
            bid_size=self.best_bid_quantity,
            ask_size=self.best_ask_quantity,
        )


class _Trade(msgspec.Struct):
    product_id: str
    price: str
    size: str
    time: str

    def seen(self, source: str, _: str) -> Seen:
        """Return the trade."""
        return Seen(source, parse_unix_ns(self.time) or 0, last=self.price, last_size=self.size)


class _Event(msgspec.Struct):
    tickers: list[_Ticker] = []
    trades: list[_Trade] = []


class _Head(msgspec.Struct):
    channel: str = ""


class _Message(msgspec.Struct):
    timestamp: str
    events: list[_Event]


_CHANNELS: Final = frozenset({"ticker", "ticker_batch", "market_trades"})
_HEAD: Final = msgspec.json.Decoder(_Head)
_MESSAGE: Final = msgspec.json.Decoder(_Message)


def _parser(_: Options, refuse: Refuse) -> Parse:
    def parse(message: Message) -> Iterator[Seen]:
        if _HEAD.decode(message.data).channel not in _CHANNELS:
            return
        stated = _MESSAGE.decode(message.data)
        for event in stated.events:
            said: list[_Ticker | _Trade] = [*event.tickers, *event.trades]
            for each in said:
                try:
                    source = source_of("coinbase", each.product_id)
                except ConfigError:
                    refuse("coinbase", "unknown_symbol")
                else:
                    yield each.seen(source, stated.timestamp)

    return parse


BOOK: Final = CaptureFormat(
    summary="captured Coinbase Advanced Trade ticker and market_trades",
    venue="coinbase",
    parser=_parser,
)
