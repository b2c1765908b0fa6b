"""A symbol to its base and quote currency."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

QUOTES: Final = (
    *("FDUSD", "USDT", "USDC", "USDE", "TUSD", "BUSD", "GUSD", "RLUSD", "PYUSD", "USD"),
    *("EUR", "GBP", "AUD", "BRL", "TRY", "JPY", "SGD", "DAI", "BTC", "ETH", "BNB", "SOL"),
)
"""Quote currencies of symbols written without a separator."""

_BASES: Final = frozenset(
    (
        *("1INCH", "AAVE", "ADA", "ALGO", "AMP", "ANT", "APE", "APT", "ARB", "ATOM", "AVAX"),
        *("BAT", "BCH", "BNB", "BONK", "BTC", "COMP", "CRV", "CVX", "DAI", "DOGE", "DOT"),
        *("EGLD", "ENA", "ENJ", "ENS", "EOS", "ETC", "ETH", "FET", "FIL", "FLOKI", "FLOW"),
        *("FTM", "FTT", "GALA", "GMX", "GRT", "HBAR", "HNT", "HYPE", "ICP", "IMX", "INJ"),
        *("IOTA", "JTO", "JUP", "KSM", "LDO", "LINK", "LPT", "LRC", "LTC", "MANA", "MATIC"),
        *("MKR", "NEAR", "NEO", "OMG", "ONDO", "OP", "PAXG", "PENDLE", "PEPE", "POL", "PYTH"),
        *("QNT", "QTUM", "REN", "RNDR", "RUNE", "SAND", "SEI", "SHIB", "SKY", "SNX", "SOL"),
        *("STX", "SUI", "SUSHI", "TAO", "TIA", "TON", "TRUMP", "TRX", "UMA", "UNI", "USDC"),
        *("USDT", "VET", "WBT", "WIF", "WLD", "XBT", "XDG", "XLM", "XMR", "XRP", "XTZ", "YFI"),
        *("ZEC", "ZRX"),
    )
)
"""What tells BTC/TUSD from BTCT/USD, and DOT/USD from DO/TUSD."""

_RENAMED: Final = {"XBT": "BTC", "XDG": "DOGE"}


def split(symbol: str, separator: str, quotes: Collection[str] = QUOTES) -> tuple[str, str] | None:
    """Return base and quote of a symbol; None where that is not certain.

    Without a separator the quote is the one of `quotes` that fits. Where several do, a known base
    decides: a guess would price one asset with another's trades.
    """
    if separator:
        base, _, quote = symbol.partition(separator)
    else:
        fitting = [
            (symbol.removesuffix(quote), quote) for quote in quotes if symbol.endswith(quote)
        ]
        known = [pair for pair in fitting if pair[0] in _BASES]
        base, quote = (fitting if len(fitting) == 1 else known if len(known) == 1 else [("", "")])[
            0
        ]
    if not re.fullmatch(r"[A-Z0-9]{1,20}", base) or not re.fullmatch(r"[A-Z0-9]{2,10}", quote):
        return None
    return _RENAMED.get(base, base), _RENAMED.get(quote, quote)
