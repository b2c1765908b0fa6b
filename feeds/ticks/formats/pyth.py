"""Pyth price updates: the price as a quote, its confidence interval as the sides.

`publish_time` is the event time. The receive time is when the update was attested: the VAA's time,
in Hermes's answers `proof_available_time`. Lines are decoded updates, `{"vaa": {"vaa_timestamp"},
"updates": […]}`, or what Hermes answers to `/v2/updates/price/latest`, `{"parsed": […]}`.
Sources are named by the feed's identifier: `pyth:0xe62df6c8…`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from feeds.ticks.formats.format import CaptureFormat, Message, Parse, Refuse, Seen
from feeds.ticks.formats.options import Options
from oracle.model.fixed import MAX_EXPONENT, MIN_EXPONENT, Px

_TRADING: Final = 1
_NS_PER_S: Final = 10**9


class _Vaa(msgspec.Struct):
    vaa_timestamp: int = 0


class _Update(msgspec.Struct):
    feed_id: str
    price: int
    conf: int
    expo: int
    publish_time: int
    status: int = _TRADING
    """Of updates before 2023: only a price that trades is one."""


class _Price(msgspec.Struct):
    price: str
    conf: str
    expo: int
    publish_time: int


class _Metadata(msgspec.Struct):
    proof_available_time: int | None = None


class _Parsed(msgspec.Struct):
    id: str
    price: _Price
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class _Line(msgspec.Struct):
    vaa: _Vaa | None = None
    vaa_timestamp: int = 0
    updates: list[_Update] = []
    parsed: list[_Parsed] = []


_LINE: Final = msgspec.json.Decoder(_Line)


def _parser(_: Options, refuse: Refuse) -> Parse:
    def parse(message: Message) -> Iterator[Seen]:
        line = _LINE.decode(message.data)
        attested_s = line.vaa.vaa_timestamp if line.vaa else line.vaa_timestamp
        for update in line.updates:
            source = f"pyth:0x{update.feed_id}"
            if update.status != _TRADING:
                refuse(source, "not_trading")
                continue
            yield _quote(source, update, update.price, update.conf, attested_s)
        for each in line.parsed:
            source = f"pyth:0x{each.id.removeprefix('0x')}"
            texts = each.price.price, each.price.conf
            if not all(re.fullmatch(r"-?\d{1,30}", text, re.ASCII) for text in texts):
                refuse(source, "malformed")
                continue
            price, conf = map(int, texts)
            yield _quote(source, each.price, price, conf, each.metadata.proof_available_time or 0)

    return parse


def _quote(source: str, stated: _Update | _Price, price: int, conf: int, attested_s: int) -> Seen:
    return Seen(
        source,
        event_ns=stated.publish_time * _NS_PER_S,
        received_ns=attested_s * _NS_PER_S,
        bid=_text(price - conf, stated.expo),
        ask=_text(price + conf, stated.expo),
    )


def _text(mantissa: int, exponent: int) -> str:
    plain = MIN_EXPONENT <= exponent <= MAX_EXPONENT
    return str(Px(mantissa, exponent)) if plain else f"{mantissa}e{exponent}"


UPDATES: Final = CaptureFormat(
    summary="Pyth price updates, decoded or as Hermes answers them",
    venue="pyth",
    parser=_parser,
)
