"""Moonwell, February 2026: a configuration change that forgot to multiply with ETH/USD."""

from __future__ import annotations

from random import Random
from typing import Final

from oracle.incidents.claims import ends, nothing_published, refused, within, wrong
from oracle.incidents.paths import swaying, through, times
from oracle.incidents.scenario import Change, Note, Scenario, World, utc
from oracle.incidents.venues import Venue
from oracle.model.validity import BreakerState

CHANGED_S: Final = 660.0
"""18:01 UTC."""
MENDED_S: Final = 1260.0

_MARKETS: Final = """
defaults:
  mark: index_only
  max_age: 60s
  min_sources: 2
  min_origins: 2
  breaker:
    deviations: [{{window: 15m, guarded: 2%, halted: 6%}}]
    missing: 60s
    dwell: 30s
    recovery: 1m
markets:
  ETH-USD:
    number: 0
    sources: [{{source: "kraken:ETH/USD"}}, {{source: "coinbase:ETH/USD"}},
              {{source: "bitstamp:ETH/USD"}}]
  CBETH-USD:
    number: 1
    sources:
      - {{source: "feed:CBETH", base: CBETH, quote: {quote}}}
      - {{source: "uniswap3:CBETH", base: CBETH, quote: {quote}}}
      - {{source: "aerodrome:CBETH", base: CBETH, quote: {quote}}}
"""
CONFIG: Final = _MARKETS.format(quote="ETH")
WITHOUT_LEG: Final = _MARKETS.format(quote="USD")


def _world(rng: Random) -> World:
    ether = swaying(through((0, 1964.0)), rng, 6.0, 60, 2100)
    ratio = swaying(through((0, 1.12)), rng, 0.5, 60, 2100)
    return World(
        (
            *(Venue(f"{n}:ETH/USD", ether, 5, 2.0) for n in ("kraken", "coinbase", "bitstamp")),
            *(
                Venue(f"{n}:CBETH", ratio, 10, 4.0, 1.0, 1.0)
                for n in ("feed", "uniswap3", "aerodrome")
            ),
        ),
        {"ETH-USD": ether, "CBETH-USD": times(ether, ratio)},
    )


SCENARIO: Final = Scenario(
    id="moonwell-2026-02",
    title="A forgotten conversion",
    start=utc("2026-02-15T17:50"),
    story="A governance proposal set cbETH's price to its ratio against ETH and left out ETH/USD: "
    "instead of 2,200 USD it was 1.12. 1,096 cbETH were liquidated for about a dollar "
    "each, which left 1.78 million USD of bad debt.",
    accounts=("spendnode.io/blog",),
    ours="Three sources of the ratio, and when the mistake is mended.",
    config=CONFIG,
    markets=("CBETH-USD",),
    length_s=2100,
    step_s=5,
    world=_world,
    notes=(
        Note(CHANGED_S, "the new configuration has no ETH/USD leg"),
        Note(MENDED_S, "the old configuration is back"),
    ),
    checks=(
        nothing_published(
            "Not one price of 1.12 is published: the state outlived the change.",
            CHANGED_S,
            MENDED_S - 5,
        ),
        refused(
            "feed:CBETH",
            {"scale_jump"},
            "Every source is refused by scale against the market's last index.",
            CHANGED_S,
            MENDED_S - 5,
        ),
        within("mark", 25, "Whatever is published is within 0.25 % of the true price."),
        ends(BreakerState.NORMAL, "With the right configuration the market recovers by itself."),
    ),
    naive=(
        wrong("mean", 9900, "The plain mean is 1.12 USD."),
        wrong("median", 9900, "So is the plain median: all sources lack the same leg."),
    ),
    rules=("2. Price of a place", "8. Breaker"),
    changes=(Change(CHANGED_S, WITHOUT_LEG), Change(MENDED_S, CONFIG)),
)
