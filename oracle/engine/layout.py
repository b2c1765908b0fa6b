"""From a specification to records: where each market's places, windows and edges stand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from oracle.engine import records
from oracle.engine.breaker import Trigger
from oracle.engine.pricing import AGE_WIDTH
from oracle.engine.reasons import Reason
from oracle.engine.records import MOST_PLACES, NEVER, Records, Tables
from oracle.engine.spec import OFF, EngineSpec, MarketSpec, Method, Premium, SourceSpec, TwapSpec
from oracle.engine.weights import WEIGHT_UNITS
from oracle.model.errors import ConfigError
from oracle.model.validity import Validity

_MID_METHODS: Final = (Method.INDEX_ONLY, Method.TWAP_ONLY, Method.INDEX_BASIS)


class Layout:
    """Numbers of everything by name, and fresh tables.

    Raises:
        ConfigError: a market has more than `MOST_PLACES` places, or a level names a market that
            converts through one of the same or a later level.
    """

    def __init__(self, spec: EngineSpec) -> None:
        self.markets: Final = spec.markets
        self.market_at: Final = {market.name: row for row, market in enumerate(spec.markets)}
        self.places: Final = [entry for market in spec.markets for entry in _places(market)]
        sources = dict.fromkeys(entry.source for entry in self.places)
        self.source_at: Final = {name: number for number, name in enumerate(sources)}
        self.first: Final = np.cumsum([0, *(len(_places(market)) for market in spec.markets)])
        self.order: Final = self._order(spec)
        self.windows: Final = [_windows(market) for market in spec.markets]

    def _order(self, spec: EngineSpec) -> records.Ints:
        """Return all markets in the order of conversion."""
        done: set[str] = set()
        for level in spec.levels:
            for name in level:
                edges = {e.edge for e in _places(self.markets[self.market_at[name]]) if e.edge}
                if not edges <= done:
                    raise ConfigError(
                        f"market {name} converts through {min(edges - done)}, which is not of an "
                        "earlier level; order the levels by conversion"
                    )
            done.update(level)
        return np.array([self.market_at[name] for level in spec.levels for name in level], np.int64)

    def tables(self) -> Tables:
        """Return tables with the rules filled in and the state fresh."""
        widest = max(len(_places(market)) for market in self.markets)
        if widest > MOST_PLACES:
            raise ConfigError(f"a market has {widest} sources and perps; {MOST_PLACES} are allowed")
        sources, places, markets = len(self.source_at), len(self.places), len(self.markets)
        window_rules = self._window_rules()
        return Tables(
            source_rules=self._source_rules(),
            source=_fresh(records.SOURCE_STATE, sources),
            source_rest=_fresh(records.SOURCE_REST, sources, volume=0.0),
            place_rules=self._place_rules(),
            place=_fresh(records.PLACE_STATE, places, reason=int(Reason.NO_DATA)),
            place_rest=_fresh(records.PLACE_REST, places),
            window_rules=window_rules,
            window=_fresh_windows(len(window_rules)),
            buckets=np.zeros((len(window_rules), records.BUCKETS, 2)),
            market_rules=self._market_rules(),
            market=_fresh_markets(markets),
            basis=np.zeros(markets, records.BASIS_STATE),
            funding=_fresh_funding(markets),
            mark=_fresh_marks(markets),
            edges=np.array(
                sorted({self.market_at[e.edge] for e in self.places if e.edge}), np.int64
            ),
            price=np.full(places, math.nan),
            width=np.zeros(places),
            reason=np.full(places, int(Reason.NO_DATA), np.int8),
            paused_source=np.zeros(sources, np.bool_),
            paused_market=np.zeros(markets, np.bool_),
            work=np.zeros(1, records.WORK),
        )

    def _source_rules(self) -> Records:
        """Return per source the strictest bounds of the markets that use it."""
        rules = np.zeros(len(self.source_at), records.SOURCE_RULES)
        rules["max_future_ns"] = rules["weight_window_ns"] = np.iinfo(np.int64).max
        rules["max_spread"] = OFF
        for market in self.markets:
            for entry in _places(market):
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
            for at, entry in enumerate(_places(market), self.first[row]):
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
            _fill(rules[row], market)
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


def _places(market: MarketSpec) -> tuple[SourceSpec, ...]:
    return market.sources + market.perps


def _numbers(market: MarketSpec, field: str) -> dict[str, int]:
    """Number a market's origins or groups, those of its sources first."""
    labels: Iterable[str] = (getattr(entry, field) for entry in _places(market))
    return {label: number for number, label in enumerate(dict.fromkeys(labels))}


def _windows(market: MarketSpec) -> list[tuple[str, TwapSpec]]:
    """Return a market's averages: the published one, one a deviation, the mean of the basis."""
    made = [("twap", market.twap)]
    made += [("deviation", TwapSpec(each.window_ns)) for each in market.breaker.deviations]
    if market.mark.method is Method.MEDIAN3_FUNDING:
        made.append(("basis", TwapSpec(market.mark.basis_ns)))
    return made


def _fill(rule: Any, market: MarketSpec) -> None:
    """Fill one market's rules, but for its place among the others."""
    admission, weights, mark, funding = (
        market.admission,
        market.weights,
        market.mark,
        market.funding,
    )
    origins, groups = ({getattr(e, f) for e in market.sources} for f in ("origin", "group"))
    rule.sources, rule.perps = len(market.sources), len(market.perps)
    rule.origins, rule.groups = len(origins), len(groups)
    rule.all_origins = len({entry.origin for entry in _places(market)})
    rule.min_sources, rule.min_origins = market.min_sources, market.min_origins
    rule.max_confidence = market.max_confidence_bps / 1e4
    rule.max_scale, rule.leg_scale = admission.max_scale, admission.leg_scale
    rule.leg_tolerance = admission.leg_tolerance_bps / 1e4
    rule.confirm_ns, rule.scale_memory_ns = admission.confirm_ns, admission.scale_memory_ns
    rule.max_unchanged_ns = admission.max_unchanged_ns
    rule.unchanged = admission.unchanged_bps / 1e4
    rule.weight_by = int(weights.by)
    rule.origin_cap, rule.group_cap = weights.origin_cap, weights.group_cap
    rule.mads = market.outlier.mads
    rule.outlier_floor = market.outlier.floor_bps / 1e4
    rule.outlier_ceiling = market.outlier.ceiling_bps / 1e4
    rule.method = int(mark.method)
    rule.basis_ns, rule.second_ns = float(mark.basis_ns), float(mark.second_ns)
    rule.max_basis = mark.max_basis_bps / 1e4
    rule.min_perps, rule.rate_interval_ns = mark.min_perps, mark.funding_interval_ns
    if funding is not None:
        rule.funding_interval_ns, rule.sample_ns = funding.interval_ns, funding.sample_ns
        rule.period_share = funding.interval_ns / funding.period_ns
        rule.linear, rule.interest = bool(funding.weights), funding.interest
        rule.funding_clamp, rule.funding_cap = funding.clamp, funding.cap
        rule.premium = int(funding.premium)
    rule.needs_book = mark.method not in _MID_METHODS or rule.premium == int(Premium.IMPACT)
    _fill_breaker(rule, market)


def _fill_breaker(rule: Any, market: MarketSpec) -> None:
    breaker = market.breaker
    guarded, halted = rule.guarded, rule.halted
    guarded[:] = halted[:] = rule.volatile[:] = OFF
    rule.deviations = len(breaker.deviations)
    for n, each in enumerate(breaker.deviations):
        guarded[n], halted[n] = each.guarded_bps / 1e4, each.halted_bps / 1e4
        rule.volatile[n] = each.volatile_bps / 1e4
    for trigger, guards, halts in (
        (Trigger.DISPERSION, breaker.dispersion_guarded_bps, breaker.dispersion_halted_bps),
        (Trigger.CONFIDENCE, breaker.confidence_guarded_bps, breaker.confidence_halted_bps),
        (Trigger.MARK, breaker.mark_guarded_bps, breaker.mark_halted_bps),
        (Trigger.PEG, OFF if breaker.peg is None else breaker.peg.guarded_bps, OFF),
    ):
        guarded[trigger], halted[trigger] = guards / 1e4, halts / 1e4
    # A shortfall is a whole number: from one missing source on.
    guarded[Trigger.SOURCES] = 1.0 if breaker.alarm_sources else OFF
    guarded[Trigger.ORIGINS] = 1.0 if breaker.alarm_origins else OFF
    halted[Trigger.MISSING] = breaker.missing_halted_ns or OFF
    guarded[Trigger.STALE] = breaker.stale_guarded_ns or OFF
    guarded[Trigger.CONVERSION] = breaker.conversion_guarded_share
    rule.alarm_sources, rule.alarm_origins = breaker.alarm_sources, breaker.alarm_origins
    if breaker.peg is not None:
        rule.peg, rule.peg_cut = breaker.peg.target, breaker.peg.cut_bps / 1e4
    rule.release, rule.latch = breaker.release, breaker.latch
    rule.dwell_ns, rule.recovery_ns = breaker.dwell_ns, breaker.recovery_ns
    rule.agree = breaker.agree_bps / 1e4


def _fresh(kind: np.dtype[Any], count: int, **others: float) -> Records:
    """Return records whose prices are NaN and whose times and sequences never were."""
    made = np.zeros(count, kind)
    for name in kind.names or ():
        if kind[name].kind == "f":
            made[name] = others.get(name, math.nan)
        elif kind[name].kind == "i":
            made[name] = others.get(name, NEVER)
    return made


def _fresh_windows(count: int) -> Records:
    made = np.zeros(count, records.WINDOW_STATE)
    made["held"], made["seen_ns"], made["bucket"] = math.nan, NEVER, -1
    return made


def _fresh_markets(count: int) -> Records:
    made = np.zeros(count, records.MARKET_STATE)
    made["last_index"] = math.nan
    made["last_index_ns"] = made["scale_ns"] = NEVER
    return made


def _fresh_funding(count: int) -> Records:
    made = np.zeros(count, records.FUNDING_STATE)
    made["interval"] = made["slot"] = NEVER
    made["settled"] = math.nan
    return made


def _fresh_marks(count: int) -> Records:
    made = _fresh(records.MARK, count)
    for name in ("validity", "sources", "origins", "before", "state", "depeg", "time_ns"):
        made[name] = 0
    made["newest_event_ns"] = made["newest_received_ns"] = 0
    made["trigger"] = made["volatile"] = -1
    made["validity"] = int(Validity.MISSING)
    return made
