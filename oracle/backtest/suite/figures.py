"""Run all data sets; return every figure of `docs/accuracy.md` as plain data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from oracle.backtest.alternatives import FOREVER_NS, alternatives
from oracle.backtest.compare import compare, with_methods
from oracle.backtest.facts import facts, quantiles
from oracle.backtest.parameters import MINUTE_NS, SWEEPS, in_section
from oracle.backtest.resilience import Plan, extended, study
from oracle.backtest.run import MarketRun, run
from oracle.backtest.suite.binance_funding_times import binance_funding_times
from oracle.backtest.suite.bybit_tickers import bybit_tickers
from oracle.backtest.suite.chainlink_pool import chainlink_pool
from oracle.backtest.suite.dataset import Dataset
from oracle.backtest.suite.hyperliquid_snapshot import hyperliquid_snapshot
from oracle.backtest.suite.oct10_btc import oct10_btc
from oracle.backtest.suite.oct10_spot import oct10_spot
from oracle.backtest.suite.two_venues import two_venues
from oracle.backtest.suite.usdc_depeg import usdc_depeg
from oracle.backtest.sweeps import sweep_all
from oracle.engine.spec import MarketSpec, Weighting

Progress = Callable[[str, float], None]
"""Told what is being done, and how much of all of it is done, 0 to 1."""

PUBLISHED: Final = (
    usdc_depeg,
    binance_funding_times,
    bybit_tickers,
    hyperliquid_snapshot,
    oct10_btc,
    chainlink_pool,
    two_venues,
)
MOST_SOURCES: Final = 9
_ATTACKED_MARKET: Final = "BTC-USD.all"
_PARTS: Final = len(PUBLISHED) + 5


def suite(data: Path, progress: Progress = lambda _what, _share: None) -> dict[str, Any]:
    """Return the figures, with everything that was chosen on a first half reported on the second.

    Raises:
        ConfigError: a file of the data folder is missing or not what it should be.
    """
    made: dict[str, Any] = {"published": []}
    for at, load in enumerate(PUBLISHED):
        progress(load.__name__.replace("_", " "), at / _PARTS)
        made["published"].append(against_published(load(data)))
    depeg, spot = usdc_depeg(data), oct10_spot(data)
    progress("honest sources", (_PARTS - 5) / _PARTS)
    panels = [(depeg, _market(depeg, _ATTACKED_MARKET)), (spot, _market(spot, "POL-USD"))]
    made["facts"] = [_facts(dataset, market) for dataset, market in panels]
    progress("k of n sources lie", (_PARTS - 4) / _PARTS)
    made["resilience"] = resilience(*panels[0])
    made["sweeps"] = []
    for at, (dataset, market) in enumerate(panels):
        progress("parameters", (_PARTS - 3 + at) / _PARTS)
        made["sweeps"].append(_sweeps(dataset, market))
    progress("alternatives", (_PARTS - 1) / _PARTS)
    made["alternatives"] = [_group_caps(depeg), _weights(depeg), _basis(oct10_btc(data))]
    progress("done", 1.0)
    return made


def against_published(dataset: Dataset) -> dict[str, Any]:
    """Compare the second half of a data set with what was published in it."""
    runs = run(with_methods(dataset.spec), dataset.recording.steps(dataset.step_ns))
    known = [each.between(dataset.split_ns, FOREVER_NS) for each in dataset.published]
    together = len({each.market.partition("-")[0] for each in known}) > 1
    title = f"all {len(known)} markets" if together else ""
    groups = [known] if together else [[each] for each in known]
    return {
        "name": dataset.name,
        "title": dataset.title,
        "shows": dataset.shows,
        "limits": dataset.limits,
        "comparisons": [c.plain() for group in groups for c in compare(runs, group, title)],
    }


def resilience(dataset: Dataset, market: MarketRun) -> dict[str, Any]:
    """Let k of n sources lie over the second half, with made sources where too few are recorded."""
    second = market.time_ns >= dataset.split_ns
    panel = market.sources
    prices = extended(panel.prices[second], MOST_SOURCES)
    recorded = panel.volumes[second]
    volumes = np.hstack([recorded, recorded])[:, :MOST_SOURCES]
    outcomes = study(prices, volumes, market.time_ns[second], market.market, Plan())
    return {
        "title": dataset.title,
        "recorded": list(panel.sources),
        "steps": int(second.sum()),
        "outcomes": [outcome.plain() for outcome in outcomes],
    }


def _market(dataset: Dataset, name: str) -> MarketRun:
    return run(dataset.spec, dataset.recording.steps(dataset.step_ns))[name]


def _facts(dataset: Dataset, market: MarketRun) -> dict[str, Any]:
    figures = facts(market)
    first = market.time_ns < dataset.split_ns
    return {
        "title": dataset.title,
        "first": quantiles({k: v[first[: len(v)]] for k, v in figures.items()}),
        "second": quantiles({k: v[~first[: len(v)]] for k, v in figures.items()}),
    }


def _sweeps(dataset: Dataset, market: MarketRun) -> dict[str, Any]:
    most = max(sweep.attack.sources for sweep in SWEEPS)
    prices = market.sources.prices
    prices = extended(prices, max(most, prices.shape[1]))
    swept = sweep_all(SWEEPS, prices, market.time_ns, dataset.split_ns, market.market)
    coin = market.market.name.partition("-")[0]
    return {
        "coin": coin,
        "title": dataset.title,
        "swept": [each.plain() for each in swept],
    }


def _group_caps(dataset: Dataset) -> dict[str, Any]:
    """Cap what one quote currency may weigh, where all are taken at par."""

    def capped(share: float) -> Callable[[MarketSpec], MarketSpec]:
        def change(market: MarketSpec) -> MarketSpec:
            grouped = tuple(
                replace(source, group=source.source.split("/")[1]) for source in market.sources
            )
            weights = replace(market.weights, group_cap=share)
            return replace(market, sources=grouped, weights=weights)

        return change

    values = [(f"{share:.0%}", capped(share)) for share in (1.0, 0.6, 0.5, 0.4, 0.34)]
    return _alternatives(dataset, "weights.group_cap, all quotes at par", "BTC-USD.par", values)


def _weights(dataset: Dataset) -> dict[str, Any]:
    values = [
        ("equal", in_section("weights")),
        ("equal, group_cap 40%", in_section("weights", group_cap=0.4)),
        ("volume", in_section("weights", by=Weighting.VOLUME)),
        ("volume, origin_cap 40%", in_section("weights", by=Weighting.VOLUME, origin_cap=0.4)),
    ]
    return _alternatives(dataset, "weights, quotes converted", "BTC-USD", values)


def _basis(dataset: Dataset) -> dict[str, Any]:
    seconds = (30, 60, 150, 300, 900, 3600)
    values = [(f"{s} s", in_section("mark", basis_ns=s * MINUTE_NS // 60)) for s in seconds]
    return _alternatives(dataset, "mark.basis of index_basis", "BTC-USD", values)


def _alternatives(
    dataset: Dataset,
    parameter: str,
    market: str,
    values: Sequence[tuple[str, Callable[[MarketSpec], MarketSpec]]],
) -> dict[str, Any]:
    known = next(each for each in dataset.published if each.market == market)
    made = alternatives(
        dataset.spec,
        market,
        values,
        dataset.recording,
        dataset.step_ns,
        known,
        dataset.split_ns,
    )
    return {
        "parameter": parameter,
        "title": dataset.title,
        "values": [each.plain() for each in made],
    }
