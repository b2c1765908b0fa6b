"""Mango, October 2022: every venue of a thin token pushed within twenty minutes."""

from __future__ import annotations

from random import Random
from typing import Final

from oracle.incidents.claims import ends, forbidden, holds, published, wrong
from oracle.incidents.paths import swaying, through, times
from oracle.incidents.recording import Run
from oracle.incidents.scenario import Finding, Note, Scenario, World, utc
from oracle.incidents.venues import Venue
from oracle.model.validity import Action, BreakerState

FIRST_S: Final = 660.0
"""22:26 UTC: 1.44 million USD on the first venue."""
SECOND_S: Final = 720.0
THIRD_S: Final = 750.0
PEAK_S: Final = 1860.0
BEFORE: Final = 0.038
POLICY: Final = 1.25
"""The operator's bound: nothing is published above this many times the price before."""

CONFIG: Final = """
markets:
  MNGO-USD:
    number: 0
    sources: [{source: "mango:MNGO/USD"}, {source: "ascendex:MNGO/USD"}, {source: "ftx:MNGO/USD"}]
    mark: index_only
    min_sources: 2
    min_origins: 2
    max_confidence: 5%
    outlier: {floor: 1%, ceiling: 10%}
    twap: 1h
    breaker:
      deviations:
        - {window: 5m, guarded: 4%, volatile: 8%, halted: 15%}
        - {window: 1h, guarded: 8%, halted: 20%}
      alarm_sources: 3
      dispersion: {guarded: 5%}
      missing: 30s
      latch: true
      dwell: 5m
"""


def _world(rng: Random) -> World:
    calm = swaying(through((0, BEFORE)), rng, 10.0, 30, 2400)
    paths = {
        "mango": ((FIRST_S, 1.0), (FIRST_S + 30, 1.35), (900, 2.4), (1200, 8.0), (PEAK_S, 24.0)),
        "ascendex": ((SECOND_S, 1.0), (SECOND_S + 40, 1.3), (900, 2.2), (1200, 7.0), (PEAK_S, 24)),
        "ftx": ((THIRD_S, 1.0), (THIRD_S + 60, 1.3), (1200, 2.0), (PEAK_S, 4.2)),
    }
    venues = []
    for name, points in paths.items():
        pushed = through(*points, (2100.0, points[-1][1] / 3), (2400.0, 1.1))
        venues.append(Venue(f"{name}:MNGO/USD", times(calm, pushed), 2, 40.0, 6.0, 0.2))
    return World(tuple(venues), {"MNGO-USD": calm})


def _in_order(run: Run) -> Finding:
    entered = {each.event.after: each.t_s for each in reversed(list(run.transitions()))}
    guarded_s, halted_s = entered.get("GUARDED"), entered.get("HALTED")
    if guarded_s is None or halted_s is None:
        return Finding(False, f"only {', '.join(entered) or 'nothing'}")
    seen = f"GUARDED {guarded_s - FIRST_S:.0f} s, HALTED {halted_s - FIRST_S:.0f} s after the first"
    return Finding(FIRST_S < guarded_s < halted_s, seen + " push")


def _bounded(run: Run) -> Finding:
    highest = max(moment.mark or 0.0 for moment in run.during(FIRST_S))
    return Finding(highest <= POLICY * BEFORE, f"highest mark {highest:.4f}")


def _collateral(run: Run) -> Finding:
    worst = max(
        min(moment.mark or 0.0, moment.twap or 0.0) for moment in published(run.during(FIRST_S))
    )
    return Finding(worst <= 1.05 * BEFORE, f"at most {worst:.4f}")


SCENARIO: Final = Scenario(
    id="mango-2022-10-11",
    title="Every venue of a thin token",
    start=utc("2022-10-11T22:15"),
    story="With 1.4, 1 and 1.6 million USD of spot buying on three venues MNGO went from 0.038 to "
    "0.91 USD within twenty minutes, against 483 million perpetuals bought just before. The gain "
    "was collateral at that price: 116 million USD were borrowed and gone.",
    accounts=("soliduslabs.com/post/mango-hack",),
    ours="The path between the named prices; FTX rises less than the others.",
    config=CONFIG,
    markets=("MNGO-USD",),
    length_s=2400,
    step_s=2,
    world=_world,
    notes=(
        Note(FIRST_S, "1.4 million USD on Mango"),
        Note(SECOND_S, "1 million on AscendEX"),
        Note(THIRD_S, "1.6 million on FTX"),
        Note(PEAK_S, "0.91 USD"),
    ),
    checks=(
        holds("GUARDED, then HALTED", "The breaker guards first and then halts.", _in_order),
        holds("policy", "No price beyond 25 % above the one before is published.", _bounded),
        forbidden(
            [Action.OPEN, Action.WITHDRAW],
            "From the second push on nobody may open or withdraw, to the end.",
            SECOND_S + 30,
            2400,
        ),
        holds(
            "collateral",
            "Collateral at the lower of mark and TWAP gains less than 5 % at any time.",
            _collateral,
        ),
        ends(BreakerState.HALTED, "It is still halted when the price has come down again."),
    ),
    naive=(
        wrong("mean", 9e4, "The plain mean rises to more than ten times the price."),
        wrong("median", 9e4, "So does the plain median: all venues are pushed."),
    ),
    rules=("6. Averages", "8. Breaker", "9. Validity"),
    warm_s=3600,
)
