"""In what the engine and the plain-Python reference differ at a step."""

from __future__ import annotations

import math

from oracle.engine.reasons import Reason
from oracle.engine.result import BreakerEvent, MarkBatch
from oracle.model.validity import BreakerState, Validity
from oracle.reference.breaker import Event
from oracle.reference.reference import Step

FIGURES = ("index", "mark", "twap", "conf", "premium", "funding", "settled_funding")
RELATIVE, ABSOLUTE = 1e-9, 1e-12


def differences(ours: MarkBatch, theirs: Step) -> list[str]:
    """Return every outcome in which the engine and the reference differ."""
    found = []

    def compare(what: str, engine: object, reference: object) -> None:
        if engine != reference:
            found.append(f"{what}: engine {engine}, reference {reference}")

    compare("rejected", ours.rejected, theirs.rejected)
    compare("events", sorted(map(_moved, ours.events)), sorted(map(_moved, theirs.events)))
    compare("triggers", _unexplained(ours, theirs), [])
    for row, outcome in enumerate(theirs.markets):
        if outcome is None:
            continue
        name = outcome.market
        compare(f"{name} state", BreakerState(int(ours.state[row])), outcome.state)
        compare(f"{name} validity", Validity(int(ours.validity[row])), outcome.validity)
        for figure in FIGURES:
            engine, reference = float(getattr(ours, figure)[row]), getattr(outcome, figure)
            if not agree(engine, reference):
                compare(f"{name} {figure}", engine, reference)
        places = ours.places(row)
        for at, place in zip(range(places.start, places.stop), outcome.places, strict=True):
            who = f"{name} {place.source}"
            compare(f"{who} reason", Reason(int(ours.reason[at])).label, place.reason)
            if not agree(float(ours.price[at]), place.price):
                compare(f"{who} price", float(ours.price[at]), place.price)
    return found


def _moved(event: BreakerEvent | Event) -> tuple[str, ...]:
    return event.market, event.kind, event.before, event.after


def _unexplained(ours: MarkBatch, theirs: Step) -> list[BreakerEvent]:
    """Return the engine's events that name a trigger which did not raise them."""
    raised = {_moved(event): event.triggers for event in theirs.events}
    return [
        event
        for event in ours.events
        if raised.get(_moved(event)) and event.trigger not in raised[_moved(event)]
    ]


def agree(one: float, other: float) -> bool:
    """Whether two figures are the same but for rounding; missing agrees with missing only."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
