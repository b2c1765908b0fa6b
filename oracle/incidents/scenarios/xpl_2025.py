"""XPL on Hyperliquid, August 2025: one perp venue tripled within two minutes."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Final

from oracle.incidents.claims import END, forbidden, holds, published, within, wrong
from oracle.incidents.paths import swaying, through
from oracle.incidents.recording import Run
from oracle.incidents.scenario import Finding, Note, Scenario, World, utc
from oracle.incidents.venues import Venue
from oracle.model.validity import Action

PUSH_S: Final = 300.0
PEAK_S: Final = 420.0
FALLS_S: Final = 540.0
MAX_BASIS: Final = 0.05

CONFIG: Final = """
markets:
  XPL-USD:
    number: 0
    sources:
      - {source: "gate:XPL/USD"}
      - {source: "mexc:XPL/USD"}
      - {source: "bitget:XPL/USD"}
      - {source: "whales:XPL/USD"}
    perps:
      - {source: "hyperliquid:XPL/USD"}
      - {source: "binanceusdm:XPL/USD"}
      - {source: "bybit:XPL/USD"}
    mark: {method: median3_ema, own: "hyperliquid:XPL/USD", max_basis: 5%}
    min_sources: 3
    min_origins: 3
    breaker:
      deviations: [{window: 5m, guarded: 5%, halted: 20%}]
      mark: {guarded: 2%}
"""


def _world(rng: Random) -> World:
    worth = swaying(
        through((0, 0.59), (PUSH_S, 0.585), (PEAK_S, 0.56), (FALLS_S, 0.55)), rng, 8.0, 20, 1500
    )
    own = through(
        (0, 0.592),
        (PUSH_S, 0.6),
        (PEAK_S, 1.8),
        (FALLS_S, 1.8),
        (720, 0.62),
        (900, 0.555),
        (1500, 0.551),
    )
    perp = partial(Venue, every_s=1, spread_bps=10.0, noise_bps=3.0, trades=True)
    spot = ("gate:XPL/USD", "mexc:XPL/USD", "bitget:XPL/USD", "whales:XPL/USD")
    return World(
        (
            *(Venue(source, worth, 2, 20.0, 4.0) for source in spot),
            perp("binanceusdm:XPL/USD", worth),
            perp("bybit:XPL/USD", worth),
            perp("hyperliquid:XPL/USD", own),
        ),
        {"XPL-USD": worth},
    )


def _held(run: Run) -> Finding:
    worst = max(
        abs((moment.mark or 0.0) / (moment.index or 1.0) - 1.0)
        for moment in published(run.during())
    )
    return Finding(worst <= MAX_BASIS * 1.0001, f"at most {worst:.2%} from the index")


SCENARIO: Final = Scenario(
    id="xpl-2025-08-26",
    title="One perp venue triples",
    start=utc("2025-08-26T21:30"),
    story="Before XPL was issued its perpetual on Hyperliquid was marked by its own trades. "
    "Somebody swept its book from 0.6 to 1.8 USD within two minutes, while Binance stood at 0.55; "
    "shorts were liquidated at the top. Since then marks there are capped and take other venues.",
    accounts=(
        "ForkLog",
        "Binance Square",
    ),
    ours="Pre-market venues as the index, and the minutes after the peak.",
    config=CONFIG,
    markets=("XPL-USD",),
    length_s=1500,
    step_s=1,
    world=_world,
    notes=(
        Note(PUSH_S, "the own book is swept"),
        Note(PEAK_S, "1.80 there, 0.56 elsewhere"),
        Note(FALLS_S, "it falls back"),
    ),
    checks=(
        within("index", 50, "The index stays within 0.5 % of what the other venues say."),
        holds("mark held", "The mark stays within 5 % of the index, its configured bound.", _held),
        within("mark", 520, "So nobody is liquidated at 1.80."),
        forbidden(
            [Action.OPEN],
            "While the own book stands apart the market is GUARDED: nobody may open.",
            PEAK_S,
            FALLS_S,
        ),
        within(
            "mark",
            100,
            "After the push the mark comes back to the index by itself.",
            start_s=1440,
            end_s=END,
            name="mark comes back",
        ),
    ),
    naive=(wrong("mean", 2500, "The plain mean of all venues is more than 25 % too high."),),
    rules=("2. Price of a place", "7. Mark", "8. Breaker"),
)
