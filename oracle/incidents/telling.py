"""A run in words and figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oracle.incidents.claims import distance, off_bps, published
from oracle.incidents.recording import Moment, Run
from oracle.incidents.scenario import Check


def told(run: Run) -> str:
    """Say in a sentence or two what the plain aggregates and what we made of it."""
    moments = run.during()
    marks = [moment.mark for moment in published(moments) if moment.mark is not None]
    mean, median = (max(off_bps(moments, field), default=0.0) for field in ("mean", "median"))
    plain = f"The plain mean was up to {distance(mean)} off, the plain median {distance(median)}."
    if not marks:
        return f"{plain} Plumbline published no price."
    ours = max(off_bps(moments, "mark"))
    span = f"{min(marks):,.5g}" if min(marks) == max(marks) else _span(min(marks), max(marks))
    stood = ", ".join(
        f"{name} for {duration(seconds)}"
        for name, seconds in sorted(run.seconds().items(), key=lambda item: -item[1])
    )
    return f"{plain} Plumbline published {span}, at most {distance(ours)} off: {stood}."


def duration(seconds: float) -> str:
    """Return e.g. `50 s`, `16.5 min`, `2.3 h`, `3.0 d`."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def verdicts(run: Run) -> list[tuple[Check, bool, str]]:
    """Return every check with whether it holds and the figure that says so; ours first."""
    checks = (*run.scenario.checks, *run.scenario.naive)
    return [(check, *check.judge(run)) for check in checks]


def as_data(run: Run) -> dict[str, Any]:
    """Return a run as plain data: figures, standings, events and checks."""
    scenario = run.scenario
    found = verdicts(run)
    return {
        "id": scenario.id,
        "title": scenario.title,
        "start": scenario.start.isoformat(),
        "seed": run.seed,
        "ticks": run.ticks,
        "ok": all(ok for _, ok, _ in found),
        "told": told(run),
        "checks": [
            {
                "name": check.name,
                "claim": check.claim,
                "about": "ours" if check in scenario.checks else "plain aggregates",
                "ok": ok,
                "seen": seen,
            }
            for check, ok, seen in found
        ],
        "markets": {market: _market(run, market) for market in run.moments},
        "events": [
            {"t_s": each.t_s, "kind": each.event.kind, "sentence": each.event.sentence}
            for each in run.events
        ],
    }


def _market(run: Run, market: str) -> dict[str, Any]:
    moments = run.during(market=market)
    return {
        "steps": len(moments),
        "published": _range(moments, lambda moment: moment.mark),
        "index": _range(moments, lambda moment: moment.index),
        "plain_mean": _range(moments, lambda moment: moment.mean),
        "plain_median": _range(moments, lambda moment: moment.median),
        "worst_off_bps": {
            field: round(max(off_bps(moments, field), default=0.0), 2)
            for field in ("mark", "index", "mean", "median")
        },
        "validity_s": run.seconds(market),
        "standings": [
            {
                "start_s": each.start_s,
                "end_s": each.end_s,
                "validity": each.validity.name,
                "state": each.state.name,
                "why": each.why,
            }
            for each in run.standings(market)
        ],
        "refusals": _refusals(run, market, moments),
    }


def _range(moments: list[Moment], of: Callable[[Moment], float | None]) -> dict[str, float] | None:
    values = [value for value in map(of, moments) if value is not None]
    return {"least": min(values), "most": max(values)} if values else None


def _refusals(run: Run, market: str, moments: list[Moment]) -> dict[str, dict[str, float]]:
    """Return for how long each source was refused, by reason."""
    step_s = run.scenario.step_s
    total: dict[str, dict[str, float]] = {}
    for at, source in enumerate(run.places[market]):
        for moment in moments:
            reason = moment.reasons[at]
            if reason:
                reasons = total.setdefault(source, {})
                reasons[reason] = reasons.get(reason, 0.0) + step_s
    return total


def _span(least: float, most: float) -> str:
    return f"{least:,.5g} to {most:,.5g}"
