"""OKX's v5 channels: `tickers` as quotes, `trades` as trades, `funding-rate`.

`ts` is the event time. Sizes of swaps and futures count contracts, and are left out.
https://www.okx.com/docs-v5/en/#public-data-websocket
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from feeds.ticks.formats.format import CaptureFormat, Message, Parse, Refuse, Seen
from feeds.ticks.formats.options import Options
from feeds.ticks.symbols import sizes_in_base, source_of
from feeds.ticks.times import parse_unix_ns
from oracle.model.errors import ConfigError


class _Said(msgspec.Struct, rename="camel"):
    inst_id: str
    ts: str


class _Ticker(_Said):
    last: str | None = None
    bid_px: str | None = None
    ask_px: str | None = None
    bid_sz: str | None = None
    ask_sz: str | None = None


class _Trade(_Said):
    px: str
    sz: str


class _Funding(_Said):
    funding_rate: str


class _Arg(msgspec.Struct):
    channel: str = ""


class _Message(msgspec.Struct):
    arg: _Arg = msgspec.field(default_factory=_Arg)
    data: msgspec.Raw = msgspec.Raw(b"")


def _ticker(said: _Ticker, source: str, event_ns: int, in_base: bool) -> Seen:
    return Seen(
        source,
        event_ns,
        bid=said.bid_px,
        ask=said.ask_px,
        last=said.last,
        bid_size=said.bid_sz if in_base else None,
        ask_size=said.ask_sz if in_base else None,
    )


def _trade(said: _Trade, source: str, event_ns: int, in_base: bool) -> Seen:
    return Seen(source, event_ns, last=said.px, last_size=said.sz if in_base else None)


def _funding(said: _Funding, source: str, event_ns: int, _: bool) -> Seen:
    return Seen(source, event_ns, funding=said.funding_rate)


_MESSAGE: Final = msgspec.json.Decoder(_Message)
_CHANNELS: Final[Mapping[str, tuple[msgspec.json.Decoder[Any], Callable[..., Seen]]]] = {
    "tickers": (msgspec.json.Decoder(list[_Ticker]), _ticker),
    "trades": (msgspec.json.Decoder(list[_Trade]), _trade),
    "funding-rate": (msgspec.json.Decoder(list[_Funding]), _funding),
}


def _exchange(instrument: str) -> str:
    if instrument.endswith("-SWAP"):
        return "okex-swap"
    return "okex-futures" if re.search(r"-\d{6}$", instrument) else "okex"


def _parser(_: Options, refuse: Refuse) -> Parse:
    def parse(message: Message) -> Iterator[Seen]:
        stated = _MESSAGE.decode(message.data)
        if stated.arg.channel not in _CHANNELS or not bytes(stated.data):
            return
        decoder, seen = _CHANNELS[stated.arg.channel]
        for said in decoder.decode(stated.data):
            exchange = _exchange(said.inst_id)
            try:
                source = source_of(exchange, said.inst_id)
            except ConfigError:
                refuse("okx", "unknown_symbol")
                continue
            event_ns = parse_unix_ns(said.ts) or 0
            yield seen(said, source, event_ns, sizes_in_base(exchange, source))

    return parse


BOOK: Final = CaptureFormat(
    summary="captured OKX v5 tickers, trades and funding-rate",
    venue="okx",
    parser=_parser,
)
