"""Hyperliquid's asset contexts: impact prices as the quote, the mid as `last`, the funding rate.

Impact prices are what a fixed notional would pay, so they are further apart than the book's best;
the premium, and so the funding rate, is made of them. With `price` mark or index, `last` is the
venue's mark or its oracle price instead, and nothing else is taken. Contexts state no time: event
and receive time are when the message came. The daily files of the venue's archive state one clock.
https://hyperliquid.gitbook.io/hyperliquid-docs, websocket subscriptions and historical data
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

import msgspec

from feeds.ticks.fields import Place
from feeds.ticks.formats.format import (
    CaptureFormat,
    Message,
    Parse,
    Refuse,
    Seen,
    TableFormat,
    named_sources,
    ticks_table,
)
from feeds.ticks.formats.options import Options
from feeds.ticks.symbols import published, source_of
from feeds.ticks.tables import Layout
from feeds.ticks.times import unix_ns
from oracle.model.errors import ConfigError


class _Context(msgspec.Struct, rename="camel"):
    funding: str | None = None
    oracle_px: str | None = None
    mark_px: str | None = None
    mid_px: str | None = None
    impact_pxs: tuple[str, str] | None = None

    def seen(self, source: str, price: str) -> Seen:
        """Return what a tick takes of it."""
        if price != "last":
            last = self.mark_px if price == "mark" else self.oracle_px
            return Seen(published(source, price), last=last)
        bid, ask = self.impact_pxs or (None, None)
        return Seen(source, bid=bid, ask=ask, last=self.mid_px, funding=self.funding)


class _Named(msgspec.Struct):
    name: str


class _Meta(msgspec.Struct):
    universe: list[_Named]


class _OfOne(msgspec.Struct):
    coin: str
    ctx: _Context


class _OfAll(msgspec.Struct):
    ctxs: list[tuple[str, list[_Context]]]


class _Message(msgspec.Struct):
    channel: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


_MESSAGE: Final = msgspec.json.Decoder(_Message)
_ANSWER: Final = msgspec.json.Decoder(tuple[_Meta, list[_Context]])
_OF_ONE: Final = msgspec.json.Decoder(_OfOne)
_OF_ALL: Final = msgspec.json.Decoder(_OfAll)


def _parser(options: Options, refuse: Refuse) -> Parse:
    def parse(message: Message) -> Iterator[Seen]:
        for source, context in _contexts(message.data):
            if source:
                yield context.seen(source, options.price)
            else:
                refuse("hyperliquid", "unknown_symbol")

    return parse


def _contexts(data: bytes) -> Iterator[tuple[str, _Context]]:
    if data.lstrip()[:1] == b"[":  # the answer to a request for metaAndAssetCtxs
        meta, contexts = _ANSWER.decode(data)
        if len(meta.universe) != len(contexts):
            raise msgspec.ValidationError("as many contexts as there are names")
        for named, context in zip(meta.universe, contexts, strict=True):
            yield _source(named.name), context
        return
    message = _MESSAGE.decode(data)
    if message.channel == "activeAssetCtx":
        one = _OF_ONE.decode(message.data)
        yield _source(one.coin), one.ctx
    elif message.channel == "allDexsAssetCtxs":
        for dex, contexts in _OF_ALL.decode(message.data).ctxs:
            prefix = f"{dex}." if dex else ""
            for at, context in enumerate(contexts):
                yield f"hyperliquid:{prefix}{at}", context


def _source(coin: str) -> str:
    try:
        return source_of("hyperliquid", coin)
    except ConfigError:
        return ""


def _archived(batch: Any, place: Place, options: Options) -> Iterable[Any]:
    time_ns = unix_ns(batch, "time", place)
    price = options.price
    sources = named_sources(batch.column("coin"), partial(source_of, "hyperliquid"), place)
    if price != "last":
        sources = named_sources(sources, partial(published, kind=price), place)
        last = batch.column("mark_px" if price == "mark" else "oracle_px")
        yield ticks_table(time_ns, time_ns, sources, last=last)
        return
    yield ticks_table(
        time_ns,
        time_ns,
        sources,
        bid=batch.column("impact_bid_px"),
        ask=batch.column("impact_ask_px"),
        last=batch.column("mid_px"),
        funding=batch.column("funding"),
    )


CONTEXTS: Final = CaptureFormat(
    summary="Hyperliquid asset contexts: messages, or an answer to metaAndAssetCtxs",
    venue="hyperliquid",
    parser=_parser,
    takes=("price", "time"),
    prices=("last", "mark", "index"),
)
ARCHIVE: Final = TableFormat(
    summary="Hyperliquid's daily asset_ctxs files",
    layout=Layout(
        (
            *("time", "coin", "funding", "oracle_px", "mark_px", "mid_px"),
            *("impact_bid_px", "impact_ask_px"),
        )
    ),
    converter=lambda options: partial(_archived, options=options),
    takes=("price",),
    prices=("last", "mark", "index"),
    named={"bid": "impact_bid_px", "ask": "impact_ask_px", "last": "mid_px (or --price)"},
)
