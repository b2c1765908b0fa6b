"""Funding rates that were paid: ticks with a rate and no price, at the time they were paid."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from feeds.ticks.fields import Place
from feeds.ticks.formats.candles import OneInstrument
from feeds.ticks.formats.format import Convert, TableFormat, named_sources, ticks_table
from feeds.ticks.formats.options import Options
from feeds.ticks.symbols import source_of
from feeds.ticks.tables import Layout
from feeds.ticks.times import unix_ns


def _one_source(batch: Any, place: Place, source: str, instrument: OneInstrument) -> Iterable[Any]:
    instrument.check(batch, place)
    paid_ns = unix_ns(batch, "time", place)
    yield ticks_table(paid_ns, paid_ns, source, funding=batch.column("rate"))


def _rates_converter(options: Options) -> Convert:
    return partial(_one_source, source=options.source, instrument=OneInstrument("symbol"))


def _hyperliquid(batch: Any, place: Place) -> Iterable[Any]:
    paid_ns = unix_ns(batch, "time", place)
    sources = named_sources(batch.column("coin"), partial(source_of, "hyperliquid"), place)
    yield ticks_table(paid_ns, paid_ns, sources, funding=batch.column("rate"))


RATES: Final = TableFormat(
    summary="funding rates: time, rate (Binance's fundingRate files of data.binance.vision)",
    layout=Layout(
        ("time", "rate"),
        ("symbol",),
        renamed={
            **dict.fromkeys(("calc_time", "fundingtime", "timestamp"), "time"),
            **dict.fromkeys(("last_funding_rate", "fundingrate", "funding_rate", "rate"), "rate"),
        },
    ),
    converter=_rates_converter,
    needs=("source",),
    named={"funding": "rate"},
)
HYPERLIQUID: Final = TableFormat(
    summary="Hyperliquid's fundingHistory: time, coin, fundingRate",
    layout=Layout(
        ("time", "coin", "rate"),
        renamed=dict.fromkeys(("fundingrate", "funding_rate"), "rate"),
    ),
    converter=lambda _: _hyperliquid,
    named={"funding": "fundingRate"},
)
