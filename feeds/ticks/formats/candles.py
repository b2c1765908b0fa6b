"""Candles: one price of each bar as a trade at the end of the bar, its volume as the size.

A candle has one clock, which is both event and receive time. It is taken where the bar ends,
since nobody knew its close before.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from feeds.ticks.columns import Int64s
from feeds.ticks.fields import Place
from feeds.ticks.formats.format import Convert, TableFormat, joined, named_sources, ticks_table
from feeds.ticks.formats.options import Options
from feeds.ticks.pairs import split
from feeds.ticks.symbols import is_inverse, is_source
from feeds.ticks.tables import Layout
from feeds.ticks.times import MAX_NS, unix_ns
from oracle.model.errors import ConfigError

PRICES: Final = ("close", "high", "low")
_VISION: Final = (
    *("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume"),
    *("count", "taker_buy_volume", "taker_buy_quote_volume", "ignore"),
)


class OneInstrument:
    """Holds a file that is read as one source to what its column of instruments says."""

    def __init__(self, *names: str) -> None:
        self._names: Final = names
        self._seen: Final[dict[str, str]] = {}

    def check(self, batch: Any, place: Place) -> None:
        """Compare a batch with those before.

        Raises:
            ConfigError: the file has told of two instruments so far.
        """
        for name in self._names:
            if name not in batch.schema.names:
                continue
            column = batch.column(name).cast(pa.string()).fill_null("")
            for given in pc.unique(column).to_pylist():
                known = self._seen.setdefault(name, given)
                if given != known:
                    row = pc.index(column, value=given).as_py()
                    place.fault(row, name, given, f"{known!r} alone: split the file by {name}")


def bar_end(begin_ns: Int64s, interval_ns: int, place: Place) -> Int64s:
    """Return when bars end.

    Raises:
        ConfigError: later than a tick can say.
    """
    for row in (begin_ns > MAX_NS - interval_ns).nonzero()[0][:1]:
        place.fault(int(row), "time", int(begin_ns[row]), "a time before the year 2262")
    return begin_ns + interval_ns


def price_column(batch: Any, price: str, place: Place) -> Any:
    """Return the chosen price of candles.

    Raises:
        ConfigError: the file has none.
    """
    if price not in batch.schema.names:
        place.fault(0, price, None, f"a column {price!r}, as --price {price} asks for it")
    return batch.column(price)


def _volume(batch: Any, name: str = "volume") -> Any:
    return batch.column(name) if name in batch.schema.names else None


def _klines(batch: Any, place: Place, options: Options) -> Iterable[Any]:
    # Binance's inverse contracts count contracts as volume, and the base as "quote" volume.
    volume = "quote_volume" if is_inverse(options.source) else "volume"
    end_ns = unix_ns(batch, "close_time", place)
    yield ticks_table(
        end_ns,
        end_ns,
        options.source,
        last=price_column(batch, options.price, place),
        last_size=_volume(batch, volume),
    )


def _candles(
    batch: Any, place: Place, options: Options, instrument: OneInstrument
) -> Iterable[Any]:
    instrument.check(batch, place)
    end_ns = bar_end(unix_ns(batch, "time", place), options.interval_ns, place)
    yield ticks_table(
        end_ns,
        end_ns,
        options.source,
        last=price_column(batch, options.price, place),
        last_size=None if is_inverse(options.source) else _volume(batch),
    )


def _candle_converter(options: Options) -> Convert:
    return partial(_candles, options=options, instrument=OneInstrument("symbol", "coin", "pair"))


def _long(batch: Any, place: Place, options: Options) -> Iterable[Any]:
    end_ns = bar_end(unix_ns(batch, "timestamp", place), options.interval_ns, place)
    yield ticks_table(
        end_ns,
        end_ns,
        _pairs(batch, place),
        last=price_column(batch, options.price, place),
        last_size=_volume(batch),
    )


def _pairs(batch: Any, place: Place) -> Any:
    """Return the sources of the columns `venue` (as ccxt names it) and `pair` (of spot)."""
    both = joined(batch, "venue", "pair")
    return named_sources(both, lambda given: _source(*given.split(" ", 1)), place)


def _source(venue: str, pair: str) -> str:
    separator = next((mark for mark in "-/_" if mark in pair), "")
    both = split(pair.upper(), separator)
    source = f"{venue.lower()}:{'/'.join(both or ())}"
    if both is None or not is_source(source):
        raise ConfigError(
            f"venue {venue!r} with pair {pair!r} is not understood; write a venue as binanceus and "
            "a pair as btcusdt, BTC-USD or BTC/USD"
        )
    return source


KLINES: Final = TableFormat(
    summary="Binance klines (data.binance.vision), with or without a header",
    layout=Layout(
        ("close_time", "close"), ("high", "low", "volume", "quote_volume"), headerless=_VISION
    ),
    converter=lambda options: partial(_klines, options=options),
    needs=("source",),
    takes=("price",),
    prices=PRICES,
    named={"last": "close (or --price)", "last_size": "volume"},
)
CANDLES: Final = TableFormat(
    summary="candles that state when they begin: time, close, perhaps high, low, volume",
    layout=Layout(
        ("time", "close"),
        ("high", "low", "volume", "symbol", "coin", "pair"),
        renamed={
            **dict.fromkeys(("time", "timestamp", "open_time", "date", "datetime"), "time"),
            **{name: name for name in ("close", "high", "low", "volume", "symbol")},
        },
    ),
    converter=_candle_converter,
    needs=("source", "interval"),
    takes=("price",),
    prices=PRICES,
    named={"last": "close (or --price)", "last_size": "volume"},
)
LONG: Final = TableFormat(
    summary="candles of many venues: timestamp, venue, pair, close, volume",
    layout=Layout(("timestamp", "venue", "pair", "close"), ("high", "low", "volume")),
    converter=lambda options: partial(_long, options=options),
    needs=("interval",),
    takes=("price",),
    prices=PRICES,
    named={"last": "close (or --price)", "last_size": "volume"},
)
