"""Hyperliquid's messages: the best of `l2Book` and `bbo` as quotes, `trades` as trades.

`time` is the event time, of the block. https://hyperliquid.gitbook.io/hyperliquid-docs, websocket
subscriptions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from feeds.ticks.formats.format import CaptureFormat, Message, Parse, Refuse, Seen
from feeds.ticks.formats.messages import Ms
from feeds.ticks.formats.options import Options
from feeds.ticks.symbols import source_of
from oracle.model.errors import ConfigError
from oracle.model.times import MS_NS


class _Level(msgspec.Struct):
    px: str
    sz: str


class _Book(msgspec.Struct):
    coin: str
    time: Ms
    levels: tuple[list[_Level], list[_Level]]


class _Best(msgspec.Struct):
    coin: str
    time: Ms
    bbo: tuple[_Level | None, _Level | None]


class _Trade(msgspec.Struct):
    coin: str
    time: Ms
    px: str
    sz: str


class _Message(msgspec.Struct):
    channel: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


_MESSAGE: Final = msgspec.json.Decoder(_Message)
_BOOK: Final = msgspec.json.Decoder(_Book)
_BEST: Final = msgspec.json.Decoder(_Best)
_TRADES: Final = msgspec.json.Decoder(list[_Trade])


def _parser(_: Options, refuse: Refuse) -> Parse:
    def parse(message: Message) -> Iterator[Seen]:
        stated = _MESSAGE.decode(message.data)
        said: list[_Book | _Best | _Trade] = []
        if stated.channel == "l2Book":
            said = [_BOOK.decode(stated.data)]
        elif stated.channel == "bbo":
            said = [_BEST.decode(stated.data)]
        elif stated.channel == "trades":
            said = [*_TRADES.decode(stated.data)]
        for each in said:
            try:
                source = source_of("hyperliquid", each.coin)
            except ConfigError:
                refuse("hyperliquid", "unknown_symbol")
            else:
                yield _seen(each, source)

    return parse


def _seen(said: _Book | _Best | _Trade, source: str) -> Seen:
    event_ns = said.time * MS_NS
    if isinstance(said, _Trade):
        return Seen(source, event_ns, last=said.px, last_size=said.sz)
    if isinstance(said, _Best):
        bid, ask = said.bbo
    else:
        bid, ask = (side[0] if side else None for side in said.levels)
    return Seen(
        source,
        event_ns,
        bid=bid.px if bid else None,
        ask=ask.px if ask else None,
        bid_size=bid.sz if bid else None,
        ask_size=ask.sz if ask else None,
    )


BOOK: Final = CaptureFormat(
    summary="captured Hyperliquid l2Book, bbo and trades",
    venue="hyperliquid",
    parser=_parser,
)
