"""Pyth's BTC price, September 2021: a zero and a wrong exponent among good publishers."""

from __future__ import annotations

from random import Random
from typing import Final

from oracle.incidents.claims import allowed, refused, within, wrong
from oracle.incidents.paths import during, swaying, through, times
from oracle.incidents.scenario import Note, Scenario, World, utc
from oracle.incidents.venues import Venue
from oracle.model.validity import Action

WRONG_S: Final = 60.0
MENDED_S: Final = 180.0
GOOD: Final = tuple(f"publisher{number}" for number in range(1, 10))

CONFIG: Final = (
    """
markets:
  BTC-USD:
    number: 0
    sources:
"""
    + "".join(
        f'      - {{source: "{name}:BTC/USD"}}\n' for name in (*GOOD, "postszero", "wrongexponent")
    )
    + """
    mark: index_only
    min_sources: 5
    min_origins: 5
    max_age: 5s
    breaker:
      deviations: [{window: 5m, guarded: 2%, halted: 8%}]
      alarm_sources: 8
"""
)


def _world(rng: Random) -> World:
    worth = swaying(through((0, 43_500.0)), rng, 4.0, 5, 300)
    scaled = during(worth, WRONG_S, MENDED_S, times(worth, 1e-8))
    return World(
        (
            *(Venue(f"{name}:BTC/USD", worth) for name in GOOD),
            Venue("postszero:BTC/USD", during(worth, WRONG_S, MENDED_S, 0.0)),
            Venue("wrongexponent:BTC/USD", scaled),
        ),
        {"BTC-USD": worth},
    )


SCENARIO: Final = Scenario(
    id="pyth-btc-2021-09-20",
    title="A zero and a wrong exponent",
    start=utc("2021-09-20T12:20"),
    story="BTC stood at about 43,500 USD for nine publishers. For two minutes one posted 0 and "
    "one a price with the wrong exponent, 10^8 times too small; the aggregate fell to 5,402 USD "
    "and positions were liquidated.",
    accounts=("pyth.network/blog/pyth-root-cause-analysis",),
    ours="Which second each began.",
    config=CONFIG,
    markets=("BTC-USD",),
    length_s=300,
    step_s=1,
    world=_world,
    notes=(Note(WRONG_S, "one posts 0, one is 10^8 too small"), Note(MENDED_S, "both are mended")),
    checks=(
        within("index", 10, "The index stays within 0.1 % of the true price."),
        refused(
            "postszero:BTC/USD",
            {"not_positive"},
            "The zero is refused by name.",
            WRONG_S + 7,
            MENDED_S,
        ),
        refused(
            "wrongexponent:BTC/USD",
            {"scale_jump"},
            "The wrong exponent is refused by name.",
            WRONG_S + 2,
            MENDED_S,
        ),
        allowed(Action.OPEN, "Nine good publishers are enough: the market stays VALID."),
    ),
    naive=(wrong("mean", 1500, "The plain mean is more than 15 % too low."),),
    rules=("1. Admission of a tick", "2. Price of a place", "5. Index"),
    warm_s=300,
)
