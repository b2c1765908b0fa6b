"""What the simulated exchanges list, and what moves its price."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True)
class Asset:
    """A price process in US dollars: a geometric random walk, or mean-reverting when pegged."""

    start_usd: float
    volatility: float
    """Per square root of a year; of a pegged asset, the standard deviation around its peg."""
    pegged: bool = False


@dataclass(frozen=True)
class Listing:
    """One instrument of one venue."""

    base: str
    quote: str
    decimals: int
    half_spread_bps: float = 0.5
    noise_bps: float = 0.6
    perpetual: bool = False
    contract: float = 1.0
    """What sizes are counted in: so much of the base currency, or of the quote if `inverse`."""
    inverse: bool = False
    funding_h: int = 8
    """Hours that a perpetual's funding rate is for."""

    @property
    def spot(self) -> Listing:
        """The instrument under a perpetual."""
        return replace(self, perpetual=False)


ASSETS: Final = {
    "BTC": Asset(65_000.0, 0.5),
    "ETH": Asset(3_400.0, 0.6),
    "USDT": Asset(1.0, 0.0002, pegged=True),
    "USDC": Asset(1.0, 0.0001, pegged=True),
}

_USD: Final = {
    "BTC/USD": Listing("BTC", "USD", 2),
    "ETH/USD": Listing("ETH", "USD", 2),
    "USDT/USD": Listing("USDT", "USD", 5, half_spread_bps=0.3, noise_bps=0.2),
}
_SPOT_USDT: Final = {
    "BTC/USDT": Listing("BTC", "USDT", 2, half_spread_bps=0.2),
    "ETH/USDT": Listing("ETH", "USDT", 2, half_spread_bps=0.3),
}
_PERP_USDT: Final = {
    "BTC/USDT:USDT": Listing("BTC", "USDT", 1, half_spread_bps=0.2, perpetual=True),
    "ETH/USDT:USDT": Listing("ETH", "USDT", 2, half_spread_bps=0.3, perpetual=True),
}
_CONTRACTS_USDT: Final = {
    "BTC/USDT:USDT": replace(_PERP_USDT["BTC/USDT:USDT"], contract=0.01),
    "ETH/USDT:USDT": replace(_PERP_USDT["ETH/USDT:USDT"], contract=0.1),
}
_PERP_USD: Final = {
    "BTC/USD:USD": Listing("BTC", "USD", 1, perpetual=True, funding_h=1),
    "ETH/USD:USD": Listing("ETH", "USD", 2, perpetual=True, funding_h=1),
}
_PERP_USDC: Final = {
    "BTC/USDC:USDC": Listing("BTC", "USDC", 1, perpetual=True, funding_h=1),
    "ETH/USDC:USDC": Listing("ETH", "USDC", 2, perpetual=True, funding_h=1),
}
_INVERSE: Final = {
    "BTC/USD:BTC": Listing("BTC", "USD", 1, perpetual=True, contract=100.0, inverse=True),
    "ETH/USD:ETH": Listing("ETH", "USD", 2, perpetual=True, contract=10.0, inverse=True),
}
LISTINGS: Final[dict[str, dict[str, Listing]]] = {
    "binance": _SPOT_USDT,
    "okx": {**_SPOT_USDT, **_CONTRACTS_USDT},
    "coinbase": _USD,
    "kraken": _USD,
    "cryptocom": {**_USD, **_PERP_USD},
    "binanceusdm": _PERP_USDT,
    "binancecoinm": _INVERSE,
    "bybit": {**_SPOT_USDT, **_PERP_USDT},
    "hyperliquid": _PERP_USDC,
    "krakenfutures": _PERP_USD,
}
