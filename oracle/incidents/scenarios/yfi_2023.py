"""YFI on dYdX, November 2023: a true fall by 43 % within an hour, published as it is."""

from __future__ import annotations

from random import Random
from typing import Final

from oracle.incidents.claims import allowed, forbidden, holds, no_halt_longer, within
from oracle.incidents.paths import swaying, through, times
from oracle.incidents.recording import Run
from oracle.incidents.scenario import Finding, Note, Scenario, World, utc
from oracle.incidents.venues import Venue
from oracle.model.validity import Action

FALL_S: Final = 1200.0
LOW_S: Final = 4500.0
VENUES: Final = ("binance", "coinbase", "kraken", "okx", "bitfinex")

CONFIG: Final = """
markets:
  YFI-USD:
    number: 0
    sources:
      - {source: "binance:YFI/USD"}
      - {source: "coinbase:YFI/USD"}
      - {source: "kraken:YFI/USD"}
      - {source: "okx:YFI/USD"}
      - {source: "bitfinex:YFI/USD"}
    perps: [{source: "dydx:YFI/USD"}, {source: "binanceusdm:YFI/USD"}]
    mark: {method: index_basis, max_basis: 2%}
    min_sources: 3
    min_origins: 3
    max_age: 15s
    breaker:
      deviations: [{window: 5m, guarded: 3%, halted: 15%}]
      alarm_sources: 4
      dwell: 30s
      recovery: 1m
"""


def _world(rng: Random) -> World:
    path = through(
        (0, 14_500.0),
        (FALL_S, 14_300.0),
        (2400, 12_600.0),
        (3000, 11_100.0),
        (3600, 9_900.0),
        (4200, 9_000.0),
        (LOW_S, 8_300.0),
        (5400, 9_000.0),
        (7200, 9_300.0),
    )
    worth = swaying(path, rng, 12.0, 60, 7200)
    discount = through((0, 1.0), (FALL_S, 1.0), (LOW_S, 0.99), (7200, 1.0))
    return World(
        (
            *(Venue(f"{name}:YFI/USD", worth, 5, 10.0, 3.0) for name in VENUES),
            *(
                Venue(f"{name}:YFI/USD", times(worth, discount), 5, 12.0, 4.0)
                for name in ("dydx", "binanceusdm")
            ),
        ),
        {"YFI-USD": worth},
    )


def _low(run: Run) -> Finding:
    lowest = min(moment.mark for moment in run.during() if moment.mark is not None)
    return Finding(lowest <= 8_350, f"lowest mark {lowest:,.0f}")


SCENARIO: Final = Scenario(
    id="yfi-2023-11-17",
    title="A crowded trade falls by 43 %",
    start=utc("2023-11-17T22:00"),
    story="YFI fell from 14,500 to 8,300 USD on all venues. 38 million USD of positions were "
    "liquidated on dYdX, and 9 million came out of its insurance fund. The price was right; the "
    "open interest was too large for it.",
    accounts=("dYdX, reported by Binance Square",),
    ours="The path between the named prices, and the perps' discount.",
    config=CONFIG,
    markets=("YFI-USD",),
    length_s=7200,
    step_s=5,
    world=_world,
    notes=(Note(FALL_S, "the fall begins"), Note(LOW_S, "8,300 USD")),
    checks=(
        within("mark", 150, "The mark follows all the way, within the perps' discount of 1 %."),
        no_halt_longer(0.0, "There is a price at every step."),
        holds("the low is published", "The lowest price is published raw, not slowed.", _low),
        allowed(Action.LIQUIDATE, "Liquidations go on at every step, so that losses stay small."),
        forbidden(
            [Action.OPEN],
            "In the steepest part nobody may open: the market is GUARDED.",
            4250,
            LOW_S,
        ),
    ),
    rules=("7. Mark", "8. Breaker", "9. Validity"),
)
