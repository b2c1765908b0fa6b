"""Compound's DAI, November 2020: one venue at 1.30, and the exchange on chain that followed it."""

from __future__ import annotations

from random import Random
from typing import Final

from oracle.incidents.claims import forbidden, refused, within, wrong
from oracle.incidents.paths import Curve, swaying, through, times
from oracle.incidents.scenario import Note, Scenario, World, utc
from oracle.incidents.venues import Venue
from oracle.model.validity import Action

UP_S: Final = 1800.0
FULL_S: Final = 2400.0
DOWN_S: Final = 5400.0

CONFIG: Final = """
markets:
  DAI-USD:
    number: 0
    sources:
      - {source: "coinbase:DAI/USD"}
      - {source: "kraken:DAI/USD"}
      - {source: "bitfinex:DAI/USD"}
      - {source: "gemini:DAI/USD"}
      - {source: "uniswap2:DAI/USD"}
    mark: index_only
    min_sources: 3
    min_origins: 3
    max_age: 30s
    breaker:
      deviations: [{window: 15m, guarded: 1%, halted: 5%}]
      dwell: 60s
      recovery: 2m
"""


def _world(rng: Random) -> World:
    worth = swaying(through((0, 1.0)), rng, 2.0, 60, 7200)

    def pushed(behind_s: float) -> Curve:
        ramp = through(
            (UP_S + behind_s, 1.0),
            (FULL_S + behind_s / 3, 1.3),
            (DOWN_S, 1.3),
            (DOWN_S + 600, 1.0),
        )
        return times(worth, ramp)

    return World(
        (
            Venue("coinbase:DAI/USD", pushed(0), 10, 10.0, 2.0, 0.2),
            Venue("uniswap2:DAI/USD", pushed(180), 14, 30.0, 2.0, 1.5),
            *(
                Venue(f"{name}:DAI/USD", worth, 10, 10.0, 2.0, 0.2)
                for name in ("kraken", "bitfinex", "gemini")
            ),
        ),
        {"DAI-USD": worth},
    )


SCENARIO: Final = Scenario(
    id="compound-dai-2020",
    title="One venue, and the anchor that followed it",
    start=utc("2020-11-26T06:30"),
    story="DAI rose from 1.00 to 1.30 USD on Coinbase for an hour, Uniswap, which was to anchor "
    "it, followed, and Kraken and Bitfinex stayed at 1.00. The price was Coinbase's; 89 million "
    "USD of loans were liquidated.",
    accounts=("comp.xyz/t/dai-liquidation-event/642",),
    ours="The minutes of the rise and of the way back; a fifth venue at 1.00.",
    config=CONFIG,
    markets=("DAI-USD",),
    length_s=7200,
    step_s=10,
    world=_world,
    notes=(
        Note(UP_S, "Coinbase leaves 1.00"),
        Note(FULL_S, "Coinbase at 1.30, Uniswap follows"),
        Note(DOWN_S, "both go back"),
    ),
    checks=(
        within("index", 50, "The index stays within 0.5 % of 1.00."),
        refused(
            "coinbase:DAI/USD",
            {"outlier"},
            "Coinbase is named an outlier for the whole hour.",
            FULL_S + 30,
            DOWN_S,
        ),
        refused(
            "uniswap2:DAI/USD",
            {"outlier"},
            "Uniswap, which follows it, is named as well.",
            FULL_S + 90,
            DOWN_S,
        ),
        forbidden(
            [Action.OPEN, Action.WITHDRAW],
            "While two of five say otherwise nobody may open or withdraw on it.",
            FULL_S + 90,
            DOWN_S,
        ),
    ),
    naive=(wrong("mean", 1000, "The plain mean is more than 10 % too high."),),
    rules=("5. Index", "9. Validity"),
)
