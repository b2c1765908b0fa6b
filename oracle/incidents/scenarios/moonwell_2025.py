"""Moonwell, November 2025: wrsETH at 1.65 million ETH for one print."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Final

from oracle.incidents.claims import allowed, refused, within, wrong
from oracle.incidents.paths import during, swaying, through
from oracle.incidents.scenario import Note, Scenario, World, utc
from oracle.incidents.venues import Venue
from oracle.model.validity import Action

PRINT_S: Final = 311.0
"""05:45:11 UTC."""
MENDED_S: Final = 611.0

CONFIG: Final = """
markets:
  WRSETH-ETH:
    number: 0
    sources:
      - {source: "feed:WRSETH/ETH"}
      - {source: "redemption:WRSETH/ETH"}
      - {source: "aerodrome:WRSETH/ETH"}
      - {source: "balancer:WRSETH/ETH"}
    mark: index_only
    min_sources: 3
    min_origins: 3
    max_age: 60s
    breaker: {deviations: [{window: 15m, guarded: 1%, halted: 4%}]}
"""


def _world(rng: Random) -> World:
    worth = swaying(through((0, 1.057)), rng, 1.0, 60, 900)
    slow = partial(Venue, every_s=10, spread_bps=6.0, noise_bps=1.5, latency_s=2.0)
    return World(
        (
            slow("feed:WRSETH/ETH", during(worth, PRINT_S, MENDED_S, 1.65e6)),
            *(
                slow(f"{name}:WRSETH/ETH", worth)
                for name in ("redemption", "aerodrome", "balancer")
            ),
        ),
        {"WRSETH-ETH": worth},
    )


SCENARIO: Final = Scenario(
    id="moonwell-2025-11",
    title="A million for one",
    start=utc("2025-11-04T05:40"),
    story="At 05:45:11 UTC the feed for wrsETH against ETH went from 1.057 to 1.65 million. "
    "Borrowing against it left 3.7 million USD of bad debt.",
    accounts=("CrypTechToday",),
    ours="The other sources, and how long the feed stayed wrong.",
    config=CONFIG,
    markets=("WRSETH-ETH",),
    length_s=900,
    step_s=5,
    world=_world,
    notes=(Note(PRINT_S, "the feed says 1.65 million"), Note(MENDED_S, "it is mended")),
    checks=(
        refused(
            "feed:WRSETH/ETH",
            {"scale_jump"},
            "The print is refused as a scale jump.",
            PRINT_S + 15,
            MENDED_S,
        ),
        within("index", 10, "The index stays within 0.1 % of 1.057."),
        allowed(Action.OPEN, "Three sources are left: the market stays VALID."),
    ),
    naive=(wrong("mean", 1e9, "The plain mean is more than 100,000 times too high."),),
    rules=("2. Price of a place",),
)
