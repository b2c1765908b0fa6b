"""Aave's CAPO, March 2026: a rate limit whose value and time moved apart."""

from __future__ import annotations

import math
from itertools import pairwise
from random import Random
from typing import Final

from oracle.incidents.claims import END, holds, within
from oracle.incidents.paths import through
from oracle.incidents.recording import Run
from oracle.incidents.scenario import Finding, Note, Rival, Scenario, World, utc
from oracle.incidents.venues import Venue

DAY: Final = 86_400.0
BEFORE: Final = 1.1572
TARGET: Final = 1.2282
CAPPED: Final = 1.1939
SEEN_S: Final = 2 * DAY
WINDOW_S: Final = DAY
HOUR: Final = 3600.0
CLAMP: Final = 0.03

CONFIG: Final = """
markets:
  WSTETH-STETH:
    number: 0
    sources:
      - {source: "rate:WSTETH/STETH"}
      - {source: "curve:WSTETH/STETH"}
      - {source: "balancer:WSTETH/STETH"}
    mark: index_only
    twap: {window: 24h, mean: geometric, clamp: 3%}
    min_sources: 2
    min_origins: 2
    max_age: 30m
    breaker: {deviations: [{window: 24h, guarded: 2%, halted: 10%}], dwell: 10m, recovery: 1h}
"""


def _world(_rng: Random) -> World:
    worth = through((SEEN_S, BEFORE), (SEEN_S + 1, TARGET))
    return World(
        tuple(
            Venue(f"{name}:WSTETH/STETH", worth, 300, 2.0, 0.3, 2.0)
            for name in ("rate", "curve", "balancer")
        ),
        {"WSTETH-STETH": worth},
    )


def _together(run: Run) -> Finding:
    """Hour by hour: no more than the clamp allows for an hour, and never a standstill."""
    moments = run.during(SEEN_S)[:: int(HOUR / run.scenario.step_s)]
    share, stalled = 0.0, 0
    for before, after in pairwise(moments):
        low, high = before.twap or BEFORE, after.twap or BEFORE
        # The window's far edge is exact to one of its sixty buckets.
        allowed = (HOUR + WINDOW_S / 60) / WINDOW_S * math.log((1 + CLAMP) * high / BEFORE)
        share = max(share, math.log(high / low) / allowed)
        stalled += low < TARGET * 0.999 and high <= low
    seen = f"at most {share:.0%} of what the clamp allows for an hour, {stalled} hours at a stand"
    return Finding(0 < share <= 1 and not stalled, seen)


def _arrives(run: Run) -> Finding:
    there = next((m for m in run.during(SEEN_S) if m.twap and m.twap >= 0.999 * TARGET), None)
    if there is None:
        return Finding(False, f"{run.during()[-1].twap} at the end")
    windows = (there.t_s - SEEN_S) / WINDOW_S
    return Finding(windows <= 3.0, f"within 0.1 % after {windows:.1f} windows")


SCENARIO: Final = Scenario(
    id="capo-2026-03",
    title="A limit whose value and time moved apart",
    start=utc("2026-03-06T00:00"),
    story="A cap on wstETH's rate may rise 3 % in three days. Its reference stood at 1.1572 and "
    "the rate at 1.2282; an update moved the value by the allowed 3 % to 1.1919 and its time stamp "
    "by the full seven days, and the cap came out at 1.1939, 2.85 % too low: 10,938 wstETH of 34 "
    "accounts were liquidated.",
    accounts=("governance.aave.com/t/24269",),
    ours="Sources that show the true rate two days into the replay, and a clamp of 3 % a day.",
    config=CONFIG,
    markets=("WSTETH-STETH",),
    length_s=6 * DAY,
    step_s=600,
    world=_world,
    notes=(Note(SEEN_S, "the sources show 1.2282"),),
    checks=(
        within("mark", 5, "The mark is the raw rate at once: no limit is in the price."),
        holds(
            "value and time together",
            "Each hour the clamped average moves by what the clamp allows, and never stands.",
            _together,
        ),
        holds("arrives", "It reaches the true rate within three windows.", _arrives),
        within(
            "twap",
            10,
            "And stays there: no part of the limit is left behind.",
            start_s=SEEN_S + 3 * DAY,
            end_s=END,
            name="twap arrives",
        ),
    ),
    rules=("6. Averages", "9. Validity"),
    rival=Rival("the cap of that day", lambda t_s: BEFORE if t_s < SEEN_S else CAPPED),
    warm_s=2 * DAY,
)
