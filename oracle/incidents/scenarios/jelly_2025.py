"""JELLY on Hyperliquid, March 2025: a short larger than the spot market can bear."""

from __future__ import annotations

from random import Random
from typing import Final

from oracle.incidents.claims import ends, forbidden, holds, wrong
from oracle.incidents.paths import Curve, swaying, through, times
from oracle.incidents.recording import Run
from oracle.incidents.scenario import Finding, Note, Scenario, World, utc
from oracle.incidents.venues import Venue
from oracle.model.validity import Action, BreakerState

BEFORE: Final = 0.0095
PUSH_S: Final = 900.0
PEAK_S: Final = 2700.0
BACK_S: Final = 3300.0
LENGTH_S: Final = 5400.0

CONFIG: Final = """
markets:
  JELLY-USD:
    number: 0
    sources:
      - {source: "raydium:JELLY/USD"}
      - {source: "gate:JELLY/USD"}
      - {source: "mexc:JELLY/USD"}
      - {source: "bitget:JELLY/USD"}
    perps: [{source: "hyperliquid:JELLY/USD"}]
    mark: {method: index_basis, max_basis: 3%}
    min_sources: 3
    min_origins: 3
    max_confidence: 5%
    outlier: {floor: 1%, ceiling: 10%}
    breaker:
      deviations:
        - {window: 5m, guarded: 5%, volatile: 12%, halted: 20%}
        - {window: 30m, guarded: 15%, halted: 40%}
      mark: {guarded: 2%}
      missing: 30s
      latch: true
      dwell: 5m
"""


def _world(rng: Random) -> World:
    calm = swaying(through((0, BEFORE)), rng, 15.0, 30, LENGTH_S)

    def pushed(behind_s: float) -> Curve:
        return through(
            (PUSH_S + behind_s, 1.0),
            (1500 + behind_s, 1.8),
            (PEAK_S + behind_s / 2, 4.5),
            (2880, 4.3),
            (BACK_S, 1.0),
        )

    spot = {"raydium": 0.0, "gate": 20.0, "mexc": 25.0, "bitget": 30.0}
    return World(
        (
            *(
                Venue(f"{name}:JELLY/USD", times(calm, pushed(behind_s)), 3, 40.0, 6.0, 0.2)
                for name, behind_s in spot.items()
            ),
            Venue("hyperliquid:JELLY/USD", times(calm, pushed(40.0)), 3, 20.0, 6.0),
        ),
        {"JELLY-USD": calm},
    )


def _before_double(run: Run) -> Finding:
    halted = next((each for each in run.transitions() if each.event.after == "HALTED"), None)
    highest = max(moment.mark or 0.0 for moment in run.during(PUSH_S)) / BEFORE
    if halted is None:
        return Finding(False, f"never HALTED, highest mark {highest:.2f} times the price before")
    index = run.during(halted.t_s)[0].index or 0.0
    seen = f"halted at {index / BEFORE:.2f}, highest mark {highest:.2f} times the price before"
    return Finding(index < 2 * BEFORE and highest < 2, seen)


SCENARIO: Final = Scenario(
    id="jelly-2025-03-26",
    title="A short larger than the market",
    start=utc("2025-03-26T12:45"),
    story="A 4.1 million USD short in JELLY was left to the pool that makes the market, while its "
    "thin spot was bought from 0.01 to 0.043 USD (some accounts say 0.50). The pool stood at a "
    "loss of 12 to 13.5 million USD until validators settled the market by hand at 0.0095.",
    accounts=("Arkham, reported by AiCoin",),
    ours="The path between the named prices, and the spot venues beside the pool.",
    config=CONFIG,
    markets=("JELLY-USD",),
    length_s=LENGTH_S,
    step_s=3,
    world=_world,
    notes=(
        Note(PUSH_S, "spot buying begins"),
        Note(PEAK_S, "0.043 USD"),
        Note(BACK_S, "back where it was"),
    ),
    checks=(
        holds("halted before double", "The market halts before the price doubles.", _before_double),
        forbidden(
            [Action.OPEN, Action.WITHDRAW],
            "From two minutes after the buying began nobody may open or withdraw.",
            PUSH_S + 120,
            LENGTH_S,
        ),
        ends(BreakerState.HALTED, "Calm again, it stays halted until a person lifts the latch."),
    ),
    naive=(
        wrong("mean", 3e4, "The plain mean rises to four times the price."),
        wrong("median", 3e4, "So does the plain median: all venues are pushed."),
    ),
    rules=("7. Mark", "8. Breaker", "9. Validity"),
    warm_s=3600,
)
