"""Claims that several scenarios make about a run, each with the figure that decides it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from oracle.incidents.recording import Moment, Run
from oracle.incidents.scenario import Check, Finding
from oracle.model.validity import Action, BreakerState

END: Final = float("inf")
FIELDS: Final = {
    "index": lambda moment: moment.index,
    "mark": lambda moment: moment.mark,
    "twap": lambda moment: moment.twap,
    "mean": lambda moment: moment.mean,
    "median": lambda moment: moment.median,
}
"""The prices of a moment, by name."""


def off_bps(moments: Iterable[Moment], field: str) -> list[float]:
    """Return how far a price was from what the market was worth, wherever there is one."""
    pairs = ((FIELDS[field](moment), moment.worth) for moment in moments)
    return [abs(price / worth - 1.0) * 1e4 for price, worth in pairs if price is not None]


def distance(bps: float) -> str:
    """Return a distance as people read it: in bps, percent, or as a factor."""
    if bps < 100:
        return f"{bps:.1f} bps"
    return f"{bps / 100:,.1f} %" if bps < 1e5 else f"a factor of {bps / 1e4 + 1:,.0f}"


def within(
    field: str,
    bps: float,
    claim: str,
    *,
    start_s: float = 0.0,
    end_s: float = END,
    market: str = "",
    name: str = "",
) -> Check:
    """Claim that a price, wherever it exists, is within `bps` of what the market was worth."""

    def judge(run: Run) -> Finding:
        off = off_bps(run.during(start_s, end_s, market), field)
        seen = f"at most {distance(max(off))} off" if off else "never there"
        return Finding(bool(off) and max(off) <= bps, seen)

    return Check(name or f"{field} right", claim, judge)


def wrong(
    field: str,
    bps: float,
    claim: str,
    *,
    start_s: float = 0.0,
    end_s: float = END,
    market: str = "",
    name: str = "",
) -> Check:
    """Claim that a plain aggregate is at some time `bps` or more from what the market was worth."""

    def judge(run: Run) -> Finding:
        worst = max(off_bps(run.during(start_s, end_s, market), field), default=0.0)
        return Finding(worst >= bps, f"up to {distance(worst)} off")

    return Check(name or f"plain {field} wrong", claim, judge)


def refused(
    source: str, reasons: set[str], claim: str, start_s: float, end_s: float, market: str = ""
) -> Check:
    """Claim that a source does not count, for one of `reasons`, throughout a time."""

    def judge(run: Run) -> Finding:
        found = run.reasons(source, run.during(start_s, end_s, market), market)
        seen = ", ".join(sorted({reason or "used" for reason in found}))
        return Finding(bool(found) and set(found) <= reasons, seen)

    return Check(f"{source} {' or '.join(sorted(reasons))}", claim, judge)


def nothing_published(claim: str, start_s: float, end_s: float, market: str = "") -> Check:
    """Claim that no price is published throughout a time."""

    def judge(run: Run) -> Finding:
        moments = run.during(start_s, end_s, market)
        priced = sum(moment.mark is not None for moment in moments)
        return Finding(bool(moments) and not priced, f"{priced} of {len(moments)} steps priced")

    return Check("nothing published", claim, judge)


def forbidden(
    actions: Iterable[Action], claim: str, start_s: float, end_s: float, market: str = ""
) -> Check:
    """Claim that no validity of a time allows any of the actions."""
    named = sorted(actions)

    def judge(run: Run) -> Finding:
        moments = run.during(start_s, end_s, market)
        allowed = sum(any(moment.allows(action) for action in named) for moment in moments)
        seen = f"allowed at {allowed} of {len(moments)} steps"
        return Finding(bool(moments) and not allowed, seen)

    return Check(f"no {' or '.join(named)}", claim, judge)


def allowed(
    action: Action, claim: str, start_s: float = 0.0, end_s: float = END, market: str = ""
) -> Check:
    """Claim that every validity of a time allows the action."""

    def judge(run: Run) -> Finding:
        moments = run.during(start_s, end_s, market)
        able = sum(moment.allows(action) for moment in moments)
        return Finding(
            bool(moments) and able == len(moments), f"allowed at {able} of {len(moments)} steps"
        )

    return Check(f"{action} goes on", claim, judge)


def enters(
    state: BreakerState, claim: str, start_s: float, end_s: float, trigger: str, market: str = ""
) -> Check:
    """Claim that the breaker goes into `state` by `trigger` within a time."""

    def judge(run: Run) -> Finding:
        hits = [
            each
            for each in run.transitions(market)
            if each.event.after == state.name and start_s <= each.t_s <= end_s
        ]
        if not hits:
            return Finding(False, f"never {state.name}")
        first = hits[0]
        right = any(each.event.trigger.startswith(trigger) for each in hits)
        return Finding(right, f"{first.t_s - start_s:.0f} s in, by {first.event.trigger}")

    return Check(f"{state.name} by {trigger}", claim, judge)


def no_halt_longer(limit_s: float, claim: str, market: str = "") -> Check:
    """Claim that no stretch without a published price is longer than `limit_s`."""

    def judge(run: Run) -> Finding:
        longest = max(_gaps(run.during(market=market)), default=0.0)
        return Finding(longest <= limit_s, f"longest {longest:.0f} s, allowed {limit_s:.0f} s")

    return Check("no false halt", claim, judge)


def ends(state: BreakerState, claim: str, market: str = "") -> Check:
    """Claim how the breaker stands at the end."""

    def judge(run: Run) -> Finding:
        last = run.during(market=market)[-1].state
        return Finding(last is state, f"{last.name} at the end")

    return Check(f"ends {state.name}", claim, judge)


def holds(name: str, claim: str, judge: Callable[[Run], Finding]) -> Check:
    """Claim what only one scenario says."""
    return Check(name, claim, judge)


def published(moments: Iterable[Moment]) -> list[Moment]:
    """Return the moments with a price."""
    return [moment for moment in moments if moment.mark is not None]


def _gaps(moments: Iterable[Moment]) -> list[float]:
    gaps, since = [], None
    for moment in moments:
        if moment.mark is None:
            since = moment.t_s if since is None else since
        elif since is not None:
            gaps.append(moment.t_s - since)
            since = None
    return gaps if since is None else [*gaps, moment.t_s - since]
