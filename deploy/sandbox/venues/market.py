"""Seeded prices: what assets are worth at each step, and how venues quote around that.

Everything is a function of (seed, step): a step's price never depends on who asked when. Time is
an argument in milliseconds; a step is `step_ms` of it.
"""

from __future__ import annotations

import math
import random
from array import array
from dataclasses import dataclass
from typing import Final

from deploy.sandbox.venues.listings import ASSETS, LISTINGS, Asset, Listing

_YEAR_MS: Final = 365.25 * 86_400_000


@dataclass(frozen=True)
class Quote:
    """What a venue shows: decimal text as it goes on the wire.

    Each step has a trade at `last`. `funding` is empty but for a perpetual.
    """

    bid: str
    ask: str
    last: str
    event_ms: int
    step: int
    bid_size: str = ""
    ask_size: str = ""
    last_size: str = ""
    funding: str = ""


_PEG_PULL: Final = 0.002
"""Share of its distance that a pegged price, or the premium, returns each step."""
_PREMIUM_BPS, _PREMIUM_DEVIATION_BPS = 3.0, 1.5
_SIZE_USD: Final = 20_000.0
"""What a size is worth at the median."""


@dataclass(frozen=True)
class _Move:
    """A lasting move of an asset's true price: `factor` is reached linearly in log price."""

    from_ms: int
    over_ms: int
    log_factor: float

    def at(self, t_ms: int) -> float:
        if t_ms < self.from_ms:
            return 0.0
        done = 1.0 if self.over_ms == 0 else min(1.0, (t_ms - self.from_ms) / self.over_ms)
        return self.log_factor * done


class Market:
    """True prices and the quotes of every venue, from one seed."""

    def __init__(self, seed: int, *, start_ms: int, step_ms: int = 100) -> None:
        self.seed = seed
        self.start_ms = start_ms
        self.step_ms = step_ms
        self._walks = {name: self._walk(name, asset) for name, asset in ASSETS.items()}
        self._premiums = {
            name: _Walk(f"{seed}|premium|{name}", _PREMIUM_DEVIATION_BPS, pull=_PEG_PULL)
            for name in ASSETS
        }
        self._moves: dict[str, list[_Move]] = {name: [] for name in ASSETS}

    def _walk(self, name: str, asset: Asset) -> _Walk:
        if asset.pegged:
            return _Walk(f"{self.seed}|{name}", asset.volatility, pull=_PEG_PULL)
        per_step = asset.volatility * math.sqrt(self.step_ms / _YEAR_MS)
        return _Walk(f"{self.seed}|{name}", per_step, pull=0.0)

    def step_of(self, t_ms: int) -> int:
        """Give the step in force at a time; the first for anything earlier."""
        return max(0, (t_ms - self.start_ms) // self.step_ms)

    def true_usd(self, asset: str, t_ms: int) -> float:
        """Give what one unit is worth in US dollars."""
        if asset == "USD":
            return 1.0
        log_price = self._walks[asset].at(self.step_of(t_ms))
        log_price += sum(move.at(t_ms) for move in self._moves[asset])
        return ASSETS[asset].start_usd * math.exp(log_price)

    def true_price(self, listing: Listing, t_ms: int) -> float:
        """Give the fair price of an instrument in its quote currency."""
        price = self.true_usd(listing.base, t_ms) / self.true_usd(listing.quote, t_ms)
        if listing.perpetual:
            premium_bps = _PREMIUM_BPS + self._premiums[listing.base].at(self.step_of(t_ms))
            price *= 1 + premium_bps / 1e4
        return price

    def quote(self, venue: str, symbol: str, t_ms: int, *, factor: float = 1.0) -> Quote:
        """Give what a venue shows; `factor` bends its price away from the true one."""
        listing = LISTINGS[venue][symbol]
        step = self.step_of(t_ms)
        noise = random.Random(f"{self.seed}|{venue}|{symbol}|{step}")
        mid = self.true_price(listing, t_ms) * factor
        mid *= 1 + noise.gauss(0.0, listing.noise_bps) / 1e4
        half = max(mid * listing.half_spread_bps / 1e4, 10.0**-listing.decimals / 2)
        bid, ask = (f"{price:.{listing.decimals}f}" for price in (mid - half, mid + half))
        last = noise.choice((bid, ask))
        return Quote(
            bid,
            ask,
            last,
            self.start_ms + step * self.step_ms,
            step,
            bid_size=self._size(listing, mid, noise),
            ask_size=self._size(listing, mid, noise),
            last_size=self._size(listing, mid, noise),
            funding=self._funding(listing, mid, t_ms),
        )

    def _size(self, listing: Listing, price: float, noise: random.Random) -> str:
        worth = _SIZE_USD * noise.lognormvariate(0.0, 1.0)
        units = worth / (listing.contract if listing.inverse else listing.contract * price)
        return f"{units:.0f}" if listing.inverse else f"{units:.4f}"

    def _funding(self, listing: Listing, price: float, t_ms: int) -> str:
        """Give the rate that would pay the premium shown in a day."""
        if not listing.perpetual:
            return ""
        premium = price / self.true_price(listing.spot, t_ms) - 1
        return f"{premium * listing.funding_h / 24:.8f}"

    def shift(self, asset: str, percent: float, *, at_ms: int, over_ms: int = 0) -> None:
        """Move an asset's true price everywhere, for good."""
        self._moves[asset].append(_Move(at_ms, over_ms, math.log1p(percent / 100)))

    def depeg(self, asset: str, to_usd: float, *, at_ms: int, over_ms: int = 0) -> None:
        """Take an asset's true price to `to_usd`, once moves still under way have ended."""
        log_price = math.log(to_usd / ASSETS[asset].start_usd)
        if not ASSETS[asset].pegged:
            log_price -= self._walks[asset].at(self.step_of(at_ms))
        log_price -= sum(move.log_factor for move in self._moves[asset])
        self._moves[asset].append(_Move(at_ms, over_ms, log_price))


class _Walk:
    """A Gaussian walk from 0, one value a step, kept so that any past step can be asked again."""

    def __init__(self, seed: str, deviation: float, *, pull: float) -> None:
        self._random = random.Random(seed)
        self._pull = pull
        # a mean-reverting walk of this step size has the standard deviation asked for
        self._step = deviation * math.sqrt(pull * (2 - pull)) if pull else deviation
        self._values = array("d", [0.0])

    def at(self, step: int) -> float:
        """Give the value at a step."""
        while len(self._values) <= step:
            kept = self._values[-1] * (1 - self._pull)
            self._values.append(kept + self._random.gauss(0.0, self._step))
        return self._values[step]
