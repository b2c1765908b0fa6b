"""The forward price that an option venue states with every option: Tardis.dev options_chain."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from feeds.ticks.fields import Place
from feeds.ticks.formats.format import TableFormat, joined, named_sources, ticks_table
from feeds.ticks.formats.tardis import STAMPS, time_us
from feeds.ticks.tables import Layout
from oracle.model.errors import ConfigError

_MONTHS: Final = (
    *("JAN", "FEB", "MAR", "APR", "MAY", "JUN"),
    *("JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
)
_VENUES: Final = {
    "deribit": (
        "deribit",
        re.compile(r"(?P<base>[A-Z]+)-(?P<d>\d{1,2})(?P<m>[A-Z]{3})(?P<y>\d\d)-\d+-[CP]"),
    ),
    "okex-options": (
        "okx",
        re.compile(r"(?P<base>[A-Z]+)-USD-(?P<y>\d\d)(?P<m>\d\d)(?P<d>\d\d)-\d+-[CP]"),
    ),
}


def forward_of(exchange: str, symbol: str) -> str:
    """Return the source of an option's forward: `okxforward:BTC/USD:BTC-251031`.

    Raises:
        ConfigError: an exchange or a symbol that is not understood.
    """
    if exchange not in _VENUES:
        raise ConfigError(f"unknown exchange {exchange!r}; known are {', '.join(_VENUES)}")
    venue, pattern = _VENUES[exchange]
    match = pattern.fullmatch(symbol)
    month = "" if match is None else match["m"]
    if month in _MONTHS:
        month = f"{_MONTHS.index(month) + 1:02}"
    if match is None or not month.isdigit():
        raise ConfigError(f"option {symbol!r} of {exchange} is not understood")
    date = f"{match['y']}{month}{int(match['d']):02}"
    return f"{venue}forward:{match['base']}/USD:{match['base']}-{date}"


def _forwards(batch: Any, place: Place) -> Iterable[Any]:
    pairs = joined(batch, "exchange", "symbol")
    yield ticks_table(
        time_us(batch, "local_timestamp", place),
        time_us(batch, "timestamp", place),
        named_sources(pairs, lambda pair: forward_of(*pair.split(" ", 1)), place),
        last=batch.column("underlying_price"),
    )


OPTIONS_CHAIN: Final = TableFormat(
    summary="Tardis.dev options_chain: the forward price that the venue states",
    layout=Layout((*STAMPS, "underlying_price")),
    converter=lambda _: _forwards,
    named={"last": "underlying_price"},
)
