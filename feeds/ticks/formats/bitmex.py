"""BitMEX trade buckets (`/trade/bucketed`): the close as a trade, the base's turnover as its size.

BitMEX stamps a bucket with its end, unlike everybody else's candles.
https://www.bitmex.com/api/explorer/#!/Trade/Trade_getBucketed
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from feeds.ticks.fields import Place
from feeds.ticks.formats.candles import PRICES
from feeds.ticks.formats.format import TableFormat, named_sources, ticks_table
from feeds.ticks.formats.options import Options
from feeds.ticks.symbols import source_of
from feeds.ticks.tables import Layout
from feeds.ticks.times import unix_ns


def _buckets(batch: Any, place: Place, options: Options) -> Iterable[Any]:
    end_ns = unix_ns(batch, "timestamp", place)
    yield ticks_table(
        end_ns,
        end_ns,
        named_sources(batch.column("symbol"), partial(source_of, "bitmex"), place),
        last=batch.column(options.price),
        last_size=batch.column("homeNotional"),
    )


BUCKETS: Final = TableFormat(
    summary="BitMEX trade/bucketed",
    layout=Layout(("timestamp", "symbol", "high", "low", "close", "homeNotional")),
    converter=lambda options: partial(_buckets, options=options),
    takes=("price",),
    prices=PRICES,
    named={"last": "close (or --price)", "last_size": "homeNotional"},
)
