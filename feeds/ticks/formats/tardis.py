"""Trades, quotes and derivative tickers as Tardis.dev records them.

CSV with both clocks in microseconds: `timestamp` is the exchange's, `local_timestamp` the
recorder's. Columns: https://docs.tardis.dev/downloadable-csv-files/data-types
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from feeds.ticks.columns import Int64s
from feeds.ticks.fields import Place
from feeds.ticks.formats.format import Convert, TableFormat, joined, named_sources, ticks_table
from feeds.ticks.formats.options import Options
from feeds.ticks.symbols import published, sizes_in_base, source_of
from feeds.ticks.tables import Layout
from feeds.ticks.times import nanoseconds

STAMPS: Final = ("exchange", "symbol", "timestamp", "local_timestamp")
_NS_PER_US: Final = 1000


class Stamped(NamedTuple):
    """What all Tardis files begin with."""

    received_ns: Int64s
    event_ns: Int64s
    source: Any
    in_base: Any
    """Whether amounts are in the base currency."""

    def size(self, amount: Any) -> Any:
        """Return amounts as sizes: missing where they count contracts."""
        return pc.if_else(self.in_base, amount, pa.scalar(None, amount.type))


def stamps(batch: Any, place: Place, kind: str = "") -> Stamped:
    """Read the columns `STAMPS`; `kind` names sources as what a venue publishes.

    Raises:
        ConfigError: a field is not what its column holds, or an unknown exchange or symbol.
    """
    pairs = joined(batch, "exchange", "symbol")
    sources = named_sources(pairs, lambda pair: source_of(*pair.split(" ", 1)), place)
    return Stamped(
        time_us(batch, "local_timestamp", place),
        time_us(batch, "timestamp", place),
        named_sources(sources, lambda s: published(s, kind), place) if kind else sources,
        _in_base(pairs),
    )


def _in_base(pairs: Any) -> Any:
    encoded = pairs.dictionary_encode()
    known = [
        sizes_in_base(exchange, source_of(exchange, symbol))
        for exchange, symbol in (pair.split(" ", 1) for pair in encoded.dictionary.to_pylist())
    ]
    return pa.array(known, pa.bool_()).take(encoded.indices)


def time_us(batch: Any, name: str, place: Place) -> Int64s:
    """Return a column of microseconds in nanoseconds.

    Raises:
        ConfigError: a field is missing or no whole number.
    """
    return nanoseconds(batch, name, place, ns_per_unit=_NS_PER_US, unit="microseconds")


def _trades(batch: Any, place: Place) -> Iterable[Any]:
    at = stamps(batch, place)
    amount = batch.column("amount") if "amount" in batch.schema.names else None
    yield ticks_table(
        at.received_ns,
        at.event_ns,
        at.source,
        last=batch.column("price"),
        last_size=None if amount is None else at.size(amount),
    )


def _quotes(batch: Any, place: Place) -> Iterable[Any]:
    at = stamps(batch, place)
    yield ticks_table(
        at.received_ns,
        at.event_ns,
        at.source,
        bid=batch.column("bid_price"),
        ask=batch.column("ask_price"),
        bid_size=at.size(batch.column("bid_amount")),
        ask_size=at.size(batch.column("ask_amount")),
    )


def _tickers(batch: Any, place: Place, price: str) -> Iterable[Any]:
    at = stamps(batch, place, kind="" if price == "last" else price)
    yield ticks_table(
        at.received_ns,
        at.event_ns,
        at.source,
        last=batch.column(f"{price}_price"),
        funding=batch.column("funding_rate") if price == "last" else None,
    )


def _ticker_converter(options: Options) -> Convert:
    return partial(_tickers, price=options.price)


TRADES: Final = TableFormat(
    summary="Tardis.dev trades",
    layout=Layout((*STAMPS, "price"), ("amount",)),
    converter=lambda _: _trades,
    named={"last": "price", "last_size": "amount"},
)
QUOTES: Final = TableFormat(
    summary="Tardis.dev quotes or book_ticker",
    layout=Layout((*STAMPS, "ask_amount", "ask_price", "bid_price", "bid_amount")),
    converter=lambda _: _quotes,
    named={
        "bid": "bid_price",
        "ask": "ask_price",
        "bid_size": "bid_amount",
        "ask_size": "ask_amount",
    },
)
DERIVATIVE_TICKER: Final = TableFormat(
    summary="Tardis.dev derivative_ticker: funding rate, and the last, mark or index price",
    layout=Layout((*STAMPS, "funding_rate", "last_price", "mark_price", "index_price")),
    converter=_ticker_converter,
    takes=("price",),
    prices=("last", "mark", "index"),
    named={"last": "price", "funding": "funding_rate"},
)
