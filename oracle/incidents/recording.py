"""A recorded run: for every market and step what the venues said and what was published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from oracle.engine.events import BreakerEvent
from oracle.incidents.scenario import Scenario
from oracle.model.fixed import Px, float_nearest
from oracle.model.messages import Mark
from oracle.model.validity import ALLOWED, Action, BreakerState, Validity


@dataclass(frozen=True, slots=True)
class Moment:
    """One market at one step. Prices are None where there is none."""

    t_s: float
    validity: Validity
    state: BreakerState
    why: str
    index: float | None
    mark: float | None
    """What is published; none while HALTED or MISSING."""
    twap: float | None
    conf_bps: float | None
    mean: float | None
    median: float | None
    worth: float
    said: tuple[float | None, ...]
    """What each source and perp says, converted by the plain mean, refused or not."""
    reasons: tuple[str, ...]
    """Why each does not count; empty where it does."""

    def allows(self, action: Action) -> bool:
        """Whether a consumer may do this on the published mark."""
        return action in ALLOWED[self.validity]


class Standing(NamedTuple):
    """A stretch of time in which validity and breaker stood still."""

    start_s: float
    end_s: float
    validity: Validity
    state: BreakerState
    why: str


class Happened(NamedTuple):
    """A breaker's event, and when."""

    t_s: float
    event: BreakerEvent


@dataclass(frozen=True)
class Run:
    """A scenario with a seed, recorded. Without a market's name the first shown one is meant."""

    scenario: Scenario
    seed: int
    moments: dict[str, list[Moment]]
    places: dict[str, tuple[str, ...]]
    perps: frozenset[str]
    events: list[Happened]
    ticks: int

    def during(
        self, start_s: float = 0.0, end_s: float = float("inf"), market: str = ""
    ) -> list[Moment]:
        """Return the moments from `start_s` until `end_s`, both included."""
        moments = self.moments[market or self.scenario.markets[0]]
        return [moment for moment in moments if start_s <= moment.t_s <= end_s]

    def reasons(self, source: str, moments: Iterable[Moment], market: str = "") -> list[str]:
        """Return why a source did not count at each of the moments."""
        at = self.places[market or self.scenario.markets[0]].index(source)
        return [moment.reasons[at] for moment in moments]

    def standings(self, market: str = "") -> list[Standing]:
        """Return how a market stood, stretch by stretch."""
        moments = self.during(market=market)
        groups = [list(group) for _, group in groupby(moments, key=_standing)]
        starts = [group[0].t_s for group in groups]
        ends = [*starts[1:], self.scenario.length_s]
        return [
            Standing(start_s, end_s, group[0].validity, group[0].state, group[0].why)
            for group, start_s, end_s in zip(groups, starts, ends, strict=True)
        ]

    def seconds(self, market: str = "") -> dict[str, float]:
        """Return for how long each validity stood."""
        total: dict[str, float] = {}
        for standing in self.standings(market):
            name = standing.validity.name
            total[name] = total.get(name, 0.0) + standing.end_s - standing.start_s
        return total

    def transitions(self, market: str = "") -> Iterator[Happened]:
        """Return the breaker's and the peg's events of a market."""
        name = market or self.scenario.markets[0]
        return (each for each in self.events if each.event.market == name)


def float_or_none(px: Px | None) -> float | None:
    """Return a published price as a float."""
    return None if px is None else float_nearest(px)


def moment_of(
    mark: Mark,
    t_s: float,
    mean: float | None,
    median: float | None,
    worth: float,
    said: tuple[float | None, ...],
) -> Moment:
    """Return what is kept of a published mark, beside what plain aggregators say."""
    return Moment(
        t_s,
        mark.validity,
        mark.state,
        mark.reason,
        float_or_none(mark.index),
        float_or_none(mark.mark),
        float_or_none(mark.twap),
        None if mark.conf_e8 is None else mark.conf_e8 / 1e4,
        mean,
        median,
        worth,
        said,
        tuple(view.reason for view in mark.sources),
    )


def _standing(moment: Moment) -> tuple[Validity, BreakerState]:
    return moment.validity, moment.state
