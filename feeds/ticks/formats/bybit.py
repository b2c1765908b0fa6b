"""Bybit's v5 `tickers` stream: best bid and ask with sizes, last price, funding rate.

`ts` is the event time. A snapshot states everything, a delta what has changed; every message says
that the rest still holds, so each gives the whole state as a tick.
https://bybit-exchange.github.io/docs/v5/websocket/public/ticker
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from feeds.ticks.formats.format import CaptureFormat, Message, Parse, Refuse, Seen
from feeds.ticks.formats.messages import Ms
from feeds.ticks.formats.options import Options
from feeds.ticks.symbols import published, sizes_in_base, source_of
from oracle.model.errors import ConfigError
from oracle.model.times import MS_NS


class _Ticker(msgspec.Struct, rename="camel"):
    symbol: str
    bid1_price: str | None = None
    ask1_price: str | None = None
    bid1_size: str | None = None
    ask1_size: str | None = None
    last_price: str | None = None
    mark_price: str | None = None
    index_price: str | None = None
    funding_rate: str | None = None


class _Message(msgspec.Struct):
    topic: str = ""
    type: str = ""
    ts: Ms = 0
    data: msgspec.Raw = msgspec.Raw(b"")


_MESSAGE: Final = msgspec.json.Decoder(_Message)
_TICKER: Final = msgspec.json.Decoder(_Ticker)


def _parser(options: Options, refuse: Refuse) -> Parse:
    states: dict[tuple[str, str], _Ticker] = {}

    def parse(message: Message) -> Iterator[Seen]:
        stated = _MESSAGE.decode(message.data)
        if not stated.topic.startswith("tickers."):
            return
        key = message.connection, stated.topic
        ticker = _TICKER.decode(stated.data)
        if stated.type == "snapshot":
            states[key] = ticker
        elif key in states:
            _update(states[key], ticker)
        else:
            refuse("bybit", "no_snapshot")
            return
        seen = _seen(states[key], stated.ts * MS_NS, options.price)
        if seen is None:
            refuse("bybit", "unknown_symbol")
        else:
            yield seen

    return parse


def _update(state: _Ticker, delta: _Ticker) -> None:
    for name in _Ticker.__struct_fields__:
        changed = getattr(delta, name)
        if changed is not None:
            setattr(state, name, changed)


def _seen(ticker: _Ticker, event_ns: int, price: str) -> Seen | None:
    # Spot and contracts share symbols; only contracts have a mark.
    exchange = "bybit-spot" if ticker.mark_price is None else "bybit"
    try:
        source = source_of(exchange, ticker.symbol)
    except ConfigError:
        return None
    if price != "last":
        last = ticker.mark_price if price == "mark" else ticker.index_price
        return Seen(published(source, price), event_ns, last=last)
    in_base = sizes_in_base(exchange, source)
    return Seen(
        source,
        event_ns,
        bid=ticker.bid1_price,
        ask=ticker.ask1_price,
        last=ticker.last_price,
        bid_size=ticker.bid1_size if in_base else None,
        ask_size=ticker.ask1_size if in_base else None,
        funding=ticker.funding_rate,
    )


TICKERS: Final = CaptureFormat(
    summary="captured Bybit v5 tickers: best bid and ask, last price, funding rate",
    venue="bybit",
    parser=_parser,
    takes=("price",),
    prices=("last", "mark", "index"),
)
