"""Venues of a replay: each quotes its path with its own rhythm, spread, noise, clock and delay."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random

from oracle.incidents.paths import Path
from oracle.model.fixed import Px, px_half_even
from oracle.model.ticks import Tick


@dataclass(frozen=True)
class Venue:
    """One source of a replay. `price` is what it says at each time, in its own quote currency."""

    source: str
    price: Path
    every_s: float = 1.0
    spread_bps: float = 4.0
    noise_bps: float = 1.0
    latency_s: float = 0.08
    """Typical time from the venue's clock to ours; each tick's differs by a third."""
    clock_s: float = 0.0
    """How far the venue's clock is ahead of ours."""
    trades: bool = False
    """Whether each tick brings a trade beside the quote."""
    delay_s: Callable[[float], float] | None = None
    """What comes on top of the latency while a feed is overloaded."""


def ticks(
    venues: Iterable[Venue], seed: int, start_ns: int, from_s: float, until_s: float
) -> list[Tick]:
    """Return all venues' ticks in the order in which they are received."""
    made = [
        tick
        for venue in venues
        # Each venue has its own generator: another venue more does not change its noise.
        for tick in _quotes(venue, _random(seed, venue.source), start_ns, from_s, until_s)
    ]
    return sorted(made, key=lambda tick: (tick.received_ns, tick.source, tick.sequence))


def _random(seed: int, name: str) -> Random:
    return Random(f"{seed}|{name}")  # noqa: S311 - seeded simulation, not cryptography


def _quotes(
    venue: Venue, rng: Random, start_ns: int, from_s: float, until_s: float
) -> Iterator[Tick]:
    count = int((until_s - from_s) / venue.every_s)
    phase_s = rng.random() * venue.every_s
    for sequence in range(count):
        t_s = from_s + phase_s + sequence * venue.every_s
        price = venue.price(t_s)
        noise_bps, lateness = rng.gauss(0.0, venue.noise_bps), rng.uniform(2 / 3, 4 / 3)
        if price is None:
            continue
        late_s = venue.latency_s * lateness + (venue.delay_s(t_s) if venue.delay_s else 0.0)
        mid = price * (1.0 + noise_bps / 1e4)
        half = venue.spread_bps / 2e4
        yield Tick(
            venue.source,
            sequence + 1,
            event_ns=start_ns + round((t_s + venue.clock_s) * 1e9),
            received_ns=start_ns + round((t_s + late_s) * 1e9),
            bid=_px(mid * (1.0 - half)),
            ask=_px(mid * (1.0 + half)),
            last=_px(mid) if venue.trades else None,
        )


def _px(price: float) -> Px:
    return px_half_even(price) if price > 0 else Px(0, 0)
