"""Synthetix sKRW, June 2019: the mean of two sources, one of them a thousand times too high."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Final

from oracle.incidents.claims import ends, enters, nothing_published, refused, within, wrong
from oracle.incidents.paths import during, swaying, through, times
from oracle.incidents.scenario import Note, Scenario, World, utc
from oracle.incidents.venues import Venue
from oracle.model.validity import BreakerState

SILENT_S: Final = 600.0
SCALED_S: Final = 900.0
MENDED_S: Final = 1800.0
BACK_S: Final = 2000.0

CONFIG: Final = """
markets:
  KRW-USD:
    number: 0
    sources: [{source: "apia:KRW/USD"}, {source: "apib:KRW/USD"}, {source: "apic:KRW/USD"}]
    mark: index_only
    min_sources: 2
    min_origins: 2
    max_age: 60s
    breaker:
      deviations: [{window: 15m, guarded: 1%, halted: 3%}]
      alarm_sources: 3
      missing: 60s
      dwell: 30s
      recovery: 60s
"""


def _world(rng: Random) -> World:
    worth = swaying(through((0, 0.00086)), rng, 3.0, 60, 2400)
    scaled = during(worth, SCALED_S, MENDED_S, times(worth, 1000.0))
    service = partial(Venue, every_s=10, spread_bps=8.0, latency_s=0.4)
    return World(
        (
            service("apia:KRW/USD", worth),
            service("apib:KRW/USD", during(worth, SILENT_S, BACK_S, None)),
            service("apic:KRW/USD", scaled),
        ),
        {"KRW-USD": worth},
    )


SCENARIO: Final = Scenario(
    id="skrw-2019",
    title="The mean of the two that were left",
    start=utc("2019-06-24T22:00"),
    story="Of several price services for the Korean won one had failed and nobody noticed. Then "
    "one of the two that were left said 1,000 times too much; the mean of both was published, and "
    "somebody made more than a billion dollars on paper.",
    accounts=(
        "Synthetix, response to oracle incident: blog.synthetix.io/response-to-oracle-incident",
    ),
    ours="The names and the number of the services, and the times.",
    config=CONFIG,
    markets=("KRW-USD",),
    length_s=2400,
    step_s=5,
    world=_world,
    notes=(
        Note(SILENT_S, "apib falls silent"),
        Note(SCALED_S, "apic says 1,000 times too much"),
        Note(MENDED_S, "apic is mended"),
        Note(BACK_S, "apib is back"),
    ),
    checks=(
        enters(
            BreakerState.GUARDED,
            "The first source that drops out raises the alarm, before the quorum is lost.",
            SILENT_S,
            SILENT_S + 75,
            "sources",
        ),
        refused(
            "apic:KRW/USD",
            {"scale_jump"},
            "The price that is 1,000 times too high is refused as a scale jump.",
            SCALED_S + 15,
            MENDED_S,
        ),
        nothing_published(
            "Below the quorum there is no price: not the mean of two, not the last one.",
            SCALED_S + 15,
            MENDED_S,
        ),
        within("mark", 25, "Whatever is published is within 0.25 % of the true price."),
        ends(BreakerState.NORMAL, "Once the services are back the market recovers by itself."),
    ),
    naive=(
        wrong("mean", 1e6, "The plain mean is hundreds of times too high."),
        wrong("median", 1e6, "So is the plain median: of two it is the same."),
    ),
    rules=("1. Admission of a tick", "2. Price of a place", "5. Index", "8. Breaker"),
)
