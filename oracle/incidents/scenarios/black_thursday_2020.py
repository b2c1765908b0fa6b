"""Black Thursday, March 2020: a true fall by half, which must be followed and not stopped."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Final

from oracle.incidents.claims import holds, no_halt_longer, refused, within, wrong
from oracle.incidents.paths import swaying, through
from oracle.incidents.recording import Run
from oracle.incidents.scenario import Finding, Note, Scenario, World, utc
from oracle.incidents.venues import Venue

HOUR: Final = 3600.0
LATE_S: Final = 10.75 * HOUR
ON_TIME_S: Final = 12 * HOUR
LOW_S: Final = 26.3 * HOUR
POLICY_S: Final = 300.0
"""The longest halt that the operator accepts in a market that only moves."""

CONFIG: Final = """
defaults: {max_age: 90s, mark: index_only}
markets:
  ETH-USD:
    number: 0
    sources:
      - {source: "coinbase:ETH/USD"}
      - {source: "kraken:ETH/USD"}
      - {source: "bitstamp:ETH/USD"}
      - {source: "latea:ETH/USD"}
      - {source: "lateb:ETH/USD"}
    min_sources: 3
    min_origins: 3
    outlier: {floor: 1%}
    breaker:
      deviations:
        - {window: 5m, guarded: 3%, halted: 15%}
        - {window: 1h, guarded: 10%}
      alarm_sources: 4
      dwell: 60s
      recovery: 2m
"""


def _world(rng: Random) -> World:
    path = through(
        (0, 194.97),
        (10.7 * HOUR, 184.0),
        (10.82 * HOUR, 166.0),
        (11.0 * HOUR, 154.0),
        (12.0 * HOUR, 136.0),
        (18.0 * HOUR, 130.0),
        (23.0 * HOUR, 117.0),
        (23.5 * HOUR, 105.0),
        (26.15 * HOUR, 104.0),
        (LOW_S, 95.87),
        (26.8 * HOUR, 106.0),
        (28.0 * HOUR, 112.0),
    )
    worth = swaying(path, rng, 40.0, 300, 28 * HOUR)
    exchange = partial(Venue, price=worth, every_s=30, spread_bps=8.0, noise_bps=3.0, latency_s=0.3)
    late = partial(exchange, delay_s=lambda t_s: 600.0 if LATE_S <= t_s < ON_TIME_S else 0.0)
    return World(
        (
            *(exchange(f"{name}:ETH/USD") for name in ("coinbase", "kraken", "bitstamp")),
            *(late(f"{name}:ETH/USD") for name in ("latea", "lateb")),
        ),
        {"ETH-USD": worth},
    )


def _low(run: Run) -> Finding:
    marks = [moment.mark for moment in run.during() if moment.mark is not None]
    return Finding(min(marks) <= 96.5, f"lowest mark {min(marks):.2f}")


SCENARIO: Final = Scenario(
    id="black-thursday-2020",
    title="A true fall by half",
    start=utc("2020-03-12T00:00"),
    story="ETH fell from 194.97 to 136 USD in twelve hours and to 95.87 by the next night. With "
    "gas at 80 to 200 gwei relayers came late, and the price on chain stood some 30 USD too high; "
    "8.3 million USD of collateral went for bids of zero.",
    accounts=(
        "DeFi Saver",
        "Glassnode",
        "Odaily",
    ),
    ours="The path between the named prices; two feeds that arrive ten minutes late while the "
    "first fall overloads them.",
    config=CONFIG,
    markets=("ETH-USD",),
    length_s=28 * HOUR,
    step_s=30,
    world=_world,
    notes=(
        Note(LATE_S, "two feeds arrive ten minutes late"),
        Note(ON_TIME_S, "136 USD; they are on time again"),
        Note(LOW_S, "95.87 USD"),
    ),
    checks=(
        within("mark", 100, "The mark follows the true price within 1 %, in both falls."),
        no_halt_longer(POLICY_S, "A true move halts the market for no longer than the policy."),
        holds("the low is published", "The lowest price is published, not cut off.", _low),
        refused(
            "latea:ETH/USD",
            {"stale"},
            "A feed that arrives late is refused by its event time.",
            LATE_S + 120,
            ON_TIME_S,
        ),
    ),
    naive=(
        wrong("mean", 200, "A plain mean by time of arrival lags more than 2 % behind the fall."),
    ),
    rules=("1. Admission of a tick", "8. Breaker", "9. Validity"),
    warm_s=3600,
)
