"""Binance's streams: bookTicker as a quote, trade and aggTrade as trades, markPrice for funding.

A trade's event time is `T`, when it was made; the others' is `E`. Spot's bookTicker states none:
there it is the receive time. Messages do not name the venue.
https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from feeds.ticks.formats.format import CaptureFormat, Message, Parse, Refuse, Seen
from feeds.ticks.formats.messages import Ms
from feeds.ticks.formats.options import Options
from feeds.ticks.symbols import published, sizes_in_base, source_of
from oracle.model.errors import ConfigError
from oracle.model.times import MS_NS

VENUES: Final = {
    "binance": "binance",
    "binanceus": "binance-us",
    "binanceusdm": "binance-futures",
    "binancecoinm": "binance-delivery",
}
"""The venues that send such messages, and the exchange that unifies their symbols."""

_ON_MARKET: Final = "MARKET"
"""`X` of a trade in the book; insurance and deleveraging fills are others, at no price."""


class _Envelope(msgspec.Struct):
    """A message of a combined stream has `data`; a single stream's is the data itself."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


class _Kind(msgspec.Struct):
    e: str = ""


class _Book(msgspec.Struct):
    s: str
    b: str
    B: str
    a: str
    A: str
    E: Ms | None = None

    def seen(self, source: str, in_base: bool, _: str) -> Seen | None:
        """Return the quote."""
        return Seen(
            source,
            None if self.E is None else self.E * MS_NS,
            bid=self.b,
            ask=self.a,
            bid_size=self.B if in_base else None,
            ask_size=self.A if in_base else None,
        )


class _Trade(msgspec.Struct):
    s: str
    p: str
    q: str
    T: Ms
    X: str = _ON_MARKET

    def seen(self, source: str, in_base: bool, _: str) -> Seen | None:
        """Return the trade, if it was made in the book."""
        if self.X != _ON_MARKET:
            return None
        return Seen(source, self.T * MS_NS, last=self.p, last_size=self.q if in_base else None)


class _Mark(msgspec.Struct):
    s: str
    E: Ms
    p: str
    i: str | None = None
    r: str | None = None

    def seen(self, source: str, _: bool, price: str) -> Seen | None:
        """Return the funding rate, or the price that is published beside it."""
        event_ns = self.E * MS_NS
        if price == "last":
            return Seen(source, event_ns, funding=self.r) if self.r else None
        return Seen(published(source, price), event_ns, last=self.p if price == "mark" else self.i)


_Any = _Book | _Trade | _Mark
_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_KIND: Final = msgspec.json.Decoder(_Kind)
_BOOK: Final = msgspec.json.Decoder(_Book)
_TRADE: Final = msgspec.json.Decoder(_Trade)
_TRADED: Final[Mapping[str, Callable[[bytes | msgspec.Raw], _Any]]] = {
    "bookTicker": _BOOK.decode,
    "trade": _TRADE.decode,
    "aggTrade": _TRADE.decode,
}
_MARKS: Final = {"markPriceUpdate": msgspec.json.Decoder(_Mark).decode}


def _parser(options: Options, refuse: Refuse) -> Parse:
    if options.venue not in VENUES:
        raise ConfigError(
            f"--venue {options.venue} sends no such messages; known are {', '.join(VENUES)}"
        )
    exchange = VENUES[options.venue]
    kinds = _MARKS if options.price != "last" else {**_TRADED, **_MARKS}

    def parse(message: Message) -> Iterator[Seen]:
        envelope = _ENVELOPE.decode(message.data)
        data = bytes(envelope.data) or message.data
        # Only spot's bookTicker does not say what it is.
        kind = _KIND.decode(data).e or envelope.stream.partition("@")[2]
        if kind not in kinds:
            return
        stated = kinds[kind](data)
        try:
            source = source_of(exchange, stated.s)
        except ConfigError:
            refuse(options.venue, "unknown_symbol")
            return
        seen = stated.seen(source, sizes_in_base(exchange, source), options.price)
        if seen is None:
            refuse(source, "no_price")
        else:
            yield seen

    return parse


BOOK: Final = CaptureFormat(
    summary="captured Binance bookTicker, trade, aggTrade and markPrice streams",
    venue="binance",
    parser=_parser,
    needs=("venue",),
    takes=("price",),
    prices=("last", "mark", "index"),
)
