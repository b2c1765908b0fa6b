"""GMX and AVAX, September 2022: a thin venue pushed five times, fills without impact."""

from __future__ import annotations

from random import Random
from typing import Final

from oracle.incidents.claims import allowed, holds, within, wrong
from oracle.incidents.paths import swaying, through, times
from oracle.incidents.recording import Run
from oracle.incidents.scenario import Finding, Note, Scenario, World, utc
from oracle.incidents.venues import Venue
from oracle.model.validity import Action

PULSES_S: Final = (300.0, 540.0, 780.0, 1020.0, 1260.0)
DEEP: Final = ("binance", "coinbase", "kraken", "okx")

CONFIG: Final = """
markets:
  AVAX-USD:
    number: 0
    sources:
      - {source: "binance:AVAX/USD"}
      - {source: "coinbase:AVAX/USD"}
      - {source: "kraken:AVAX/USD"}
      - {source: "okx:AVAX/USD"}
      - {source: "thin:AVAX/USD"}
    mark: index_only
    min_sources: 3
    min_origins: 3
    breaker:
      deviations: [{window: 5m, guarded: 2%, halted: 6%}]
"""


def _world(rng: Random) -> World:
    worth = swaying(through((0, 17.5), (1800, 17.4)), rng, 6.0, 20, 1800)
    pulses = [(-1.0, 1.0)]
    for start_s in PULSES_S:
        high = 1.0 + rng.uniform(0.012, 0.02)
        pulses += [(start_s, 1.0), (start_s + 8, high), (start_s + 45, high), (start_s + 60, 1.0)]
    return World(
        (
            *(Venue(f"{name}:AVAX/USD", worth, 2, 3.0, 0.8) for name in DEEP),
            Venue("thin:AVAX/USD", times(worth, through(*pulses)), 2, 12.0, 2.0),
        ),
        {"AVAX-USD": worth},
    )


def _named(run: Run) -> Finding:
    seen = [
        set(run.reasons("thin:AVAX/USD", run.during(start_s + 12, start_s + 44)))
        for start_s in PULSES_S
    ]
    hits = sum(reasons == {"outlier"} for reasons in seen)
    return Finding(hits == len(PULSES_S), f"named in {hits} of {len(PULSES_S)} pulses")


SCENARIO: Final = Scenario(
    id="gmx-avax-2022-09",
    title="Five pushes on a thin venue",
    start=utc("2022-09-18T01:00"),
    story="Trades filled at the oracle's price without impact. Five times somebody opened a large "
    "AVAX position, pushed the price on an exchange by a percent or two, and closed at the pushed "
    "price: 400,000 to 565,000 USD from those on the other side.",
    accounts=(
        "Web3 is Going Just Great",
        "Mycelium",
    ),
    ours="The exact size and length of the pulses; the venue is called thin.",
    config=CONFIG,
    markets=("AVAX-USD",),
    length_s=1800,
    step_s=2,
    world=_world,
    notes=tuple(Note(start_s, f"push {n}") for n, start_s in enumerate(PULSES_S, 1)),
    checks=(
        within("index", 10, "The index moves less than 0.1 % in every push."),
        holds("the venue is named", "In each push the venue is named as an outlier.", _named),
        allowed(Action.OPEN, "One venue of five cannot disturb the market: it stays VALID."),
    ),
    naive=(wrong("mean", 20, "The plain mean moves by a fifth of the push."),),
    rules=("4. Weights", "5. Index"),
)
