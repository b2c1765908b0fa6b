"""10 October 2025: USDe, wBETH and ATOM broke on one venue, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from random import Random
from typing import Final

from oracle.incidents.claims import allowed, holds, off_bps, refused, within, wrong
from oracle.incidents.paths import Curve, Path, during, swaying, through, times
from oracle.incidents.recording import Run
from oracle.incidents.scenario import Finding, Note, Scenario, World, utc
from oracle.incidents.venues import Venue
from oracle.model.validity import Action

BREAKS_S: Final = 360.0
"""21:36 UTC."""
LOW_S: Final = 840.0
ETHER: Final = 3560.0
"""ETH at the low, and how many one wBETH is."""
STAKED: Final = 1.08
ATOM_S: Final = (900.0, 960.0)
MENDED_S: Final = 2760.0
"""22:16 UTC."""

CONFIG: Final = """
defaults:
  mark: index_only
  max_age: 30s
  min_sources: 3
  min_origins: 3
  breaker: {deviations: [{window: 5m, guarded: 3%, halted: 12%}], dwell: 30s, recovery: 1m}
markets:
  USDT-USD:
    number: 0
    sources: [{source: "kraken:USDT/USD"}, {source: "coinbase:USDT/USD"},
              {source: "bitstamp:USDT/USD"}]
    breaker: {peg: {guarded: 1%, cut: 5%}}
  USDE-USD:
    number: 1
    sources: [{source: "binance:USDE/USDT"}, {source: "bybit:USDE/USDT"},
              {source: "gate:USDE/USDT"}, {source: "curve:USDE/USD"}, {source: "fluid:USDE/USDT"}]
    breaker: {peg: {guarded: 1%, cut: 3%}}
  ETH-USD:
    number: 2
    sources: [{source: "kraken:ETH/USD"}, {source: "coinbase:ETH/USD"},
              {source: "binance:ETH/USDT"}, {source: "okx:ETH/USDT"}, {source: "bybit:ETH/USDE"}]
  WBETH-USD:
    number: 3
    sources: [{source: "binance:WBETH/USDT"}, {source: "gate:WBETH/USDT"},
              {source: "uniswap3:WBETH/ETH"}, {source: "curve:WBETH/ETH"}]
  ATOM-USD:
    number: 4
    sources: [{source: "binance:ATOM/USDT"}, {source: "kraken:ATOM/USD"},
              {source: "coinbase:ATOM/USD"}, {source: "okx:ATOM/USDT"}]
"""


def _world(rng: Random) -> World:
    swayed = partial(swaying, rng=rng, every_s=60, end_s=3000)
    tether = swayed(through((0, 1.0005)), bps=1.0)
    dollar = swayed(
        through((BREAKS_S, 1.0), (LOW_S, 0.935), (1500, 0.965), (MENDED_S, 0.995)), bps=6.0
    )
    ether = swayed(
        through((0, 3900.0), (BREAKS_S, 3790.0), (LOW_S, ETHER), (1500, 3700.0), (3000, 3760.0)),
        bps=6.0,
    )
    atom = swayed(through((0, 3.6), (LOW_S, 3.15), (1500, 3.3), (3000, 3.35)), bps=8.0)
    staked = through((0, STAKED))
    worth = {
        "USDT-USD": tether,
        "USDE-USD": dollar,
        "ETH-USD": ether,
        "WBETH-USD": times(ether, staked),
        "ATOM-USD": atom,
    }
    sound = (
        *_quoted(("kraken:USDT/USD", "coinbase:USDT/USD", "bitstamp:USDT/USD"), tether),
        *_quoted(("bybit:USDE/USDT", "gate:USDE/USDT"), times(dollar, 0.999)),
        *_quoted(("curve:USDE/USD", "fluid:USDE/USDT"), dollar),
        *_quoted(("kraken:ETH/USD", "coinbase:ETH/USD"), ether),
        *_quoted(("binance:ETH/USDT", "okx:ETH/USDT"), _over(ether, tether)),
        *_quoted(("bybit:ETH/USDE",), _over(ether, times(dollar, 0.995))),
        *_quoted(("gate:WBETH/USDT",), _over(worth["WBETH-USD"], tether)),
        *_quoted(("uniswap3:WBETH/ETH", "curve:WBETH/ETH"), staked),
        *_quoted(("kraken:ATOM/USD", "coinbase:ATOM/USD"), atom),
        *_quoted(("okx:ATOM/USDT",), _over(atom, tether)),
    )
    return World((*sound, *_broken(worth)), worth)


def _broken(worth: Mapping[str, Curve]) -> list[Venue]:
    """Return what the one venue says of the three coins."""
    dollar = through((BREAKS_S, 1.0), (LOW_S, 0.6567 / 0.935), (1800, 0.85), (MENDED_S, 1.0))
    wbeth = through(
        (BREAKS_S, 1.0), (LOW_S, 430.0 / (ETHER * STAKED)), (1500, 0.6), (MENDED_S, 1.0)
    )
    sold = times(_over(worth["WBETH-USD"], worth["USDT-USD"]), wbeth)
    atom = during(_over(worth["ATOM-USD"], worth["USDT-USD"]), *ATOM_S, 0.001)
    return [
        *_quoted(("binance:USDE/USDT",), times(worth["USDE-USD"], dollar)),
        *_quoted(("binance:WBETH/USDT",), sold),
        *_quoted(("binance:ATOM/USDT",), atom),
    ]


def _quoted(sources: tuple[str, ...], path: Path) -> list[Venue]:
    return [Venue(source, path, 5, 4.0, 1.5) for source in sources]


def _over(path: Curve, currency: Curve) -> Curve:
    """Return a path in another currency."""
    return lambda t_s: path(t_s) / currency(t_s)


def _above(run: Run) -> Finding:
    lowest = min(moment.index or 0.0 for moment in run.during())
    return Finding(lowest > 0.90, f"lowest index {lowest:.4f}")


def _others(run: Run) -> Finding:
    worst = {
        market: max(off_bps(run.during(market=market), "mark"))
        for market in ("ETH-USD", "WBETH-USD", "ATOM-USD")
    }
    seen = ", ".join(f"{market} {bps:.0f} bps" for market, bps in worst.items())
    return Finding(max(worst.values()) <= 50, seen)


def _depegged(run: Run) -> Finding:
    kinds = [each.event.after for each in run.transitions("USDE-USD") if each.event.kind == "peg"]
    return Finding(kinds == ["off peg", "on peg"], ", then ".join(kinds) or "no event of the peg")


SCENARIO: Final = Scenario(
    id="usde-2025-10-10",
    title="One venue breaks for three coins",
    start=utc("2025-10-10T21:30"),
    story="In the largest liquidation so far USDe fell to 0.6567 on Binance and stood at 0.90 to "
    "0.97 elsewhere, wBETH was sold there at 430 USD, ATOM printed near zero. Their own order book "
    "was the price of this collateral; 283 million USD were paid back to customers.",
    accounts=("market data of that day and its reports, which differ by venue",),
    ours="The paths between the named prices; that one ETH market quotes in USDe.",
    config=CONFIG,
    markets=("USDE-USD", "WBETH-USD", "ATOM-USD", "ETH-USD"),
    length_s=3000,
    step_s=5,
    world=_world,
    notes=(
        Note(BREAKS_S, "Binance's books begin to break"),
        Note(LOW_S, "USDe 0.6567 and wBETH 430 there; ATOM near 0 soon after"),
        Note(MENDED_S, "books agree again"),
    ),
    checks=(
        holds("above 0.90", "The index of USDe stays above 0.90.", _above),
        within("index", 40, "And within 0.4 % of what the other venues say.", name="index right"),
        holds(
            "the depeg is an event",
            "USDe leaves its peg and regains it: both are events of that market.",
            _depegged,
        ),
        refused(
            "bybit:ETH/USDE",
            {"conversion_depegged"},
            "While it is off its peg nothing converts through USDe.",
            LOW_S - 120,
            LOW_S + 300,
            "ETH-USD",
        ),
        refused(
            "binance:WBETH/USDT",
            {"scale_jump"},
            "wBETH at 430 USD is refused as off by a factor.",
            LOW_S - 5,
            LOW_S + 10,
            "WBETH-USD",
        ),
        refused(
            "binance:ATOM/USDT",
            {"scale_jump"},
            "ATOM near zero is refused as off by a factor.",
            ATOM_S[0] + 10,
            ATOM_S[1],
            "ATOM-USD",
        ),
        holds("not poisoned", "No other market is more than 0.5 % off at any time.", _others),
        allowed(Action.LIQUIDATE, "ETH can be liquidated throughout.", market="ETH-USD"),
    ),
    naive=(
        wrong("mean", 500, "The plain mean of USDe is more than 5 % too low."),
        wrong("mean", 2000, "That of wBETH more than 20 %.", market="WBETH-USD", name="wBETH"),
        wrong("mean", 2000, "And that of ATOM more than 20 %.", market="ATOM-USD", name="ATOM"),
    ),
    rules=("2. Price of a place", "3. Conversion", "5. Index"),
)
