"""Which venues have one operator: by default they are one origin. Venues are named as ccxt does."""

from __future__ import annotations

from typing import Final

FAMILIES: Final = (
    ("binance", "binanceusdm", "binancecoinm"),
    ("bitfinex", "bitfinex2"),
    ("bybit", "bybiteu", "bybitid"),
    ("coinbase", "coinbaseadvanced", "coinbaseexchange", "coinbaseinternational"),
    ("gate", "gateio", "gateeu"),
    ("htx", "huobi"),
    ("kraken", "krakenfutures"),
    ("kucoin", "kucoinfutures"),
    ("mexc", "mexc3"),
    ("okx", "okex", "okxus", "myokx"),
)
"""The first name of a family is its operator. Binance.US is another company: not in here."""

_OPERATORS: Final = {venue: family[0] for family in FAMILIES for venue in family}


def operator_of(venue: str) -> str:
    """Return who runs `venue`, by default the venue itself."""
    return _OPERATORS.get(venue, venue)
