"""Each defence taken away makes its incident happen again: the checks can fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from oracle.engine.spec import OFF, DeviationSpec, EngineSpec, MarketSpec
from oracle.incidents.catalogue import SCENARIOS
from oracle.incidents.run import play

Alter = Callable[[MarketSpec], MarketSpec]


def _rules(part: str, **changes: Any) -> Alter:
    """Change a market's admission, breaker, mark, twap or outlier rules."""
    return lambda market: replace(market, **{part: replace(getattr(market, part), **changes)})


def _market(**changes: Any) -> Alter:
    return lambda market: replace(market, **changes)


def _sources(*kept: str) -> Alter:
    """Believe one of these alone."""

    def alter(market: MarketSpec) -> MarketSpec:
        sources = tuple(each for each in market.sources if each.source in kept)
        return replace(market, sources=sources, min_sources=1, min_origins=1)

    return alter


def _weight(source: str, weight: float) -> Alter:
    def alter(market: MarketSpec) -> MarketSpec:
        sources = (
            replace(each, weight=weight) if each.source == source else each
            for each in market.sources
        )
        return replace(market, sources=tuple(sources))

    return alter


def _both(first: Alter, second: Alter) -> Alter:
    return lambda market: second(first(market))


NEVER_FROZEN = _rules("admission", max_unchanged_ns=0)
NO_MEMORY = _rules("admission", scale_memory_ns=0)
NO_SCALE = _rules("admission", max_scale=1e12, leg_scale=1e12)
ALONE = _market(min_sources=1, min_origins=1)
NO_BREAKER = _rules("breaker", deviations=(), missing_halted_ns=0)
NERVOUS = _rules("breaker", deviations=(DeviationSpec(300 * 10**9, 30, 60),), latch=True)

TAKEN_AWAY = {
    "skrw-2019": {
        "scale": (NO_SCALE, "apic:KRW/USD scale_jump"),
        "quorum": (ALONE, "nothing published"),
        "alarm": (_rules("breaker", alarm_sources=0), "GUARDED by sources"),
    },
    "black-thursday-2020": {
        "patience": (NERVOUS, "no false halt"),
        "event time": (
            lambda m: replace(
                m, sources=tuple(replace(s, max_age_ns=3600 * 10**9) for s in m.sources)
            ),
            "latea:ETH/USD stale",
        ),
    },
    "compound-dai-2020": {
        "many venues": (_sources("coinbase:DAI/USD", "uniswap2:DAI/USD"), "index right"),
        "confidence": (_market(max_confidence_bps=1e6), "no open or withdraw"),
    },
    "pyth-btc-2021-09-20": {"scale": (NO_SCALE, "wrongexponent:BTC/USD scale_jump")},
    "luna-2022-05": {
        "frozen": (
            _both(NEVER_FROZEN, NO_SCALE),
            "floored:LUNA/USD frozen or scale_jump",
        ),
        "quorum": (
            _both(_both(NEVER_FROZEN, NO_SCALE), _both(ALONE, NO_BREAKER)),
            "nothing published",
        ),
    },
    "gmx-avax-2022-09": {"one vote each": (_weight("thin:AVAX/USD", 10.0), "index right")},
    "mango-2022-10-11": {
        "breaker": (_both(NO_BREAKER, _market(max_confidence_bps=1e6)), "policy"),
        "twap": (
            _both(NO_BREAKER, lambda m: replace(m, twap=replace(m.twap, window_ns=10**9))),
            "collateral",
        ),
    },
    "yfi-2023-11-17": {"patience": (NERVOUS, "no false halt")},
    "jelly-2025-03-26": {
        "breaker": (NO_BREAKER, "halted before double"),
        "latch": (_rules("breaker", latch=False), "ends HALTED"),
    },
    "xpl-2025-08-26": {
        "basis": (_rules("mark", max_basis_bps=1e5), "mark held"),
        "mark trigger": (_rules("breaker", mark_guarded_bps=OFF), "no open"),
    },
    "usde-2025-10-10": {
        "one vote each": (_weight("binance:USDE/USDT", 10.0), "above 0.90"),
        "peg": (_rules("breaker", peg=None), "bybit:ETH/USDE conversion_depegged"),
        "scale": (NO_SCALE, "binance:ATOM/USDT scale_jump"),
    },
    "moonwell-2025-11": {"scale": (NO_SCALE, "feed:WRSETH/ETH scale_jump")},
    "moonwell-2026-02": {
        "memory of the scale": (NO_MEMORY, "feed:CBETH scale_jump"),
        "memory and breaker": (_both(NO_MEMORY, NO_BREAKER), "nothing published"),
    },
    "capo-2026-03": {"clamp": (_rules("twap", clamp_bps=OFF), "value and time together")},
}
"""By incident: the defence, what takes it away, and the claim that is false without it."""

CASES = [
    pytest.param(name, alter, claim, id=f"{name} without {defence}")
    for name, defences in TAKEN_AWAY.items()
    for defence, (alter, claim) in defences.items()
]


@pytest.mark.parametrize(("name", "alter", "claim"), CASES)
def test_without_its_defence_a_claim_is_false(name: str, alter: Alter, claim: str) -> None:
    """The check that goes red is the one the defence is there for."""

    def altered(spec: EngineSpec) -> EngineSpec:
        return replace(spec, markets=tuple(alter(market) for market in spec.markets))

    run = play(SCENARIOS[name], altered=altered)
    (check,) = (check for check in SCENARIOS[name].checks if check.name == claim)
    finding = check.judge(run)
    assert not finding.ok, finding.seen


def test_every_incident_has_a_defence_to_take_away() -> None:
    """A scenario that would hold without any rule does not belong here."""
    assert TAKEN_AWAY.keys() == SCENARIOS.keys()


def test_without_the_snapshot_a_wrong_configuration_is_believed() -> None:
    """Why a restart keeps the state: an engine that has seen nothing publishes 1.12 for 2,200."""
    run = play(SCENARIOS["moonwell-2026-02"], restore=False)
    published = [moment for moment in run.during(700, 1200) if moment.mark is not None]
    assert published
    assert all((moment.mark or 0.0) < 2 for moment in published)
