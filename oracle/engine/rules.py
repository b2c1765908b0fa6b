"""From one market's specification to its rules as numbers; bps become ratios."""

from __future__ import annotations

from typing import Any, Final

from oracle.engine.breaker import Trigger
from oracle.engine.spec import OFF, MarketSpec, Method, Premium

_MID_METHODS: Final = (Method.INDEX_ONLY, Method.TWAP_ONLY, Method.INDEX_BASIS)


def fill(rule: Any, market: MarketSpec) -> None:
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
    rule.all_origins = len({entry.origin for entry in market.places})
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
