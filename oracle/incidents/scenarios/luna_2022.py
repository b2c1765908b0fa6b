"""LUNA, May 2022: the market at a hundred-thousandth, a feed frozen at its floor."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Final

from oracle.incidents.claims import holds, nothing_published, refused, within, wrong
from oracle.incidents.paths import during, swaying, through
from oracle.incidents.recording import Run
from oracle.incidents.scenario import Finding, Note, Scenario, World, utc
from oracle.incidents.venues import Venue

HOUR: Final = 3600.0
FLOOR: Final = 0.107
AT_FLOOR_S: Final = 54 * HOUR
FAR_BELOW_S: Final = 58 * HOUR
SUSPENDED_S: Final = 72 * HOUR
EXCHANGES: Final = ("binance", "okx", "kucoin", "kraken", "gate")

CONFIG: Final = """
markets:
  LUNA-USD:
    number: 0
    sources:
      - {source: "binance:LUNA/USD"}
      - {source: "okx:LUNA/USD"}
      - {source: "kucoin:LUNA/USD"}
      - {source: "kraken:LUNA/USD"}
      - {source: "gate:LUNA/USD"}
      - {source: "floored:LUNA/USD"}
    mark: index_only
    min_sources: 3
    min_origins: 3
    max_age: 5m
    max_confidence: 3%
    admission: {max_unchanged: 20m, unchanged: 5%}
    breaker:
      deviations:
        - {window: 15m, guarded: 5%, halted: 30%}
        - {window: 1h, guarded: 15%}
      alarm_sources: 4
      missing: 10m
      dwell: 5m
      recovery: 10m
"""


def _world(rng: Random) -> World:
    path = through(
        (0, 80.0),
        (24 * HOUR, 17.0),
        (40 * HOUR, 1.2),
        (AT_FLOOR_S, FLOOR),
        (60 * HOUR, 0.01),
        (SUSPENDED_S, 0.00001),
    )
    worth = swaying(path, rng, 60.0, 600, 74 * HOUR)
    exchange = partial(Venue, every_s=60, spread_bps=30.0, noise_bps=8.0, latency_s=0.3)
    return World(
        (
            *(
                exchange(f"{name}:LUNA/USD", during(worth, SUSPENDED_S, 1e9, None))
                for name in EXCHANGES
            ),
            Venue("floored:LUNA/USD", lambda t_s: max(worth(t_s), FLOOR), 120, 0.0, 0.0, 2.0),
        ),
        {"LUNA-USD": worth},
    )


def _last(run: Run) -> Finding:
    last = next(m for m in reversed(run.during()) if m.mark is not None)
    return Finding((last.mark or 1.0) < 2e-5, f"last mark {last.mark:.3g}")


SCENARIO: Final = Scenario(
    id="luna-2022-05",
    title="A feed frozen at its floor",
    start=utc("2022-05-10T00:00"),
    story="LUNA fell from 80 to 0.00001 USD within three days. A price feed had a lowest answer, "
    "0.107, and stood still there while the market was at 0.01 and below; Venus lost 11.2 and "
    "Blizz 8.3 million USD to those who borrowed against LUNA at 0.107.",
    accounts=(
        "Arbitrary Execution, circuit breakers: a Chainlink deep dive",
        "Cointelegraph",
    ),
    ours="The path between the named prices, and that all exchanges suspend trading in the end.",
    config=CONFIG,
    markets=("LUNA-USD",),
    length_s=73 * HOUR,
    step_s=120,
    world=_world,
    notes=(
        Note(AT_FLOOR_S, "the market passes the feed's floor"),
        Note(FAR_BELOW_S, "the feed says many times the market"),
        Note(SUSPENDED_S, "exchanges suspend trading, the feed goes on"),
    ),
    checks=(
        within("mark", 300, "What is published follows the market within 3 %, over seven decades."),
        refused(
            "floored:LUNA/USD",
            {"frozen", "scale_jump"},
            "The feed at its floor is refused by name, however long it stands there.",
            AT_FLOOR_S + HOUR,
            73 * HOUR,
        ),
        holds("no floor", "The last price is of the order of 0.00001: there is no floor.", _last),
        nothing_published(
            "When only the frozen feed is left nothing is published: never a frozen number.",
            SUSPENDED_S + 600,
            73 * HOUR,
        ),
    ),
    naive=(wrong("mean", 1e6, "The plain mean is hundreds of times too high."),),
    rules=("2. Price of a place", "5. Index", "9. Validity"),
    warm_s=3600,
)
