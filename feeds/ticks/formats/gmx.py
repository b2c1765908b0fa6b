"""GMX v2's signed oracle prices, a column a token: what demeter-fetch makes of OraclePriceUpdate.

A price is the middle of the signed minimum and maximum, the last of its minute; the minute is
stamped with its beginning, so the tick is taken at its end. demeter-fetch repeats a price in
minutes without an update, and the day's first one backwards to midnight: neither shows here.
https://github.com/zelos-alpha/demeter-fetch, `processor_gmx2/price.py`
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from feeds.ticks.fields import Place
from feeds.ticks.formats.candles import bar_end
from feeds.ticks.formats.format import TableFormat, ticks_table
from feeds.ticks.symbols import is_source
from feeds.ticks.tables import Layout
from feeds.ticks.times import unix_ns

_STAMP: Final = "timestamp"
_MINUTE_NS: Final = 60 * 10**9


def _prices(batch: Any, place: Place) -> Iterable[Any]:
    end_ns = bar_end(unix_ns(batch, _STAMP, place), _MINUTE_NS, place)
    for name in batch.schema.names:
        source = f"gmx:{name.removeprefix('$')}/USD"
        if name == _STAMP:
            continue
        if not is_source(source):
            place.fault(-1, name, name, "a token's name: letters, digits and '.'")
        yield ticks_table(end_ns, end_ns, source, last=batch.column(name))


PRICES: Final = TableFormat(
    summary="GMX v2 oracle prices of demeter-fetch, a column a token",
    layout=Layout((_STAMP,), others=True),
    converter=lambda _: _prices,
    named={"last": "of the token"},
)
