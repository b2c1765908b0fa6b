"""Why a mark was what it was: what each source said, and what came of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from oracle.engine.spec import MarketSpec, SourceSpec, Weighting
from oracle.model.messages import Mark
from oracle.report.report import Report
from oracle.report.word import GROUP_SIZE, Entry


class Said(NamedTuple):
    """One source of a market at a step."""

    source: str
    kind: str
    """`source` or `perp`."""
    weight: str
    price: str
    outcome: str
    """`used`, or why not."""


class Why(NamedTuple):
    """A market at one member's step."""

    market: str
    who: str
    sources: Sequence[Said]
    validity: str
    reason: str
    index_price: str
    premium: str
    mark: str
    confidence: str

    def sentence(self) -> str:
        """Return what came of the sources, for a person."""
        reason = f" ({self.reason})" if self.reason else ""
        return (
            f"index {self.index_price}, premium {self.premium}, mark {self.mark}, "
            f"confidence {self.confidence}: {self.validity}{reason}"
        )

    def plain(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**self._asdict(), "sources": [one._asdict() for one in self.sources]}


def why(who: str, mark: Mark, spec: MarketSpec) -> Why:
    """Return what made a mark."""
    seen = {view.source: view for view in mark.sources}
    said = []
    for kind, places in (("source", spec.sources), ("perp", spec.perps)):
        for place in places:
            view = seen.get(place.source)
            if view is None:
                continue
            price = "-" if view.price is None else str(view.price)
            said.append(
                Said(place.source, kind, _weight(place, spec), price, view.reason or "used")
            )
    return Why(
        mark.market, who, said, mark.validity.name, mark.reason,
        _or_dash(mark.index), _e8_bps(mark.premium_e8), _or_dash(mark.mark), _e8_bps(mark.conf_e8),
    )  # fmt: skip


def entry_of_report(report: Report, number: int) -> Entry | None:
    """Return what a report says of a market number, if it carries its group."""
    for leaf in report.leaves:
        if leaf.group == number // GROUP_SIZE:
            return leaf.decoded().entries[number % GROUP_SIZE]
    return None


def in_words(entry: Entry) -> str:
    """Return an entry for a person."""
    premium = (
        "premium unknown" if entry.premium_e8 is None else f"premium {_e8_bps(entry.premium_e8)}"
    )
    if entry.price is None:
        return entry.validity.name
    return f"{entry.price} {entry.validity.name}, ±{_e8_bps(entry.conf_e8)}, {premium}"


def market_in(specs: Sequence[MarketSpec], name: str) -> MarketSpec | None:
    """Return a market's specification."""
    return next((market for market in specs if market.name == name), None)


def marks_by_name(marks: Sequence[Mark]) -> Mapping[str, Mark]:
    """Return marks by market."""
    return {mark.market: mark for mark in marks}


def _weight(place: SourceSpec, spec: MarketSpec) -> str:
    measured = "" if spec.weights.by is Weighting.EQUAL else f" x {spec.weights.by.name.lower()}"
    return f"{place.weight:g}{measured}"


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)


def _e8_bps(value: int | None) -> str:
    return "-" if value is None else f"{value / 1e4:.2f} bps"
