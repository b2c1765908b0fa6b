"""From a specification to records: where each market's places, windows and edges stand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import numpy as np

from oracle.engine import fresh, records
from oracle.engine.pricing import AGE_WIDTH
from oracle.engine.reasons import Reason
from oracle.engine.records import MOST_PLACES, Records, Tables
from oracle.engine.rules import fill
from oracle.engine.spec import OFF, EngineSpec, MarketSpec, Method, TwapSpec
from oracle.engine.weights import WEIGHT_UNITS
from oracle.model.errors import ConfigError


class Layout:
    """Numbers of everything by name, and fresh tables.

    Raises:
        ConfigError: a market has more than `MOST_PLACES` places, or a level names a market that
            converts through one of the same or a later level.
    """

    def __init__(self, spec: EngineSpec) -> None:
        self.markets: Final = spec.markets
        self.market_at: Final = {market.name: row for row, market in enumerate(spec.markets)}
        self.places: Final = [entry for market in spec.markets for entry in market.places]
        sources = dict.fromkeys(entry.source for entry in self.places)
        self.source_at: Final = {name: number for number, name in enumerate(sources)}
        self.first: Final = np.cumsum([0, *(len(market.places) for market in spec.markets)])
        self.order: Final = self._order(spec)
        self.windows: Final = [_windows(market) for market in spec.markets]

    def _order(self, spec: EngineSpec) -> records.Ints:
        """Return all markets in the order of conversion."""
        done: set[str] = set()
        for level in spec.levels:
            for name in level:
                edges = {e.edge for e in self.markets[self.market_at[name]].places if e.edge}
                if not edges <= done:
                    raise ConfigError(
                        f"market {name} converts through {min(edges - done)}, which is not of an "
                        "earlier level; order the levels by conversion"
                    )
            done.update(level)
        return np.array([self.market_at[name] for level in spec.levels for name in level], np.int64)

    def tables(self) -> Tables:
        """Return tables with the rules filled in and the state fresh."""
        widest = max(len(market.places) for market in self.markets)
        if widest > MOST_PLACES:
            raise ConfigError(f"a market has {widest} sources and perps; {MOST_PLACES} are allowed")
        sources, places, markets = len(self.source_at), len(self.places), len(self.markets)
        window_rules = self._window_rules()
        source_rules, rules_at = np.unique(self._source_rules(), return_inverse=True)
        return Tables(
            source_rules=source_rules,
            rules_at=rules_at,
            source=fresh.records(records.SOURCE_STATE, sources),
            source_rest=fresh.records(records.SOURCE_REST, sources, volume=0.0),
            place_rules=self._place_rules(),
            place=fresh.records(records.PLACE_STATE, places, reason=int(Reason.NO_DATA)),
            place_rest=fresh.records(records.PLACE_REST, places),
            window_rules=window_rules,
            window=fresh.windows(len(window_rules)),
            buckets=np.zeros((len(window_rules), records.BUCKETS, 2)),
            market_rules=self._market_rules(),
            market=fresh.markets(markets),
            basis=np.zeros(markets, records.BASIS_STATE),
            funding=fresh.funding(markets),
            mark=fresh.marks(markets),
            edges=np.array(
                sorted({self.market_at[e.edge] for e in self.places if e.edge}), np.int64
            ),
            price=np.full(places, math.nan),
            width=np.zeros(places),
            reason=np.full(places, int(Reason.NO_DATA), np.int8),
            paused_source=np.zeros(sources, np.bool_),
            paused_market=np.zeros(markets, np.bool_),
            work=np.zeros(1, records.WORK),
            counted=np.zeros((3, records.REASONS), np.int64),
        )

    def _source_rules(self) -> Records:
        """Return per source the strictest bounds of the markets that use it."""
        rules = np.zeros(len(self.source_at), records.SOURCE_RULES)
        rules["max_future_ns"] = rules["weight_window_ns"] = np.iinfo(np.int64).max
        rules["max_spread"] = OFF
        for market in self.markets:
            for entry in market.places:
                rule = rules[self.source_at[entry.source]]
                admission = market.admission
                rule.max_age_ns = max(rule.max_age_ns, entry.max_age_ns)
                rule.max_future_ns = min(rule.max_future_ns, admission.max_future_ns)
                rule.max_spread = min(rule.max_spread, admission.max_spread_bps / 1e4)
                rule.weight_window_ns = min(rule.weight_window_ns, market.weights.window_ns)
        return rules

    def _place_rules(self) -> Records:
        rules = np.zeros(len(self.places), records.PLACE_RULES)
        for row, market in enumerate(self.markets):
            origins, groups = _numbers(market, "origin"), _numbers(market, "group")
            for at, entry in enumerate(market.places, self.first[row]):
                rules[at] = (
                    entry.max_age_ns,
                    AGE_WIDTH / max(entry.max_age_ns, 1),
                    entry.max_step_bps / 1e4,
                    self.source_at[entry.source],
                    max(round(entry.weight * WEIGHT_UNITS), 1),
                    self.market_at[entry.edge] if entry.edge else -1,
                    origins[entry.origin],
                    groups[entry.group],
                )
        return rules

    def _window_rules(self) -> Records:
        windows = [window for market in self.windows for _, window in market]
        rules = np.zeros(len(windows), records.WINDOW_RULES)
        for rule, window in zip(rules, windows, strict=True):
            rule.window_ns = window.window_ns
            rule.bucket_ns = max(window.window_ns // records.BUCKETS, 1)
            rule.geometric = bool(window.mean)
            rule.clamp = window.clamp_bps / 1e4
            rule.gap_ns = window.gap_ns or window.window_ns
        return rules

    def _market_rules(self) -> Records:
        rules = np.zeros(len(self.markets), records.MARKET_RULES)
        first_window = 0
        for row, market in enumerate(self.markets):
            fill(rules[row], market)
            rules[row].first = self.first[row]
            rules[row].first_window = first_window
            has_mean = market.mark.method is Method.MEDIAN3_FUNDING
            first_window += len(self.windows[row])
            rules[row].basis_window = first_window - 1 if has_mean else -1
            perps = [entry.source for entry in market.perps]
            own = market.mark.own
            if own is not None and own not in perps:
                raise ConfigError(f"{market.name}: own contract {own} is none of its perps")
            at = self.first[row] + len(market.sources)
            rules[row].own = -1 if own is None else at + perps.index(own)
        return rules


def _numbers(market: MarketSpec, field: str) -> dict[str, int]:
    """Number a market's origins or groups, those of its sources first."""
    labels: Iterable[str] = (getattr(entry, field) for entry in market.places)
    return {label: number for number, label in enumerate(dict.fromkeys(labels))}


def _windows(market: MarketSpec) -> list[tuple[str, TwapSpec]]:
    """Return a market's averages: the published one, one a deviation, the mean of the basis."""
    made = [("twap", market.twap)]
    made += [("deviation", TwapSpec(each.window_ns)) for each in market.breaker.deviations]
    if market.mark.method is Method.MEDIAN3_FUNDING:
        made.append(("basis", TwapSpec(market.mark.basis_ns)))
    return made
