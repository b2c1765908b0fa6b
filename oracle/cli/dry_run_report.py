"""What a dry run found, as plain data and as a table with sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from rich.table import Table

from oracle.cli.dry_run import Outcome
from oracle.cli.output import table
from oracle.node.dry_run import Judged, Place, factor_text, figure


def as_data(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as plain data; what is missing is None."""
    return {
        "ticks": outcome.ticks,
        "against": outcome.against or None,
        "no_longer_priced": outcome.no_longer_priced,
        "markets": [_market(one) for one in outcome.judged],
    }


def as_table(outcome: Outcome) -> Table:
    """Return a row for each market."""
    rows = [
        [
            one.observed.market.name,
            _heard(one.observed.sources),
            figure(one.observed.price),
            figure(one.current),
            factor_text(one.observed.factor),
            one.verdict.value,
        ]
        for one in outcome.judged
    ]
    against = f"against {outcome.against}" if outcome.against else "against nothing"
    columns = ["market", "sources seen", "price", "current price", "factor", "verdict"]
    return table(f"{outcome.ticks:,} ticks, {against}", columns, rows)


def sentences(outcome: Outcome) -> Iterator[str]:
    """Yield what the table does not say, the worst last."""
    if not outcome.against:
        yield "note: prices were compared with nothing; --against OLD takes the file in force"
    for name in outcome.no_longer_priced:
        yield f"note {name}: is in force now, and not in this configuration"
    for one in outcome.judged:
        for note in one.notes:
            yield f"note {one.observed.market.name}: {note}"
    for one in outcome.judged:
        for refusal in one.refusals:
            yield f"refused {one.observed.market.name}: {refusal}"


def _market(one: Judged) -> dict[str, Any]:
    seen = one.observed
    return {
        "market": seen.market.name,
        "verdict": one.verdict.value,
        "price": _known(seen.price),
        "current": _known(one.current),
        "factor": _known(seen.factor),
        "refusals": list(one.refusals),
        "notes": list(one.notes),
        "sources": [
            {
                "source": place.source,
                "ticks": place.ticks,
                "price": _known(place.price),
                "reason": place.reason,
                "counted": round(place.counted, 4),
            }
            for place in seen.sources + seen.perps
        ],
    }


def _heard(places: tuple[Place, ...]) -> str:
    return f"{sum(place.ticks > 0 for place in places)} of {len(places)}"


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
